"""What is sent again, how long after, and how much of it there may be."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream_kit import HandClock, outbound, tool

from gateway.config.upstreams import Retries
from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent
from gateway.model.terms import Terms
from gateway.model.tool import Effect
from gateway.upstream.retrying import LONGEST_PAUSE_S, Budget, harmless, pause_s

READ, IDEMPOTENT, MUTATING, UNSET = Effect.READ, Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET
UNREACHED, LATER = Unsent("no connection", cause="unreached"), Unsent("turned away with HTTP 429")
NEVER, LOST = Unsent("turned away with HTTP 401", cause="never"), Lost("reset")


def _pause(effect, carried):
    return pause_s(carried, 0, 60.0, 2, 0.5, again=harmless(outbound(tool=tool(effect=effect)), 0.0))


@pytest.mark.parametrize(
    ("carried", "effects"),
    [
        (Answered({"content": []}), set()),
        (Answered({"isError": True}), set()),
        (AnsweredError(-32603, "no"), set()),
        (UNREACHED, {READ, IDEMPOTENT, MUTATING, UNSET}),
        (LATER, {READ, IDEMPOTENT, MUTATING, UNSET}),
        (NEVER, set()),
        (Unsent("it has no JSON form", cause="unfit"), set()),
        (LOST, {READ, IDEMPOTENT}),
        (Lost("no answer in time", timed_out=True), {READ, IDEMPOTENT}),
    ],
)
def test_only_what_is_safe_to_repeat_or_proven_unsent_is_sent_again(carried, effects) -> None:
    again = {effect for effect in Effect if _pause(effect, carried) is not None}
    assert again == effects


@pytest.mark.parametrize(("key", "since_s", "sent_again"), [("k", 29.9, True), ("k", 30.0, False), (None, 0.0, False)])
def test_a_key_that_the_server_still_recognises_makes_a_second_send_harmless(key, since_s, sent_again) -> None:
    recognised = replace(tool(effect=MUTATING), terms=Terms(in_doubt="forward_key", dedupes_s=30.0))
    assert harmless(outbound(tool=recognised, idempotency_key=key), since_s) is sent_again
    blocked = replace(recognised, terms=Terms(dedupes_s=30.0))
    assert not harmless(outbound(tool=blocked, idempotency_key=key), since_s)


def test_no_more_than_the_most_retries_are_made() -> None:
    assert [pause_s(LOST, resent, 60.0, 2, 0.5, again=True) is not None for resent in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    assert pause_s(LOST, 0, 60.0, 0, 0.5, again=True) is None


def test_the_pause_grows_under_full_jitter_up_to_a_cap() -> None:
    assert pause_s(LOST, 0, 60.0, 99, 0.0, again=True) == 0
    pauses = [pause_s(LOST, resent, 60.0, 99, 0.5, again=True) for resent in (0, 1, 2, 5, 6, 50)]
    assert pauses == [0.025, 0.05, 0.1, 0.8, 1.0, 1.0]


def test_retry_after_is_honoured_unless_it_would_pass_the_deadline() -> None:
    told = Unsent("turned away with HTTP 429", 3000)
    assert pause_s(told, 0, 3.5, 2, 0.5, again=True) == 3.025
    assert pause_s(told, 0, 3.0, 2, 0.5, again=True) is None


@settings(max_examples=200, deadline=None)
@given(
    st.booleans(),
    st.sampled_from([UNREACHED, LATER, LOST]),
    st.integers(0, 5),
    st.floats(-1, 100),
    st.floats(0, 1, exclude_max=True),
)
def test_no_pause_reaches_the_deadline(again, carried, resent, left_s, chance) -> None:
    pause = pause_s(carried, resent, left_s, 5, chance, again=again)
    assert pause is None or 0 <= pause < min(left_s, LONGEST_PAUSE_S)


def _taken(budget: Budget, wanted: int = 1000) -> int:
    return sum(budget.take() for _ in range(wanted))


def test_a_burst_of_calls_buys_a_share_of_retries_and_the_floor() -> None:
    budget = Budget(Retries(budget=0.2, floor=3), HandClock())
    for _ in range(200):
        budget.called()
    assert _taken(budget) == 40 + 3


def test_a_quiet_upstream_has_its_floor_each_second() -> None:
    clock = HandClock()
    budget = Budget(Retries(budget=0.2, floor=3), clock)
    taken = []
    for _ in range(4):
        taken.append(_taken(budget))
        clock.pass_s(1)
    assert taken == [3, 3, 3, 3]


def test_calls_buy_nothing_ten_seconds_later() -> None:
    clock = HandClock()
    budget = Budget(Retries(budget=0.5, floor=0), clock)
    for _ in range(10):
        budget.called()
    clock.pass_s(9)
    assert _taken(budget, 2) == 2
    clock.pass_s(1)
    assert _taken(budget) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 3)), max_size=30))
def test_retries_stay_within_share_and_floor_whatever_comes_when(steps) -> None:
    clock, calls, taken, began = HandClock(), 0, 0, 100.0
    budget = Budget(Retries(budget=0.2, floor=3), clock)
    for number, seconds in steps:
        for _ in range(number):
            budget.called()
        calls += number
        taken += _taken(budget, 100)
        assert taken <= 0.2 * calls + 3 * (1 + clock.monotonic() - began) + 1e-6
        clock.pass_s(seconds)


def test_nothing_is_bought_where_both_are_zero() -> None:
    budget = Budget(Retries(budget=0, floor=0), HandClock())
    budget.called()
    assert _taken(budget) == 0
