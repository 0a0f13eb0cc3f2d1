"""The shared session of a legacy server: opened again when it ended, and never a reason to send a lost call twice."""

import asyncio

import pytest
from upstream_kit import OK, EraServer, outbound, peer, reply, soon, upstream

from gateway.model.outcome import Answered, Lost


async def test_an_ended_session_is_opened_again_and_the_call_is_executed_once() -> None:
    script = EraServer("legacy")
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        await up.send(outbound(), soon())
        script.known.clear()
        calls = (up.send(outbound(), soon()) for _ in range(3))
        assert await asyncio.gather(*calls) == [Answered(OK)] * 3
        assert script.executed == 4
        assert script.sessions == 2


async def test_a_server_that_forgets_every_session_is_given_up_after_one_more_try() -> None:
    script = EraServer("legacy")

    async def forgetful(seen, writer):
        if seen.method == "tools/call" and seen.message["params"]["arguments"]:
            writer.write(reply(404, b"session not found"))
        else:
            await script(seen, writer)

    async with peer(forgetful) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert await up.send(outbound({"n": 1}), soon()) == Lost("malformed JSON")
        assert len(server.calls("tools/call")) == 3


async def test_a_lost_call_is_never_sent_again_though_a_new_session_would_take_it() -> None:
    script = EraServer("legacy")

    async def odd(seen, writer):
        if seen.method == "tools/call":
            script.executed += 1
            writer.write(reply(400, b"what?"))
        else:
            await script(seen, writer)

    async with peer(odd) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Lost("malformed JSON")
        assert script.executed == 1
        assert isinstance(await up.send(outbound(), soon()), Lost)
        assert [seen.headers["mcp-session-id"] for seen in server.calls("tools/call")] == ["s1", "s2"]


async def test_a_call_lost_while_another_one_opened_a_new_session_is_never_sent_again() -> None:
    script, arrived, broken = EraServer("legacy"), asyncio.Event(), asyncio.Event()

    async def breaking(seen, writer):
        if seen.method == "tools/call" and not arrived.is_set():
            script.executed += 1
            arrived.set()
            await broken.wait()
            writer.transport.abort()
        else:
            await script(seen, writer)

    async with peer(breaking) as server, upstream(server.url, era="legacy") as up:
        first = asyncio.ensure_future(up.send(outbound(), soon()))
        await asyncio.wait_for(arrived.wait(), 5)
        script.known.clear()
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert script.sessions == 2
        broken.set()
        assert isinstance(await first, Lost)
        assert script.executed == 2


@pytest.mark.parametrize(("asked", "answer"), [("ping", {"result": {}}), ("sampling/createMessage", {"error": -32601})])
async def test_a_legacy_server_that_asks_back_gets_an_answer(asked, answer) -> None:
    script, answered = EraServer("legacy"), asyncio.Event()

    async def asking(seen, writer):
        if seen.method == "tools/call":
            writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            writer.write(f'data: {{"jsonrpc":"2.0","id":"q","method":"{asked}"}}\n\n'.encode())
            await asyncio.wait_for(answered.wait(), 5)
            writer.write(f'data: {{"jsonrpc":"2.0","id":{seen.message["id"]},"result":{{}}}}\n\n'.encode())
            writer.close()
        elif not seen.method and seen.message:
            answered.set()
            writer.write(reply(202))
        else:
            await script(seen, writer)

    async with peer(asking) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Answered({})
        [told] = [seen for seen in server.seen if not seen.method and seen.message]
        assert told.headers["mcp-session-id"] == "s1"
        assert told.message["id"] == "q"
        assert told.message.get("result") == answer.get("result")
        assert told.message.get("error", {}).get("code") == answer.get("error")
