"""Budgets: never more than the limit in a window, whatever the clock, the memory and the callers do."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_kit import ALICE, BOB, NOON, FakeClock, case

from gateway.config.budgets import Budget
from gateway.ledger import budgets as budgets_module
from gateway.ledger.budgets import Budgets
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect

READ = Effect.READ


class Index:
    def __init__(self, **used: int) -> None:
        self.used, self.asked = used, []

    async def used_since(self, tenant: str, scope: str, name: str, since: float) -> int:
        self.asked.append((tenant, scope, name, since))
        await asyncio.sleep(0)
        return self.used.get(name.replace("-", "_"), 0)


def budget(scope: str, window: str, limit: int) -> Budget:
    return Budget(scope=scope, window=window, limit=limit)


def made(*rules: Budget, clock: FakeClock | None = None, index: Index | None = None) -> Budgets:
    return Budgets(rules, clock or FakeClock(), (index or Index()).used_since)


def spent(budgets: Budgets, who: Principal = ALICE) -> int:
    """How many calls still pass."""
    for passed in range(1000):
        try:
            budgets.spend(case(who, READ))
        except Refused:
            return passed
    raise AssertionError("no limit")


def test_the_refusal_names_the_budget_and_when_it_resets() -> None:
    clock = FakeClock()
    budgets = made(budget("user", "hour", 2), clock=clock)
    clock.advance(600)
    assert spent(budgets) == 2
    with pytest.raises(Refused) as caught:
        budgets.spend(case(ALICE, READ))
    refusal = caught.value.refusal
    assert refusal.reason is Reason.BUDGET_EXHAUSTED
    assert refusal.detail.startswith("The budget of user alice, 2 calls per hour, is spent; it resets at ")
    assert refusal.detail.endswith("T13:00:00Z.")
    assert refusal.retry_after_ms == 3_000_000


def test_a_call_counts_in_every_budget_or_in_none() -> None:
    budgets = made(budget("agent", "day", 3), budget("user", "day", 2))
    assert spent(budgets) == 2
    assert spent(budgets, BOB) == 1
    assert spent(budgets, Principal("default", "support-bot", "key:k")) == 0


def test_of_two_budgets_for_the_same_window_the_smaller_holds() -> None:
    assert spent(made(budget("agent", "day", 9), budget("agent", "day", 4))) == 4


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


def test_only_a_window_that_paid_gets_back() -> None:
    clock = FakeClock()
    budgets = made(budget("agent", "minute", 1), budget("agent", "day", 10), clock=clock)
    paid_at = budgets.spend(case(ALICE, READ))
    clock.advance(60)
    budgets.spend(case(ALICE, READ))
    budgets.give_back(case(ALICE, READ), paid_at)
    assert spent(budgets) == 0
    clock.advance(60)
    budgets.give_back(case(ALICE, READ), paid_at)
    for _ in range(5):
        budgets.give_back(case(BOB, READ), paid_at)
    clock.advance(3600)
    assert spent(budgets, BOB) == 1


async def test_the_first_call_of_an_id_learns_what_was_spent_before_the_start() -> None:
    clock, index = FakeClock(), Index(alice=2, support_bot=7)
    clock.advance(30)
    budgets = made(budget("user", "minute", 3), budget("agent", "day", 9), clock=clock, index=index)
    await budgets.learn(case(ALICE, READ))
    assert index.asked == [("default", "user", "alice", NOON), ("default", "agent", "support-bot", NOON - 43_200)]
    assert spent(budgets) == 1
    await budgets.learn(case(ALICE, READ))
    assert len(index.asked) == 2
    clock.advance(60)
    await budgets.learn(case(BOB, READ))
    assert [name for _, _, name, _ in index.asked] == ["alice", "support-bot"]


async def test_callers_that_learn_at_the_same_time_do_not_forget_what_the_other_spent() -> None:
    clock = FakeClock()
    clock.advance(30)
    budgets = made(budget("user", "minute", 3), clock=clock, index=Index(alice=1))

    async def one() -> None:
        await budgets.learn(case(ALICE, READ))
        budgets.spend(case(ALICE, READ))

    outcomes = await asyncio.gather(*(one() for _ in range(10)), return_exceptions=True)
    assert outcomes.count(None) == 2


def test_equal_ids_of_two_tenants_have_a_budget_each() -> None:
    budgets = made(budget("user", "hour", 2))
    assert spent(budgets) == 2
    assert spent(budgets, replace(ALICE, tenant="another")) == 2


async def test_what_memory_had_to_drop_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets_module, "_COUNTERS", 2)
    clock, index = FakeClock(), Index(alice=3)
    budgets = made(budget("user", "hour", 3), clock=clock, index=index)
    clock.advance(5)
    assert spent(budgets) == 3
    for name in ("b", "c", "d"):
        budgets.spend(case(Principal("default", "support-bot", "key:k", name), READ))
    assert len(budgets._counters) == 2
    await budgets.learn(case(ALICE, READ))
    assert spent(budgets) == 0


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("spend"), st.sampled_from([ALICE, BOB])),
            st.tuples(st.just("return"), st.integers(0, 30)),
            st.tuples(st.just("wait"), st.sampled_from([1, 20, 61, 3601])),
        ),
        max_size=60,
    )
)
def test_no_window_ever_holds_more_unreturned_calls_than_its_limit(steps: list) -> None:
    clock = FakeClock()
    budgets = made(budget("agent", "minute", 3), budget("user", "hour", 4), clock=clock)
    paid: list[tuple[Principal, float]] = []
    for step, value in steps:
        match step:
            case "wait":
                clock.advance(value)
            case "return" if paid:
                who, paid_at = paid.pop(value % len(paid))
                budgets.give_back(case(who, READ), paid_at)
            case "spend":
                with suppress(Refused):
                    paid.append((value, budgets.spend(case(value, READ))))
        minutes = [at // 60 for _, at in paid]
        hours = [(who.user, at // 3600) for who, at in paid]
        assert all(minutes.count(window) <= 3 for window in minutes)
        assert all(hours.count(window) <= 4 for window in hours)
