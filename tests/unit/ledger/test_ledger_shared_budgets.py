"""Budgets of several processes: reads are paid from chunks, everything else inside its claim, never more than the limit."""

import asyncio
from dataclasses import replace

import pytest
from ledger_kit import ALICE, FakeClock, case, tool

from gateway.config.schema import Budget
from gateway.ledger import shared_budgets as room
from gateway.ledger.shared_budgets import SharedBudgets
from gateway.model.outcome import Brought
from gateway.model.refusal import Reason, Refused
from gateway.model.spend import Counter, Spend
from gateway.model.terms import Price, Terms
from gateway.model.tool import Effect
from gateway.model.work import StoreUnavailable

READ, MUTATING = Effect.READ, Effect.MUTATING


class Counters:
    """What the store counts for everybody."""

    def __init__(self) -> None:
        self.used: dict[Counter, int] = {}
        self.asked: list[int] = []
        self.away = False

    async def take(self, spend: Spend, wanted: int, owed: int) -> tuple[int, int]:
        self.asked.append(wanted)
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        used = self.used.get(spend.counter, 0)
        left = max(0, spend.limit - used)
        had = min(wanted, left)
        if had < spend.amount:
            had = min(left, owed)
        self.used[spend.counter] = used + had
        await asyncio.sleep(0)
        return had, used + had

    def give_back(self, counter: Counter, start: float, amount: int) -> None:
        self.used[counter] = self.used.get(counter, 0) - amount

    async def usage(self) -> list[tuple[Counter, int, int, float | None]]:
        return [(counter, used, 0, None) for counter, used in self.used.items()]


def made(counters: Counters, limit: int, clock: FakeClock | None = None) -> SharedBudgets:
    return SharedBudgets([Budget(scope="agent", window="minute", limit=limit)], clock or FakeClock(), counters)


async def reads(purse: SharedBudgets, most: int = 1000) -> int:
    for passed in range(most):
        try:
            await purse.learn(purse.owes(case(ALICE, READ)))
        except Refused as refused:
            assert refused.refusal.reason is Reason.BUDGET_EXHAUSTED
            return passed
        purse.spend(purse.owes(case(ALICE, READ)))
    return most


async def test_two_processes_read_exactly_up_to_the_limit_together() -> None:
    counters = Counters()
    one, other = made(counters, 100), made(counters, 100)
    assert await reads(one, 30) == 30
    assert 30 + await reads(other) + await reads(one) == 100
    assert set(counters.asked) == {5}


async def test_what_leaves_traces_is_paid_in_its_claim_and_not_here() -> None:
    counters = Counters()
    purse = made(counters, 1)
    await purse.learn(purse.owes(case(ALICE, MUTATING)))
    purse.spend(purse.owes(case(ALICE, MUTATING)))
    assert counters.asked == []
    (spend,) = purse.owes(case(ALICE)).spends
    assert (spend.counter.name, spend.limit, spend.amount) == ("support-bot", 1, 1)


async def test_a_read_that_was_not_sent_is_given_back_to_its_own_window() -> None:
    clock, counters = FakeClock(), Counters()
    purse = made(counters, 1, clock)
    await purse.learn(purse.owes(case(ALICE, READ)))
    paid = purse.spend(purse.owes(case(ALICE, READ)))
    purse.give_back(paid)
    purse.give_back(paid)
    await purse.learn(purse.owes(case(ALICE, READ)))
    late = purse.spend(purse.owes(case(ALICE, READ)))
    assert await reads(purse) == 0
    clock.advance(60)
    counters.used.clear()  # the store's windows are over as well
    purse.give_back(late)
    assert await reads(purse) == 1


@pytest.mark.parametrize("before", [0, 7])
async def test_while_the_store_is_away_reads_go_on_up_to_the_limit_once_more(before) -> None:
    counters, clock = Counters(), FakeClock()
    purse = made(counters, 20, clock)
    assert await reads(purse, before) == before
    counters.away = True
    assert await reads(purse, 100) == 20, "of each process, whatever was read before"
    clock.advance(60)
    assert await reads(purse, 100) == 20


async def test_a_crowd_without_the_store_does_not_overshoot_either() -> None:
    counters = Counters()
    counters.away = True
    purse = made(counters, 20)
    assert sum(await asyncio.gather(*(reads(purse, 1) for _ in range(200)))) == 20


async def test_a_crowd_that_waits_for_one_budget_does_not_overshoot_the_other() -> None:
    counters, passed = Counters(), 0
    rules = [Budget(scope="agent", window="minute", limit=20), Budget(scope="user", window="minute", limit=1000)]
    purse = SharedBudgets(rules, FakeClock(), counters)

    async def read() -> None:
        nonlocal passed
        try:
            await purse.learn(purse.owes(case(ALICE, READ)))
        except Refused:
            return
        purse.spend(purse.owes(case(ALICE, READ)))
        passed += 1

    await asyncio.gather(*(read() for _ in range(200)))
    assert passed == 20


async def test_a_crowd_takes_no_more_in_advance_than_it_needs() -> None:
    counters = Counters()
    purse = made(counters, 100)
    assert await asyncio.gather(*(reads(purse, 1) for _ in range(20))) == [1] * 20
    assert sum(counters.used.values()) == 20
    assert await reads(made(counters, 100)) == 80


async def test_a_crowd_asks_a_store_that_is_away_only_once() -> None:
    counters = Counters()
    counters.away = True
    purse = made(counters, 20)
    assert await asyncio.gather(*(reads(purse, 1) for _ in range(20))) == [1] * 20
    assert counters.asked == [1]


async def test_a_caller_that_leaves_while_it_takes_for_all_keeps_nobody_waiting() -> None:
    counters = Counters()
    purse = made(counters, 100)
    first, other = (asyncio.ensure_future(reads(purse, 1)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.wait_for(other, 5) == 1


async def test_a_read_whose_window_ended_while_it_was_paid_counts_in_the_next_one() -> None:
    clock, counters = FakeClock(), Counters()
    purse = made(counters, 1, clock)
    await purse.learn(purse.owes(case(ALICE, READ)))
    clock.advance(60)
    counters.used.clear()  # the store's windows are over as well
    purse.spend(purse.owes(case(ALICE, READ)))
    assert await reads(purse) == 0


async def test_the_refusal_says_when_the_window_ends() -> None:
    clock = FakeClock()
    purse = made(Counters(), 1, clock)
    await reads(purse)
    with pytest.raises(Refused) as caught:
        await purse.learn(purse.owes(case(ALICE, READ)))
    assert caught.value.refusal.retry_after_ms == round((60 - clock.now() % 60) * 1000)


PRICED = case(ALICE, of=tool(READ, terms=Terms(price=Price(result="result.price", at_most=3_000_000))))


def money(counters: Counters, limit: int) -> SharedBudgets:
    return SharedBudgets([Budget(scope="user", unit="money", window="day", limit=limit)], FakeClock(), counters)


async def test_a_priced_read_reserves_exactly_and_returns_what_it_did_not_cost() -> None:
    counters = Counters()
    purse = money(counters, 10)
    await purse.learn(purse.owes(PRICED))
    paid = purse.spend(purse.owes(PRICED))
    assert counters.asked == [3_000_000]
    bill = purse.settle(PRICED, paid, Brought({"price": "0.5"}, 10, is_error=False))
    assert (bill.cost.money, list(counters.used.values())) == (500_000, [500_000])
    await purse.learn(purse.owes(PRICED))
    purse.give_back(purse.spend(purse.owes(PRICED)))
    assert list(counters.used.values()) == [500_000]


async def test_a_priced_read_is_refused_while_the_store_is_away() -> None:
    counters = Counters()
    counters.away = True
    with pytest.raises(StoreUnavailable):
        await money(counters, 10).learn(money(counters, 10).owes(PRICED))


async def test_bytes_beyond_a_reservation_are_owed_and_paid_first() -> None:
    counters, read = Counters(), case(ALICE, of=tool(READ, terms=Terms(at_most_bytes=50)))
    rules = [Budget(scope="agent", unit="bytes", window="hour", limit=1000, soft=0.5)]
    purse = SharedBudgets(rules, FakeClock(), counters)
    await purse.learn(purse.owes(read))
    bill = purse.settle(read, purse.spend(purse.owes(read)), Brought({}, 650, is_error=False))
    (told,) = bill.warnings["io.sallyport/budget"]
    assert (told["used"], told["left"]) == (650, 350)
    await purse.learn(purse.owes(read))
    assert list(counters.used.values()) == [700], "650 that came and 50 for the next"
    purse.settle(read, purse.spend(purse.owes(read)), Brought({}, 900, is_error=False))
    with pytest.raises(Refused, match="is spent"):
        await purse.learn(purse.owes(read))
    assert list(counters.used.values()) == [1000]


async def test_usage_is_the_stores_and_names_the_limit_in_force() -> None:
    counters = Counters()
    purse = made(counters, 100)
    await reads(purse, 3)
    (row,) = await purse.usage()
    assert (row.counter.name, row.used, row.limit) == ("support-bot", 5, 100)
    counters.used = {Counter("default", "user", (("user", "alice"),), "calls", "day"): 4}
    assert await purse.usage() == [], "no rule is about it any more"


async def test_who_is_refused_by_one_budget_leaves_the_others_as_they_were() -> None:
    counters = Counters()
    spent = Budget(scope="user", unit="money", window="day", limit=1)
    rules = [Budget(scope="tenant", unit="money", window="day", limit=100), spent]
    purse = SharedBudgets(rules, FakeClock(), counters)
    for _ in range(3):
        with pytest.raises(Refused, match="budget of user alice"):
            await purse.learn(purse.owes(PRICED))
    assert not any(counters.used.values())


async def test_what_a_large_reservation_did_not_use_is_there_for_others() -> None:
    counters, large = Counters(), case(ALICE, of=tool(READ, terms=Terms(at_most_bytes=900)))
    rules = [Budget(scope="agent", unit="bytes", window="hour", limit=1000)]
    purse = SharedBudgets(rules, FakeClock(), counters)
    for _ in range(4):
        await purse.learn(purse.owes(large))
        purse.settle(large, purse.spend(purse.owes(large)), Brought({}, 10, is_error=False))
    assert list(counters.used.values()) == [4 * 10 + 50], "a twentieth stays here"


async def test_what_was_granted_without_the_store_is_not_returned_to_it() -> None:
    counters, large = Counters(), case(ALICE, of=tool(READ, terms=Terms(at_most_bytes=900)))
    purse = SharedBudgets([Budget(scope="agent", unit="bytes", window="hour", limit=1000)], FakeClock(), counters)
    counters.away = True
    await purse.learn(purse.owes(large))
    counters.away = False
    purse.settle(large, purse.spend(purse.owes(large)), Brought({}, 10, is_error=False))
    assert not counters.used


@pytest.mark.parametrize("turns", range(5))
async def test_callers_that_leave_while_they_take_use_nothing_up(turns: int) -> None:
    counters, passed = Counters(), 0
    purse = made(counters, 100)
    for _ in range(30):
        leaving = asyncio.ensure_future(reads(purse, 1))
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        (read,) = await asyncio.gather(leaving, return_exceptions=True)
        passed += read if isinstance(read, int) else 0
    assert passed + await reads(purse) == 100


async def test_money_of_callers_that_left_while_they_took_is_returned() -> None:
    counters = Counters()
    purse = money(counters, 10)
    leaving = asyncio.ensure_future(purse.learn(purse.owes(PRICED)))
    await asyncio.sleep(0)
    leaving.cancel()
    await purse._tasks.drain(5)
    await asyncio.sleep(0)
    assert list(counters.used.values()) == [0]


async def test_sessions_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_KEPT", 10)
    counters = Counters()
    purse = SharedBudgets([Budget(scope="session", limit=100)], FakeClock(), counters)
    for number in range(100):
        one = case(replace(ALICE, run=f"run-{number}"), READ)
        await purse.learn(purse.owes(one))
        purse.spend(purse.owes(one))
    assert max(len(purse._chunks), len(purse._levels)) <= 10
    assert sum(counters.used.values()) == 90 + 10 * 5, "what was left of each is back, but of the last ten"
