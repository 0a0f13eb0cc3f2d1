"""A legacy stream that breaks off before its answer is taken up again by GET; the call itself is never sent again (SEP-1699)."""

import asyncio

import pytest
from dialogue_kit import SSE, Caller, event, note
from upstream_kit import EraServer, outbound, peer, reply, result, soon, upstream

from gateway.model.outcome import Answered, Lost

_PRIMED = event("", id="e1", retry="500")


class Breaking:
    """Answers a call with `first` and a closed stream, and each GET with the next of `then`."""

    def __init__(self, first, *then) -> None:
        self.sessions = EraServer("legacy")
        self.first = first
        self.then = list(then)
        self.call = None
        self.got: list = []

    async def __call__(self, seen, writer) -> None:
        if seen.method == "tools/call":
            self.call = seen
            writer.write(SSE + self.first)
            await writer.drain()
            writer.close()
        elif seen.head.startswith("GET"):
            said = self.then.pop(0)
            writer.write(said(self.call) if callable(said) else said)
            await writer.drain()
            writer.close()
        elif isinstance(seen.message, dict) and "method" not in seen.message:
            self.got.append(seen.message)
            writer.write(reply(202))
        else:
            await self.sessions(seen, writer)


def _answer(seen) -> bytes:
    return SSE + event("", id="e9") + event(result(seen, {"done": 1}), id="e10")


async def _call(script, caller=None, deadline=5.0):
    pauses: list[float] = []

    async def sleep(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0)

    async with peer(script) as server, upstream(server.url, era="legacy", sleep=sleep) as up:
        outcome = await up.send(outbound(dialogue=caller or Caller()), soon(deadline))
        gets = [seen for seen in server.seen if seen.head.startswith("GET")]
        assert len(server.calls("tools/call")) == 1
        return outcome, gets, pauses


async def test_the_answer_comes_on_a_later_stream_after_the_pause_the_server_asked_for() -> None:
    outcome, [get], pauses = await _call(Breaking(_PRIMED, _answer))
    assert outcome == Answered({"done": 1})
    assert get.headers["last-event-id"] == "e1"
    assert get.headers["mcp-session-id"] == "s1"
    assert pauses == [0.5]


async def test_a_stream_may_break_often_and_the_last_place_counts() -> None:
    broken, full = SSE + event(note("progress"), id="e2"), reply(503)
    outcome, gets, pauses = await _call(
        Breaking(event(note("x"), id="e1"), broken, full, b"HTTP/1.1 2", _answer), None, 30
    )
    assert outcome == Answered({"done": 1})
    assert [get.headers["last-event-id"] for get in gets] == ["e1", "e2", "e2", "e2"]
    assert pauses == [1, 2, 4, 8]


async def test_what_is_said_on_a_later_stream_reaches_the_caller() -> None:
    def more(seen):
        said = note("progress", progressToken=str(seen.message["id"]), progress=2)
        return SSE + event(said, id="e2") + event(result(seen))

    caller = Caller(progress_token="mine")
    await _call(Breaking(_PRIMED, more), caller)
    assert caller.told == [("notifications/progress", {"progressToken": "mine", "progress": 2})]


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_a_server_that_offers_no_later_stream_has_lost_the_call(status) -> None:
    outcome, gets, _ = await _call(Breaking(_PRIMED, reply(status)))
    assert outcome == Lost("the stream ended before the answer")
    assert len(gets) == 1


async def test_a_stream_without_event_ids_is_not_taken_up() -> None:
    outcome, gets, _ = await _call(Breaking(event(note("x"), retry="1")))
    assert isinstance(outcome, Lost)
    assert gets == []


@pytest.mark.parametrize("wrong", ["é", "x" * 2000])
async def test_an_id_that_fits_no_header_is_not_sent_back(wrong) -> None:
    outcome, gets, _ = await _call(Breaking(f"id: {wrong}\ndata:\n\n".encode()))
    assert isinstance(outcome, Lost)
    assert gets == []


async def test_a_modern_stream_is_not_taken_up() -> None:
    async with peer(Breaking(_PRIMED)) as server, upstream(server.url, era="modern") as up:
        assert isinstance(await up.send(outbound(), soon()), Lost)
        assert len(server.seen) == 1


async def test_a_malformed_answer_is_lost_and_not_asked_for_again() -> None:
    outcome, gets, _ = await _call(Breaking(_PRIMED + b"data: {\n\n"))
    assert outcome == Lost("malformed JSON")
    assert gets == []


async def test_a_server_that_breaks_off_for_ever_is_a_timeout_and_not_hammered() -> None:
    script = Breaking(_PRIMED.replace(b"500", b"0"), *[SSE + event("", id="e2")] * 1000)
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(dialogue=Caller()), soon(0.5)) == Lost("no answer in time", timed_out=True)
        assert sum(seen.head.startswith("GET") for seen in server.seen) <= 6
