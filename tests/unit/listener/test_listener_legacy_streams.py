"""GET streams of legacy sessions: news, and streams that a client comes back for."""

import asyncio
import json

import pytest
from listener_kit import Exchange, FakeClock, FakeRoad, initialize, plane, scope, send
from listener_legacy_kit import ABLE, FORM, Stream, asking, begin, call, events, listen, respond, until, walking

from gateway.listener.limits import Limits
from gateway.model.call import Asked, Reply
from gateway.model.dialogue import PROGRESS
from gateway.wire import jsonrpc

DOCS = {"resources": [{"uri": "doc://a"}, {"uri": "doc://b"}]}
TOKEN = {"_meta": {"progressToken": 1}}


class Telling(FakeRoad):
    """Every call tells one progress, waits to be let go, tells another, and is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.delivered = 0
        self.walk = self._tell

    async def _tell(self, asked: Asked) -> Reply:
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        await self.free.wait()
        asked.dialogue.tell(PROGRESS, {"progress": 2})
        return Reply({"content": []}, delivered=self._deliver)

    def _deliver(self) -> None:
        self.delivered += 1


async def test_a_broken_stream_is_taken_up_where_it_broke_and_goes_on_live() -> None:
    road = Telling()
    app = plane(road)
    session = await initialize(app)
    stream = begin(app, call("c", **TOKEN), events(session))
    await stream.message(0)
    primed, first = stream.events
    await stream.break_off()
    again = await listen(app, session, primed.id)
    await again.message(0)
    await again.break_off()
    await again.end()
    third = await listen(app, session, first.id)
    road.free.set()
    await third.end()
    await stream.end()
    assert (stream.said, again.said, third.said) == ([1], [1], [2, "c"])
    assert road.delivered == 1, "the answer reached the client after all, once"
    assert third.exchange.done


async def test_an_answer_that_was_missed_is_replayed_and_only_from_its_own_stream() -> None:
    road = Telling()
    app = plane(road)
    session = await initialize(app)
    stream, other = (begin(app, call(name, **TOKEN), events(session)) for name in ("mine", "other"))
    await stream.message(0)
    await other.message(0)
    seen = stream.events[-1].id
    await stream.break_off()
    road.free.set()
    await stream.end()
    await other.end()
    assert (other.said, road.delivered) == ([1, 2, "other"], 1)
    again = await listen(app, session, seen)
    await again.end()
    assert (again.said, road.delivered) == ([2, "mine"], 2)
    last = again.events[-1].id
    nothing = await listen(app, session, last)
    await nothing.end()
    assert nothing.said == []


async def test_an_event_goes_to_one_connection_only() -> None:
    road = Telling()
    app = plane(road)
    session = await initialize(app)
    stream = begin(app, call("c", **TOKEN), events(session))
    await stream.message(0)
    second = await listen(app, session, stream.events[-1].id)
    third = await listen(app, session, stream.events[-1].id)
    await second.end()
    road.free.set()
    await third.end()
    await stream.end()
    assert (stream.said, second.said, third.said) == ([1], [], [2, "c"])


async def test_a_question_is_replayed_to_a_client_that_comes_back() -> None:
    app = plane(asking())
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call("c"), events(session))
    question = await stream.message(0)
    await stream.break_off()
    again = await listen(app, session, stream.events[0].id)
    assert await again.message(0) == question
    await respond(app, session, question["id"], {"action": "accept"})
    await again.end()
    await stream.end()
    assert again.said == ["elicitation/create", "c"]


async def test_a_client_that_came_back_is_asked_on_the_stream_it_took_up() -> None:
    free = asyncio.Event()

    async def walk(asked: Asked) -> None:
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        await free.wait()
        await asked.dialogue.ask("elicitation/create", FORM)

    app = plane(walking(walk))
    session = await initialize(app, capabilities=ABLE)
    stream = begin(app, call("c", **TOKEN), events(session))
    await stream.message(0)
    again = await listen(app, session, stream.events[-1].id)
    free.set()
    question = await again.message(0)
    await respond(app, session, question["id"], {"action": "accept"})
    await again.end()
    await stream.end()
    assert (stream.said, again.said) == ([1], ["elicitation/create", "c"])


@pytest.mark.parametrize("seen", ["", "x", "0-0-0", "deadbeef-1-1", "{entry}-9-1", "{entry}-1-", "{entry}-1-1 "])
async def test_an_event_that_nobody_keeps_is_refused(seen) -> None:
    app = plane(FakeRoad())
    session = await initialize(app)
    await send(app, jsonrpc.request(1, "logging/setLevel", {"level": "info"}), session)
    [held] = app._legacy._table._held.values()
    answer = await send(app, b"", [*session, ("last-event-id", seen.format(entry=held.lines.entry))], method="GET")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)


async def test_a_stream_of_another_session_cannot_be_taken_up() -> None:
    road = Telling()
    app = plane(road)
    mine, others = await initialize(app), await initialize(app)
    stream = begin(app, call("c", **TOKEN), events(mine))
    await stream.message(0)
    name = stream.events[0].id
    for lines, seen in ((others, name), (mine, "deadbeef" + name[8:])):  # another session; another process
        answer = await send(app, b"", [*lines, ("last-event-id", seen)], method="GET")
        assert answer.status == 400
    road.free.set()
    await stream.end()
    assert stream.said == [1, 2, "c"]


async def test_what_ended_long_ago_is_not_kept() -> None:
    road, clock = Telling(), FakeClock()
    app = plane(road, clock=clock)
    session = await initialize(app)
    stream = begin(app, call("c", **TOKEN), events(session))
    road.free.set()
    await stream.end()
    clock.at += 301
    answer = await send(app, b"", [*session, ("last-event-id", stream.events[0].id)], method="GET")
    assert answer.status == 400
    assert app._legacy._table._replay_bytes == 0


async def test_delete_ends_a_stream_that_was_taken_up_and_lets_its_call_finish() -> None:
    road = Telling()
    app = plane(road)
    session = await initialize(app)
    broken, live = (begin(app, call(name, **TOKEN), events(session)) for name in ("broken", "live"))
    await broken.message(0)
    await live.message(0)
    again = await listen(app, session, broken.events[-1].id)
    await send(app, b"", session, method="DELETE")
    await again.end()
    road.free.set()
    await broken.end()
    await live.end()
    assert (again.said, live.said) == ([], [1, 2, "live"])
    assert app._legacy._table._replay_bytes == 0


class Stalled(Exchange):
    """A client that reads the head of a response and then nothing."""

    async def send(self, message) -> None:
        await super().send(message)
        if message["type"] != "http.response.start":
            await self.gone.wait()
            for _ in range(10):  # a server may free a writer later than it tells of the disconnect
                await asyncio.sleep(0)


async def test_a_client_that_did_not_read_hears_again_once_it_came_back() -> None:
    free = asyncio.Event()

    async def walk(asked: Asked) -> None:
        for step in range(50):
            asked.dialogue.tell(PROGRESS, {"progress": step, "message": "x" * 50_000})
            await asyncio.sleep(0)
        await free.wait()
        asked.dialogue.tell(PROGRESS, {"progress": 99})

    app = plane(walking(walk))
    session = await initialize(app)
    exchange = Stalled([json.dumps(call("c", **TOKEN)).encode()])
    task = asyncio.ensure_future(app(scope(events(session)), exchange.receive, exchange.send))
    stream = Stream(exchange, task)
    await until(lambda: len(app._legacy._in_flight) == 1 and bool(stream.events))
    for _ in range(60):
        await asyncio.sleep(0)
    await stream.break_off()
    again = await listen(app, session, stream.events[0].id)
    free.set()
    await again.end()
    await stream.end()
    assert again.said[-2:] == [99, "c"]
    assert len(again.said) < 40, "what was dropped is gone: memory is bounded"


async def test_an_answer_larger_than_the_whole_replay_still_reaches_a_client_that_came_back() -> None:
    free = asyncio.Event()

    async def walk(asked: Asked) -> Reply:
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        await free.wait()
        return Reply({"content": [{"type": "text", "text": "x" * 5_000}]})

    app = plane(FakeRoad(walk=walk), limits=Limits(replay_bytes=1_000))
    session = await initialize(app)
    stream = begin(app, call("c", **TOKEN), events(session))
    await stream.message(0)
    again = await listen(app, session, stream.events[-1].id)
    free.set()
    await again.end()
    await stream.end()
    assert len(json.dumps(again.messages[0])) > 5_000
