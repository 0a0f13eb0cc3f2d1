"""Servers that break off, forget, repeat themselves or confuse their callers: no call twice, no slot or stream kept for nothing."""

import asyncio

import pytest
from dialogue_kit import SSE, Caller, event, note
from test_upstream_following import Modern, _followed
from test_upstream_older import Old
from test_upstream_resume import _PRIMED, Breaking, _call
from upstream_kit import OK, EraServer, RealClock, error, outbound, peer, reply, result, soon, tool, until, upstream

from gateway.config.upstreams import McpHttp
from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent
from gateway.model.tool import Effect
from gateway.upstream.resilient import Resilient


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, -32001), (404, -32600), (400, -32600), (400, -32000), (405, -32000), (401, None), (403, None), (429, None)],
)
async def test_what_answers_the_way_back_to_a_broken_stream_says_nothing_of_the_call(status, body) -> None:
    say = reply(status) if body is None else reply(status, error(None, body))
    outcome, gets, _ = await _call(Breaking(_PRIMED, say))
    assert outcome == Lost("the stream ended before the answer")
    assert len(gets) == 1


async def test_an_error_for_nobody_on_a_later_stream_is_no_answer() -> None:
    outcome, _, _ = await _call(Breaking(_PRIMED, SSE + event(error(None, -32600))))
    assert outcome == Lost("the stream ended before the answer")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 429])
async def test_a_result_is_an_answer_whatever_the_status_says(status) -> None:
    sessions = EraServer("legacy")

    async def script(seen, writer):
        if seen.method == "tools/call":
            writer.write(reply(status, result(seen)))
        else:
            await sessions(seen, writer)

    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        assert await up.send(outbound(), soon()) == Answered(OK)
        assert len(server.calls("tools/call")) == 1


async def test_an_older_stream_that_ends_while_it_is_opened_does_not_stay_in_use() -> None:
    class Hasty(Old):
        async def _take(self, seen):
            await super()._take(seen)
            if seen.method == "notifications/initialized" and self.streams == 1:
                self.writer.close()

        async def __call__(self, seen, writer):
            if seen.method == "notifications/initialized" and self.streams == 1:
                self.writer.close()
                await asyncio.sleep(0.05)
            await super().__call__(seen, writer)

    async with peer(Hasty()) as server, upstream(server.url, era="legacy") as up:
        await up.send(outbound(), soon())
        assert await up.send(outbound(), soon()) == Answered(OK)


async def test_an_older_session_that_is_given_up_leaves_no_stream_behind() -> None:
    async def say(old, seen, writer):
        old.calls = getattr(old, "calls", 0) + 1
        if old.calls % 2 == 0:
            old.endpoint = f"/messages?session=n{old.calls}"
            writer.write(reply(404))
        else:
            writer.write(reply(202))
            old.send({"jsonrpc": "2.0", "id": seen.message["id"], "result": OK})

    async with peer(Old(say=say)) as server, upstream(server.url, era="legacy") as up:
        for _ in range(4):
            assert await up.send(outbound(), soon()) == Answered(OK)
        await until(lambda: len(up._standing) <= 2)


async def test_a_log_message_beside_the_calls_is_nobodys_once_two_callers_share_a_session() -> None:
    script = Modern()
    started, over = asyncio.Event(), asyncio.Event()

    async def slow(seen, writer):
        if seen.method == "tools/call" and "wait" in seen.message["params"]["arguments"]:
            started.set()
            await over.wait()
        await script(seen, writer)

    first, second = Caller(log_level="debug"), Caller(log_level="debug")
    async with peer(slow) as server, upstream(server.url) as up, _followed(up) as heard:
        await up.send(outbound(dialogue=first, owner="one"), soon())
        await until(lambda: len(script.asked) == 1)
        running = asyncio.ensure_future(up.send(outbound({"wait": 1}, dialogue=second, owner="two"), soon()))
        await asyncio.wait_for(started.wait(), 5)
        script.tell(note("message", level="error", data="of one's call"), note("tools/list_changed"))
        await until(lambda: bool(heard))
        over.set()
        await running
    assert second.told == []


async def test_a_server_that_ends_every_subscription_at_once_is_not_hammered() -> None:
    pauses: list[float] = []
    script = Modern()

    async def sleep(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0.001)

    async def brief(seen, writer):
        if seen.method == "subscriptions/listen":
            writer.write(SSE + event(note("subscriptions/acknowledged", notifications={"toolsListChanged": True})))
            await writer.drain()
            writer.close()
        else:
            await script(seen, writer)

    async with peer(brief) as server, upstream(server.url, sleep=sleep) as up, _followed(up):
        await up.send(outbound(), soon())
        await until(lambda: len(pauses) >= 7)
    assert pauses[:7] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("code", [-32600, -32601, -32020, -32021])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_an_error_that_comes_after_the_work_began_does_not_say_that_it_did_not(era, code) -> None:
    sessions = EraServer(era)

    async def script(seen, writer):
        if seen.method != "tools/call":
            return await sessions(seen, writer)
        token = seen.message["params"]["_meta"]["progressToken"]
        writer.write(SSE + event(note("progress", progressToken=token, progress=1)) + event(error(seen, code)))
        await writer.drain()
        writer.close()

    async with peer(script) as server, upstream(server.url, era=era) as up:
        outcome = await up.send(outbound(dialogue=Caller(progress_token="mine")), soon())
        assert outcome == AnsweredError(code, "theirs")
        assert len(server.calls("tools/call")) == 1


async def test_an_error_for_nobody_after_the_work_began_leaves_it_in_doubt() -> None:
    async def script(seen, writer):
        token = seen.message["params"]["_meta"]["progressToken"]
        said = note("progress", progressToken=token, progress=1)
        writer.write(SSE + event(said) + event(error(None, -32600)))
        await writer.drain()
        writer.close()

    async with peer(script) as server, upstream(server.url) as up:
        outcome = await up.send(outbound(dialogue=Caller(progress_token="mine")), soon())
        assert outcome == Lost("an error that names no request")


@pytest.mark.parametrize("worked", [False, True])
@pytest.mark.parametrize("own", [False, True])
async def test_a_server_that_says_not_found_after_it_acted_is_asked_again_only_in_a_session_it_can_have_lost(
    worked, own
) -> None:
    """A session that was opened a moment ago cannot be unknown; what names the request is about the request."""
    sessions, acted = EraServer("legacy"), 0

    async def script(seen, writer):
        nonlocal acted
        if seen.method == "tools/call" and seen.message["params"]["arguments"]:
            acted += 1
            writer.write(reply(404, error(seen, -32002) if own else b"no such order"))
        else:
            await sessions(seen, writer)

    async with peer(script) as server, upstream(server.url, era="legacy") as inner:
        up = Resilient(inner, McpHttp(kind="mcp-http", url=server.url), RealClock())
        if worked:
            await up.send(outbound(), soon())
        outcome = await up.send(outbound({"n": 1}, tool=tool(effect=Effect.MUTATING)), soon())
        if own:
            assert outcome == Unsent("turned away with JSON-RPC error -32002", cause="never")
            assert acted == 1
        else:
            assert isinstance(outcome, Lost)
            assert acted == 1 + worked
