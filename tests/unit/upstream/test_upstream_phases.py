"""How long an answer may take in its parts: a stream that has begun and falls silent is broken, however much time is left."""

import asyncio

import pytest
from dialogue_kit import FORM, SSE, Caller, Talker, event, question
from upstream_kit import OK, outbound, peer, result, soon, upstream

from gateway.model.outcome import Answered, Lost
from gateway.upstream import answer

WORD = b": at work\n\n"
SILENCE_S = 0.05
SILENT = Lost("its stream fell silent before the answer was complete")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "IDLE_S", SILENCE_S)


async def _sent(script, **more):
    async with peer(script) as server, upstream(server.url, **more) as up:
        async with asyncio.timeout(5):
            return await up.send(outbound(), soon(60))


async def test_a_stream_that_begins_and_falls_silent_is_broken() -> None:
    async def script(_seen, writer):
        writer.write(SSE + WORD)
        await asyncio.Event().wait()

    assert await _sent(script) == SILENT


async def test_a_stream_may_take_its_time_to_begin() -> None:
    async def script(seen, writer):
        writer.write(SSE)
        await asyncio.sleep(SILENCE_S * 4)
        writer.write(event(result(seen)))

    assert await _sent(script) == Answered(OK)


async def test_whatever_is_told_breaks_the_silence() -> None:
    async def script(seen, writer):
        writer.write(SSE)
        for _ in range(8):
            writer.write(WORD)
            await asyncio.sleep(SILENCE_S / 2)
        writer.write(event(result(seen)))

    assert await _sent(script) == Answered(OK)


async def test_progress_without_end_does_not_move_the_deadline() -> None:
    async def script(_seen, writer):
        writer.write(SSE)
        while True:
            writer.write(WORD)
            await asyncio.sleep(SILENCE_S / 4)

    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(), soon(SILENCE_S * 4)) == Lost("no answer in time", timed_out=True)


async def test_a_server_that_waits_for_a_person_may_be_silent() -> None:
    async def asks(_seen, talker):
        yield question()
        await talker.answer()

    async def thinks(_method, _params):
        await asyncio.sleep(SILENCE_S * 4)
        return {"action": "accept"}

    caller = Caller(thinks, capabilities=FORM, session=b"1")
    async with peer(Talker(asks)) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(dialogue=caller), soon(60)) == Answered(OK)
