"""Budgets: never more than the limit in a window, whatever the clock, the memory and the callers do."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ledger_kit import ALICE, BOB, NOON, FakeClock, UsedBefore, case

from gateway.config.budgets import Budget
from gateway.ledger import budgets as budgets_module
from gateway.ledger.budgets import Budgets
from gateway.ledger.case import Case
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.spend import Counter
from gateway.model.tool import Effect

READ = Effect.READ


def budget(scope: str, window: str | None, limit: float, **more: Any) -> Budget:
    return Budget(scope=scope, window=window, limit=limit, **more)


def made(*rules: Budget, clock: FakeClock | None = None, index: UsedBefore | None = None) -> Budgets:
    return Budgets(rules, clock or FakeClock(), index or UsedBefore())


def spent(budgets: Budgets, who: Principal | Case = ALICE) -> int:
    """How many calls still pass."""
    one = who if isinstance(who, Case) else case(who, READ)
    for passed in range(1000):
        try:
            budgets.spend(budgets.owes(one))
        except Refused:
            return passed
    raise AssertionError("no limit")


def refused(budgets: Budgets, one: Case) -> Refusal:
    with pytest.raises(Refused) as caught:
        budgets.spend(budgets.owes(one))
    assert caught.value.refusal.reason is Reason.BUDGET_EXHAUSTED
    return caught.value.refusal


def test_the_refusal_names_the_budget_and_when_it_resets() -> None:
    clock = FakeClock()
    budgets = made(budget("user", "hour", 2), clock=clock)
    clock.advance(600)
    assert spent(budgets) == 2
    refusal = refused(budgets, case(ALICE, READ))
    assert refusal.detail.startswith("The budget of user alice, 2 calls per hour, is spent; it resets at ")
    assert refusal.detail.endswith("T13:00:00Z.")
    assert refusal.retry_after_ms == 3_000_000
    told = refusal.told("c")
    assert (told["retry"], told["budget"]["limit"], told["budget"]["left"]) == ("after", 2, 0)
    assert told["budget"]["resets_at"].endswith("T13:00:00Z")


def test_waiting_is_no_advice_where_a_budget_never_resets() -> None:
    budgets = made(budget("run", None, 1))
    one = case(replace(ALICE, run="run-7"), READ)
    assert spent(budgets, one) == 1
    told = refused(budgets, one).told("c")
    assert told["retry"] == "never"
    assert "retry_after_ms" not in told
    assert told["remedy"].startswith("Waiting does not help")


def test_a_call_counts_in_every_budget_or_in_none() -> None:
    budgets = made(budget("agent", "day", 3), budget("user", "day", 2))
    assert spent(budgets) == 2
    assert spent(budgets, BOB) == 1
    assert spent(budgets, Principal("default", "support-bot", "key:k")) == 0


def test_of_two_budgets_for_the_same_window_the_smaller_holds() -> None:
    assert spent(made(budget("agent", "day", 9), budget("agent", "day", 4))) == 4


def test_a_budget_of_one_id_replaces_what_holds_for_the_others() -> None:
    rules = budget("user", "day", 2), budget("user", "day", 5, of="alice")
    assert [spent(made(*rules), who) for who in (ALICE, BOB)] == [5, 2]
    only = made(budget("user", "day", 1, of="alice"), budget("agent", "day", 9))
    assert [spent(only), spent(only, BOB)] == [1, 8]


@pytest.mark.parametrize("scope", ["agent", "user", "tool", "tenant", "run", "session"])
def test_every_scope_has_its_own_ids_and_every_tenant_its_own_again(scope: str) -> None:
    budgets = made(budget(scope, "day", 3))
    assert spent(budgets) == 3
    assert spent(budgets, replace(ALICE, tenant="another")) == 3
    shares_with_bob = scope in {"agent", "tool", "tenant"}
    assert spent(budgets, BOB) == (0 if shares_with_bob else 3)


def test_a_run_that_nobody_proved_is_its_agent_and_user_for_a_quarter_of_an_hour() -> None:
    clock = FakeClock()
    budgets = made(budget("run", None, 2), clock=clock)
    assert [spent(budgets), spent(budgets, BOB)] == [2, 2]
    assert spent(budgets, replace(ALICE, run="proven")) == 2
    assert refused(budgets, case(ALICE, READ)).retry_after_ms == 900_000
    clock.advance(900)
    assert spent(budgets) == 2
    assert spent(budgets, replace(ALICE, run="proven")) == 0, "a whole life has no next window"


@pytest.mark.parametrize(("window", "seconds"), [("minute", 60), ("hour", 3600), ("day", 43_200)])
def test_a_new_window_begins_on_the_round_utc_time(window: str, seconds: int) -> None:
    clock = FakeClock()
    budgets = made(budget("agent", window, 1), clock=clock)
    assert spent(budgets) == 1
    clock.advance(seconds - 1)
    assert spent(budgets) == 0
    clock.advance(1)
    assert spent(budgets) == 1


def test_a_clock_that_steps_back_opens_no_spent_window_again() -> None:
    clock = FakeClock()
    budgets = made(budget("agent", "minute", 1), clock=clock)
    assert spent(budgets) == 1
    clock.wall -= 60
    assert spent(budgets) == 0
    clock.wall += 60
    assert spent(budgets) == 0


def test_only_a_window_that_paid_gets_back_and_only_once() -> None:
    clock = FakeClock()
    budgets, one = made(budget("agent", "minute", 2), clock=clock), case(ALICE, READ)
    first = budgets.spend(budgets.owes(one))
    clock.advance(60)
    second, _ = budgets.spend(budgets.owes(one)), budgets.spend(budgets.owes(one))
    budgets.give_back(first)
    assert spent(budgets) == 0
    for _ in range(3):
        budgets.give_back(second)
    assert spent(budgets) == 1


async def test_the_first_call_of_an_id_learns_what_was_spent_before_the_start() -> None:
    clock, index = FakeClock(), UsedBefore()
    index.named = {"alice": 2, "support-bot": 7}
    clock.advance(30)
    budgets = made(budget("user", "minute", 3), budget("agent", "day", 9), clock=clock, index=index)
    await budgets.learn(budgets.owes(case(ALICE, READ)))
    assert [(one.name, since) for one, since in index.asked] == [("alice", NOON), ("support-bot", NOON - 43_200)]
    assert spent(budgets) == 1
    await budgets.learn(budgets.owes(case(ALICE, READ)))
    assert len(index.asked) == 2
    clock.advance(60)
    await budgets.learn(budgets.owes(case(BOB, READ)))
    assert len(index.asked) == 2


async def test_callers_that_learn_at_the_same_time_do_not_forget_what_the_other_spent() -> None:
    clock = FakeClock()
    clock.advance(30)
    budgets = made(budget("user", "minute", 3), clock=clock, index=UsedBefore(1))

    async def one() -> None:
        await budgets.learn(budgets.owes(case(ALICE, READ)))
        budgets.spend(budgets.owes(case(ALICE, READ)))

    outcomes = await asyncio.gather(*(one() for _ in range(10)), return_exceptions=True)
    assert outcomes.count(None) == 2


async def test_what_memory_had_to_drop_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets_module, "_TALLIES", 2)
    clock, index = FakeClock(), UsedBefore()
    index.named = {"alice": 3}
    budgets = made(budget("user", "hour", 3), clock=clock, index=index)
    clock.advance(5)
    assert spent(budgets) == 3
    for name in ("b", "c", "d"):
        budgets.spend(budgets.owes(case(Principal("default", "support-bot", "key:k", name), READ)))
    assert len(budgets._tallies) == 2
    await budgets.learn(budgets.owes(case(ALICE, READ)))
    assert spent(budgets) == 0


async def test_usage_tells_of_memory_and_of_what_was_before_it() -> None:
    clock, index = FakeClock(), UsedBefore()
    index.named = {"carol": 4}
    clock.advance(60)
    budgets = made(budget("user", "hour", 9), clock=clock, index=index)
    paid = budgets.spend(budgets.owes(case(ALICE, READ)))
    budgets.settle(case(ALICE, READ), paid, None)
    budgets.spend(budgets.owes(case(ALICE, READ)))

    def figures(found: Sequence[Any]) -> dict[str, tuple[int, int, int]]:
        return {one.counter.name: (one.used, one.held, one.limit) for one in found}

    found = await budgets.usage()
    assert figures(found) == {"alice": (1, 1, 9), "carol": (4, 0, 9)}
    assert {one.resets_at for one in found} == {NOON + 3600}
    clock.advance(3600)
    assert await budgets.usage() == []


def test_a_counter_is_named_as_people_know_it() -> None:
    assert Counter("acme", "tenant", (), "calls", "day").name == "acme"
    assert Counter("acme", "run", (("agent", "bot"), ("user", "al")), "calls", "quarter").name == "bot/al"
    assert Counter("acme", "run", (("agent", "bot"), ("user", None)), "calls", "quarter").name == "bot"
