"""A stop cancels reads where they are, and only the send; who left has left all the same."""

import asyncio

import pytest

from gateway.ledger.reads import Reads
from gateway.model.refusal import Reason, Refusal, Refused

STOPPED = Refusal(Reason.STOPPED, "Agent bot is stopped.")


class Reading:
    """One read that hangs, and the rows that may end it."""

    def __init__(self) -> None:
        self.reads, self.barred, self.after = Reads(), None, []
        self.task = asyncio.ensure_future(self._read())

    async def _read(self) -> str:
        try:
            with self.reads.around(lambda: self.barred):
                await asyncio.Event().wait()
        except Refused as refused:
            await asyncio.sleep(0)  # what comes behind it is not cancelled
            self.after.append(refused.refusal)
        return "told"

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.barred = STOPPED
        self.reads.look()


async def test_a_stop_that_touches_it_ends_the_send_and_the_caller_is_told() -> None:
    reading = Reading()
    await reading.stop()
    assert await asyncio.wait_for(reading.task, 5) == "told"
    assert reading.after == [STOPPED]
    assert reading.task.cancelling() == 0


async def test_a_stop_that_touches_somebody_else_ends_nothing() -> None:
    reading = Reading()
    await asyncio.sleep(0)
    reading.reads.look()
    await asyncio.sleep(0)
    assert not reading.task.done()
    reading.task.cancel()
    await asyncio.wait((reading.task,))


async def test_a_caller_that_leaves_at_the_same_moment_has_left() -> None:
    reading = Reading()
    await reading.stop()
    reading.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading.task
    assert reading.after == []


async def test_an_answer_that_was_there_first_is_an_answer() -> None:
    reads, barred = Reads(), [None]
    with reads.around(lambda: barred[0]):
        pass
    barred[0] = STOPPED
    reads.look()
    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0


async def test_two_stops_end_it_once() -> None:
    reading = Reading()
    await reading.stop()
    reading.reads.look()
    assert await asyncio.wait_for(reading.task, 5) == "told"
    assert reading.task.cancelling() == 0
