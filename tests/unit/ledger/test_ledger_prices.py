"""What a call reserves and what it used: prices, bytes and tokens, and the budgets they are counted in."""

from decimal import Decimal
from typing import Any

import pytest
from ledger_kit import ALICE, BOB, FakeClock, UsedBefore, call, case, tool

from gateway.config.budgets import Budget
from gateway.ledger.budgets import Budgets
from gateway.ledger.case import Case
from gateway.ledger.prices import FIRST_GUESS, reserved, used
from gateway.model.outcome import Brought
from gateway.model.refusal import Reason, Refused
from gateway.model.spend import Bill, shown
from gateway.model.terms import Price, Terms
from gateway.model.tool import Effect, Tool

ARGUMENT = Price(argument="args.order.total")
RESULT = Price(result="result.structuredContent.price", at_most=5_000_000)


def priced(price: Price | None = None, **terms: Any) -> Tool:
    return tool(Effect.MUTATING, terms=Terms(price=price, **terms))


def brought(size: int = 100, **result: Any) -> Brought:
    return Brought(result, size, is_error=False)


def made(*rules: dict[str, Any]) -> Budgets:
    return Budgets([Budget(**rule) for rule in rules], FakeClock(), UsedBefore())


def settled(budgets: Budgets, one: Case, came: Brought | None) -> Bill:
    return budgets.settle(one, budgets.spend(budgets.owes(one)), came)


@pytest.mark.parametrize(
    ("amount", "micros"),
    [(3, 3_000_000), (2.5, 2_500_000), ("19.99", 19_990_000), (0, 0), ("0", 0), ("0.0000001", 1), (10**9, 10**15)],
)
def test_an_amount_is_a_number_or_a_decimal_and_rounded_up_to_millionths(amount: Any, micros: int) -> None:
    assert reserved(call(priced(ARGUMENT), order={"total": amount}), 1).money == micros


@pytest.mark.parametrize(
    "amount",
    [
        None,
        True,
        -1,
        "-1",
        "",
        "1,5",
        "1e3",
        " 1",
        "1_000",
        "٣",
        "NaN",
        "Infinity",
        [],
        {},
        10**9 + 1,
        1e300,
        "9" * 5000,
    ],
)
def test_what_is_no_amount_is_refused_by_the_name_of_its_argument(amount: Any) -> None:
    with pytest.raises(Refused) as caught:
        reserved(call(priced(ARGUMENT), order={"total": amount}), 1)
    assert caught.value.refusal.reason is Reason.INVALID_ARGUMENTS
    assert "args.order.total" in caught.value.refusal.detail


@pytest.mark.parametrize("arguments", [{"other": 1}, {"order": 5}, {"order": {}}])
def test_an_amount_that_is_not_there_is_refused_before_anything_is_counted(arguments: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="invalid-arguments"):
        reserved(call(priced(ARGUMENT), **arguments), 1)


@pytest.mark.parametrize(
    ("result", "money", "estimated"),
    [
        ({"structuredContent": {"price": "1.25"}}, 1_250_000, False),
        ({"structuredContent": {"price": 0}}, 0, False),
        ({"structuredContent": {"price": "free"}}, 5_000_000, True),
        ({"structuredContent": {"price": 6}}, 5_000_000, True),
        ({}, 5_000_000, True),
    ],
)
def test_a_price_that_the_result_tells_replaces_the_most_it_may_be(result: Any, money: int, estimated: bool) -> None:
    of = call(priced(RESULT))
    cost = used(of, reserved(of, 1), brought(**result))
    assert (cost.money, cost.estimated) == (money, estimated)
    assert cost.noted.get("estimated", False) is estimated


def test_without_an_answer_the_price_is_paid_and_nothing_was_brought() -> None:
    of = call(priced(RESULT))
    cost = used(of, reserved(of, 100), None)
    assert (cost.calls, cost.mutating, cost.bytes, cost.tokens, cost.money) == (1, 1, 0, 0, 5_000_000)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, 26), ({"totalTokens": 900}, 900), ({"total_tokens": 30}, 30), ({"inputTokens": 40, "outputTokens": 2}, 42),
        ({"input_tokens": 1, "output_tokens": 2}, 26), ({"totalTokens": -5}, 26), ({"totalTokens": 10**30}, 26),
        ({"totalTokens": "many"}, 26), ([], 26),
    ],
)  # fmt: skip
def test_a_tool_may_report_more_tokens_than_its_answer_weighs_but_never_fewer(usage: Any, tokens: int) -> None:
    of = call(priced())
    assert used(of, reserved(of, 1), brought(101, _meta={"usage": usage})).tokens == tokens


def test_what_is_reserved_for_an_answer_is_declared_else_the_largest_that_was_seen() -> None:
    budgets, one, declared = made(), case(ALICE), case(ALICE, of=priced(at_most_bytes=300))
    assert budgets.owes(one).cost.bytes == FIRST_GUESS
    settled(budgets, one, brought(100_001))
    settled(budgets, one, brought(5))
    cost = budgets.owes(one).cost
    assert (cost.bytes, cost.tokens, budgets.owes(declared).cost.bytes) == (100_001, 25_001, 300)


def test_one_answer_beyond_measure_weighs_on_the_calls_of_others_only_for_a_while() -> None:
    budgets, one, other = made(), case(ALICE), case(BOB)
    settled(budgets, one, brought(10**8))
    assert budgets.owes(other).cost.bytes == 10**8
    for _ in range(32):
        settled(budgets, other, brought(5))
    assert budgets.owes(other).cost.bytes == FIRST_GUESS


def test_a_small_budget_of_bytes_lets_a_first_call_through_and_charges_what_came() -> None:
    budgets, one = made({"scope": "agent", "unit": "bytes", "window": "hour", "limit": 1000}), case(ALICE)
    settled(budgets, one, brought(900))
    with pytest.raises(Refused, match="has 100 left, and this call may use 1000"):
        budgets.spend(budgets.owes(one))
    small = case(ALICE, of=priced(at_most_bytes=100))
    settled(budgets, small, brought(500))
    with pytest.raises(Refused, match="is spent"):
        budgets.spend(budgets.owes(small))


def test_money_is_counted_exactly_and_told_in_decimals() -> None:
    budgets = made({"scope": "user", "unit": "money", "window": "day", "limit": Decimal("0.3"), "soft": 0.5})
    dime, free = case(ALICE, of=priced(ARGUMENT), order={"total": "0.1"}), case(ALICE)
    assert settled(budgets, dime, brought()).warnings == {}
    (told,) = settled(budgets, dime, brought()).warnings["io.sallyport/budget"]
    resets_at = told.pop("resets_at")
    assert told == {"scope": "user", "unit": "money", "window": "day", "limit": "0.3", "used": "0.2", "left": "0.1"}
    assert resets_at.endswith("T00:00:00Z")
    settled(budgets, dime, brought())
    with pytest.raises(Refused, match=r"0\.3 of money per day, is spent"):
        budgets.spend(budgets.owes(dime))
    assert settled(budgets, free, brought()).warnings == {}, "what costs nothing does not touch it"
    assert [shown("money", 10**15), shown("money", 1), shown("calls", 7)] == ["1000000000", "0.000001", 7]


async def test_a_single_call_may_be_too_dear_whatever_budget_is_left() -> None:
    single = {"scope": "call", "unit": "money", "limit": 2}, {"scope": "call", "unit": "bytes", "limit": 50}
    budgets = made(*single)
    await budgets.learn(budgets.owes(case(ALICE, of=priced(ARGUMENT), order={"total": 2})))
    for dear in (case(ALICE, of=priced(ARGUMENT), order={"total": "2.01"}), case(ALICE, of=priced(at_most_bytes=51))):
        with pytest.raises(Refused) as caught:
            await budgets.learn(budgets.owes(dear))
        told = caught.value.refusal.told("c")
        assert (told["reason"], told["retry"], told["budget"]["scope"]) == ("budget-exhausted", "never", "call")
    await budgets.learn(budgets.owes(case(ALICE)))
    (told,) = settled(budgets, case(ALICE), brought(51)).warnings["io.sallyport/budget"]
    assert (told["scope"], told["unit"], told["limit"], told["used"]) == ("call", "bytes", 50, 51)


def test_only_what_leaves_traces_is_paid_from_a_budget_of_mutating_calls() -> None:
    budgets = made({"scope": "agent", "unit": "mutating", "window": "day", "limit": 1})
    for _ in range(3):
        budgets.spend(budgets.owes(case(ALICE, Effect.READ)))
    budgets.spend(budgets.owes(case(ALICE, Effect.UNSET)))
    with pytest.raises(Refused, match="1 mutating calls per day"):
        budgets.spend(budgets.owes(case(ALICE, Effect.MUTATING)))


def test_a_doubt_keeps_its_reservation_until_somebody_knows() -> None:
    budgets = made({"scope": "agent", "unit": "calls", "window": "day", "limit": 2})
    one = case(ALICE, Effect.MUTATING)
    for token in (1, 2):
        budgets.doubt(token, budgets.spend(budgets.owes(one)))
    with pytest.raises(Refused):
        budgets.spend(budgets.owes(one))
    budgets.resolved(1, executed=True)
    budgets.resolved(1, executed=False)
    with pytest.raises(Refused):
        budgets.spend(budgets.owes(one))
    budgets.resolved(2, executed=False)
    budgets.spend(budgets.owes(one))
