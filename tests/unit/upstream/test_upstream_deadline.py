"""The moment by which a call must have its answer: it passes, stands still, and takes the one timer with it."""

import asyncio

import pytest
from upstream_kit import HandClock, RealClock, soon

from gateway.model.call import LONGEST_S
from gateway.upstream.deadline import Deadline


def test_time_runs_out_but_not_while_it_stands_still() -> None:
    clock = HandClock()
    deadline = Deadline(clock.monotonic() + 10, clock)
    clock.pass_s(4)
    assert deadline.left_s == 6
    with deadline.standing_still():
        clock.pass_s(100)
        with deadline.standing_still():
            clock.pass_s(100)
        assert deadline.left_s is None
        assert not deadline.over
        clock.pass_s(100)
    assert deadline.left_s == 6
    clock.pass_s(6)
    assert deadline.over


def test_time_that_has_run_out_does_not_come_back() -> None:
    clock = HandClock()
    deadline = Deadline(clock.monotonic() - 1, clock)
    with deadline.standing_still():
        clock.pass_s(5)
    assert deadline.left_s == -1
    assert deadline.over


def test_without_an_end_there_is_none() -> None:
    clock = HandClock()
    deadline = Deadline(None, clock)
    with deadline.standing_still():
        clock.pass_s(5)
    assert deadline.left_s is None
    assert not deadline.over


def test_however_often_it_stands_still_its_patience_ends() -> None:
    clock = HandClock()
    deadline = Deadline(clock.monotonic() + 10, clock)
    for _ in range(3):
        with deadline.standing_still():
            clock.pass_s(LONGEST_S / 3 - 1)
    assert (deadline.patience_s, deadline.left_s) == (3.0, 3.0)
    with deadline.standing_still():
        clock.pass_s(4)
    assert deadline.patience_s == 0
    assert deadline.over


def test_whoever_waits_learns_that_it_stood_still_meanwhile() -> None:
    deadline = Deadline(None, HandClock())
    before = deadline.turns
    with deadline.standing_still(), deadline.standing_still():
        assert deadline.turns % 2
    assert not deadline.turns % 2
    assert deadline.turns != before


async def test_the_exchange_under_way_is_held_to_it_and_let_go_while_it_stands_still() -> None:
    deadline = Deadline(soon(0.05), RealClock())
    with pytest.raises(TimeoutError):
        async with deadline.timer():
            with deadline.standing_still():
                await asyncio.sleep(0.15)
            await asyncio.Event().wait()
    with deadline.standing_still():
        pass  # nothing waits any more
