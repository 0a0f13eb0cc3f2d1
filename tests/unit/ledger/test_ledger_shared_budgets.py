"""Budgets of several processes: reads are paid from chunks, everything else inside its claim, never more than the limit."""

import asyncio

import pytest
from ledger_kit import ALICE, FakeClock, case

from gateway.config.schema import Budget
from gateway.ledger.shared_budgets import SharedBudgets
from gateway.model.claim import Spend
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect
from gateway.model.work import StoreUnavailable

READ, MUTATING = Effect.READ, Effect.MUTATING


class Counters:
    """What the store counts for everybody."""

    def __init__(self) -> None:
        self.used: dict[Spend, int] = {}
        self.asked: list[int] = []
        self.away = False

    async def take(self, spends, wanted: int) -> int:
        self.asked.append(wanted)
        (spend,) = spends
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        had = min(wanted, spend.limit - self.used.get(spend, 0))
        self.used[spend] = self.used.get(spend, 0) + had
        return had


def made(counters: Counters, limit: int, clock: FakeClock | None = None) -> SharedBudgets:
    return SharedBudgets([Budget(scope="agent", window="minute", limit=limit)], clock or FakeClock(), counters)


async def reads(purse: SharedBudgets, most: int = 1000) -> int:
    for passed in range(most):
        try:
            await purse.learn(case(ALICE, READ))
        except Refused as refused:
            assert refused.refusal.reason is Reason.BUDGET_EXHAUSTED
            return passed
        purse.spend(case(ALICE, READ))
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
    await purse.learn(case(ALICE, MUTATING))
    purse.spend(case(ALICE, MUTATING))
    assert counters.asked == []
    assert purse.spends(case(ALICE)) == (Spend("default", "agent", "support-bot", "minute", 1),)


async def test_a_read_that_was_not_sent_is_given_back_to_its_own_window() -> None:
    clock, counters = FakeClock(), Counters()
    purse = made(counters, 1, clock)
    await purse.learn(case(ALICE, READ))
    paid_at = purse.spend(case(ALICE, READ))
    purse.give_back(case(ALICE, READ), paid_at)
    assert await reads(purse) == 1
    clock.advance(60)
    counters.used.clear()  # the store's windows are over as well
    purse.give_back(case(ALICE, READ), paid_at)
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
            await purse.learn(case(ALICE, READ))
        except Refused:
            return
        purse.spend(case(ALICE, READ))
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
    await purse.learn(case(ALICE, READ))
    clock.advance(60)
    counters.used.clear()  # the store's windows are over as well
    purse.spend(case(ALICE, READ))
    assert await reads(purse) == 0


async def test_the_refusal_says_when_the_window_ends() -> None:
    clock = FakeClock()
    purse = made(Counters(), 1, clock)
    await reads(purse)
    with pytest.raises(Refused) as caught:
        await purse.learn(case(ALICE, READ))
    assert caught.value.refusal.retry_after_ms == round((60 - clock.now() % 60) * 1000)
