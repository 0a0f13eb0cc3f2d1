"""Slots among several agents: none takes more than its share, none waits while what it may have is free, none is forgotten."""

import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream_kit import HandClock, RealClock, soon

from gateway.model.refusal import Refused
from gateway.upstream.permits import Permits


def _permits(limit: int, queue: int = 8, *, shared: bool = True) -> Permits:
    return Permits("helpdesk", limit, queue, RealClock(), shared=shared)


async def _settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("limit", "share"), [(1, 1), (2, 1), (3, 2), (32, 16)])
def test_one_of_several_agents_holds_at_most_half_of_the_slots(limit, share) -> None:
    permits = _permits(limit)
    assert sum(permits.try_permit("greedy") is not None for _ in range(limit)) == share
    assert sum(permits.try_permit("modest") is not None for _ in range(limit)) == min(share, limit - share)


def test_an_agent_that_has_the_upstream_to_itself_may_use_all_of_it() -> None:
    permits = _permits(4, shared=False)
    assert sum(permits.try_permit("only") is not None for _ in range(9)) == 4


async def test_one_of_several_agents_fills_at_most_half_of_the_queue() -> None:
    permits = _permits(2, queue=4)
    held = [permits.try_permit("greedy"), permits.try_permit("modest")]
    waiting = [asyncio.ensure_future(permits.permit(soon(), "greedy")) for _ in range(3)]
    await _settled()
    assert [one.done() for one in waiting] == [False, False, True]
    with pytest.raises(Refused, match="greedy has its share of the queue"):
        await waiting[2]
    modest = asyncio.ensure_future(permits.permit(soon(), "modest"))
    await _settled()
    assert not modest.done()
    for one in (*waiting[:2], modest):
        one.cancel()
    assert all(held)


async def test_whoever_waits_behind_one_that_has_its_share_is_served_before_it() -> None:
    permits = _permits(4)
    greedy = [permits.try_permit("greedy"), permits.try_permit("greedy")]
    modest = [permits.try_permit("modest"), permits.try_permit("modest")]
    first, second = (asyncio.ensure_future(permits.permit(soon(), agent)) for agent in ("greedy", "third"))
    await _settled()
    with modest[0]:
        pass
    await _settled()
    assert (first.done(), second.done()) == (False, True)
    with greedy[0]:
        pass
    await _settled()
    assert first.done(), "its own slot came back"


async def test_an_agent_that_left_calls_behind_gets_no_further_slot_once_they_hold_half() -> None:
    permits = _permits(4, shared=False)
    with ExitStack() as held:
        left = [held.enter_context(permits.try_permit("leaver")) for _ in range(2)]
        left[0]()
        left[0]()  # said twice, counted once
        assert permits.try_permit("leaver") is not None
        left[1]()
        assert permits.try_permit("leaver") is None
        assert permits.try_permit("stayer") is not None
    assert permits.try_permit("leaver") is not None, "what was left behind has ended"


def _used(clock: HandClock, permits: Permits, seconds: float, times: int = 32) -> None:
    for _ in range(times):
        with permits.try_permit("bot"):
            clock.pass_s(seconds)


async def test_who_cannot_finish_in_time_is_not_queued() -> None:
    clock = HandClock()
    permits = Permits("helpdesk", 1, 8, clock)
    _used(clock, permits, 1.0)
    with permits.try_permit("bot"), pytest.raises(Refused, match="would not come to this call in time"):
        await permits.permit(clock.monotonic() + 0.9, "bot")
    assert permits.try_permit("bot") is not None, "a free slot is given all the same"


async def test_those_in_line_are_part_of_what_one_waits_for() -> None:
    clock = HandClock()
    permits = Permits("helpdesk", 1, 8, clock)
    _used(clock, permits, 1.0)
    with permits.try_permit("bot"):
        first = asyncio.ensure_future(permits.permit(clock.monotonic() + 9, "bot"))
        await _settled()
        with pytest.raises(Refused, match="in time"):
            await permits.permit(clock.monotonic() + 2.0, "bot")
        second = asyncio.ensure_future(permits.permit(clock.monotonic() + 2.1, "bot"))
        await _settled()
        assert not second.done()
    assert await first is not None
    second.cancel()


async def test_a_few_slow_calls_say_nothing_about_the_next_one() -> None:
    clock = HandClock()
    permits = Permits("helpdesk", 1, 8, clock)
    _used(clock, permits, 5.0, times=31)
    with permits.try_permit("bot"):
        waiting = asyncio.ensure_future(permits.permit(clock.monotonic() + 1, "bot"))
        await _settled()
        assert not waiting.done()
    assert await waiting is not None


_steps = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "cancel", "alone", "turn"]), st.integers(0, 7), st.sampled_from("abc")),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(0, 6), st.booleans(), _steps)
def test_no_slot_is_lost_or_made_no_share_is_passed_and_nobody_starves(limit, queue, shared, steps) -> None:
    async def story() -> None:
        permits = _permits(limit, queue, shared=shared)
        out, waiting, alone = [], [], Counter()

        async def ask(agent) -> None:
            permit = permits.try_permit(agent) or await permits.permit(soon(), agent)
            out.append((agent, permit, permit.__enter__()))

        def leave(number) -> None:
            agent, permit, left = out.pop(number % len(out))
            alone[agent] -= left in lonely
            permit.__exit__(None, None, None)

        lonely = []
        for step, number, agent in steps:
            match step:
                case "ask":
                    waiting.append((agent, asyncio.ensure_future(ask(agent))))
                case "leave" if out:
                    leave(number)
                case "alone" if out:
                    agent, _, left = out[number % len(out)]
                    if left not in lonely:
                        lonely.append(left)
                        alone[agent] += 1
                    left()
                case "cancel" if waiting:
                    waiting.pop(number % len(waiting))[1].cancel()
            await _settled()
            held, half = Counter(agent for agent, _, _ in out), (limit + 1) // 2
            assert sum(held.values()) <= limit
            assert not shared or max(held.values(), default=0) <= half
            waiting = [(agent, task) for agent, task in waiting if not task.done()]
            for agent, _ in waiting:  # whoever waits may have none
                full = sum(held.values()) == limit or (shared and held[agent] == half)
                assert full or (alone[agent] and sum(alone.values()) >= half)
        while out:
            leave(0)
            await _settled()
        assert all(task.done() for _, task in waiting), "nobody is left in line before free slots"
        while out:
            leave(0)
        assert [permits.try_permit(str(n)) is not None for n in range(limit + 1)] == [True] * limit + [False]

    asyncio.run(story())
