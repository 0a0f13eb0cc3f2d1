"""Slots: never more than the limit, first come first served, bounded waits, and none lost whoever is cancelled."""

import asyncio

import pytest
from upstream_kit import RealClock, soon

from gateway.model.refusal import Reason, Refused
from gateway.upstream.permits import Permits


def _permits(limit: int = 1, queue: int = 2) -> Permits:
    return Permits("helpdesk", limit, queue, RealClock())


async def _settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_slot_is_given_back_once_however_often_it_is_left() -> None:
    permits = _permits()
    permit = permits.try_permit("bot")
    assert permit is not None
    assert permits.try_permit("bot") is None
    for _ in range(2):
        with permit:
            pass
    assert permits.try_permit("bot") is not None
    assert permits.try_permit("bot") is None


async def test_those_who_wait_are_served_in_order() -> None:
    permits, order = _permits(), []
    held = permits.try_permit("bot")

    async def caller(number: int) -> None:
        with await permits.permit(soon(), "bot"):
            order.append(number)

    callers = [asyncio.ensure_future(caller(number)) for number in range(2)]
    await _settled()
    with held:
        pass
    assert permits.try_permit("bot") is None  # nobody overtakes
    await asyncio.gather(*callers)
    assert order == [0, 1]


async def test_a_full_queue_refuses_at_once() -> None:
    permits = _permits(queue=0)
    with permits.try_permit("bot"), pytest.raises(Refused) as refused:
        await permits.permit(soon(), "bot")
    assert refused.value.refusal.reason is Reason.UPSTREAM_UNAVAILABLE
    assert refused.value.refusal.retry_after_ms > 0


@pytest.mark.parametrize("wait_s", [-1.0, 0.02])
async def test_the_deadline_ends_the_wait(wait_s) -> None:
    permits = _permits()
    with permits.try_permit("bot"), pytest.raises(Refused):
        await permits.permit(soon(wait_s), "bot")
    assert permits.try_permit("bot") is not None


async def test_nobody_waits_longer_than_the_longest_wait(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.permits.LONGEST_WAIT_S", 0.02)
    permits = _permits()
    with permits.try_permit("bot"), pytest.raises(Refused):
        await asyncio.wait_for(permits.permit(soon(60), "bot"), 5)


async def test_a_caller_cancelled_in_the_moment_of_its_turn_loses_no_slot() -> None:
    permits = _permits()
    held = permits.try_permit("bot")
    caller = asyncio.ensure_future(permits.permit(soon(), "bot"))
    await _settled()
    with held:
        pass  # the slot is handed over …
    caller.cancel()  # … and the caller is cancelled before it can take it
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert permits.try_permit("bot") is not None
