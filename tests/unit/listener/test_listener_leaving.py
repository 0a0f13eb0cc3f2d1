"""What a caller's leaving does: cancels a modern call, only ends the waiting for a legacy one, and delivery is honest."""

import asyncio
import json
from collections.abc import Callable

import pytest
from listener_kit import Exchange, FakeRoad, call, initialize, plane, scope, send

from gateway.listener.caller import Caller, NeverMind
from gateway.model.call import Asked, Reply
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

LEGACY_CALL = jsonrpc.request(3, "tools/call", {"name": "helpdesk_echo", "arguments": {}})


class SlowRoad(FakeRoad):
    """Waits to be let go; remembers whether it was cancelled, and what it was told of delivery."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.free = asyncio.Event(), asyncio.Event()
        self.cancelled = False
        self.delivered = 0
        self.walk = self._slowly

    async def _slowly(self, asked: Asked) -> Reply:
        self.entered.set()
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Reply({"content": []}, delivered=self._deliver)

    def _deliver(self) -> None:
        self.delivered += 1


async def begun(app, road: SlowRoad, body, lines, **how) -> tuple[Exchange, asyncio.Task[None]]:
    exchange = Exchange([json.dumps(body).encode()], **how)
    task = asyncio.ensure_future(app(scope(lines), exchange.receive, exchange.send))
    await until(road.entered.is_set)
    await asyncio.sleep(0)  # now the connection is watched, too
    return exchange, task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


async def over(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        await task


async def test_a_modern_disconnect_cancels_the_call_and_sends_nothing() -> None:
    road = SlowRoad()
    exchange, task = await begun(plane(road), road, *call())
    exchange.gone.set()
    await over(task)
    assert (road.cancelled, exchange.status, road.delivered, road.refused) == (True, 0, 0, [])


async def test_a_legacy_disconnect_lets_the_call_finish_undelivered() -> None:
    road = SlowRoad()
    app = plane(road)
    exchange, task = await begun(app, road, LEGACY_CALL, await initialize(app))
    exchange.gone.set()
    await until(lambda: len(app._tasks) == 0)
    road.free.set()
    await over(task)
    assert (road.cancelled, exchange.status, road.delivered) == (False, 0, 0)


async def test_a_legacy_cancellation_cancels_the_named_call_of_its_own_session_only() -> None:
    road = SlowRoad()
    app = plane(road)
    mine, others = await initialize(app), await initialize(app)
    exchange, task = await begun(app, road, LEGACY_CALL, mine)
    cancelled = jsonrpc.notification("notifications/cancelled", {"requestId": 3})
    assert (await send(app, cancelled, others)).status == 202
    for wrong in ("3", 4, None, [3]):
        unknown = jsonrpc.notification("notifications/cancelled", {"requestId": wrong})
        assert (await send(app, unknown, mine)).status == 202
    assert task.cancelling() == 0
    assert (await send(app, cancelled, mine)).status == 202
    await over(task)
    assert road.cancelled
    assert exchange.outcome["reason"] == "cancelled"
    assert exchange.outcome["executed"] == "unknown", "it may have departed: nobody here can say it did not"
    assert app._legacy._in_flight == {}


async def test_an_answer_is_delivered_once_when_the_last_byte_went_to_a_live_caller() -> None:
    road = SlowRoad()
    app = plane(road)
    exchange, task = await begun(app, road, *call())
    road.free.set()
    await over(task)
    assert (exchange.status, exchange.done, road.delivered) == (200, True, 1)
    await until(lambda: len(app._tasks) == 0)


async def test_an_answer_that_could_not_be_written_was_not_delivered() -> None:
    road = SlowRoad()
    _, task = await begun(plane(road), road, *call(), closes=True)
    road.free.set()
    await over(task)
    assert road.delivered == 0


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_a_caller_that_left_in_the_very_turn_of_the_answer_was_not_served(leaves_first) -> None:
    road = SlowRoad()
    app = plane(road)
    exchange, task = await begun(app, road, LEGACY_CALL, await initialize(app))
    for event in (exchange.gone, road.free) if leaves_first else (road.free, exchange.gone):
        event.set()
    await over(task)
    assert (road.delivered, exchange.done) == (0, False)


async def test_a_caller_who_is_cut_off_by_a_stop_is_told_that_nobody_knows() -> None:
    road = SlowRoad()
    exchange, task = await begun(plane(road), road, *call())
    task.cancel()
    await over(task)
    assert road.cancelled
    assert exchange.outcome["reason"] == "outcome-unknown"


async def test_every_exit_gives_its_slot_back() -> None:
    road = SlowRoad()
    app = plane(road)
    exchange, task = await begun(app, road, *call())
    assert app._intake.requests == 1
    assert app._intake.held > 0
    exchange.gone.set()
    await over(task)
    assert (app._intake.requests, app._intake.held) == (0, 0)
    await send(app, b"{")
    assert (app._intake.requests, app._intake.held) == (0, 0)


async def test_work_that_swallows_its_cancellation_still_returns() -> None:
    tasks = Tasks()
    exchange = Exchange([])
    caller = Caller(exchange.receive, tasks)

    async def stubborn() -> str:
        exchange.gone.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    assert await caller.walk(stubborn(), leaving_cancels=True) == "done all the same"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    caller.release()


async def test_a_cancelled_walk_leaves_its_task_as_it_was() -> None:
    exchange = Exchange([])
    caller = Caller(exchange.receive, Tasks())
    exchange.gone.set()
    with pytest.raises(NeverMind):
        await caller.walk(asyncio.Event().wait(), leaving_cancels=True)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    caller.cancel()
    await asyncio.sleep(0)
    caller.release()
