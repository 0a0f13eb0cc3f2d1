"""Callers that keep a server busy with questions or with many sessions: there is room for everybody else."""

import asyncio
import os
import signal

import pytest
from dialogue_kit import FORM, Caller, Talker, question
from stdio_kit import stdio
from upstream_kit import OK, EraServer, HandClock, outbound, peer, reply, result, soon, tool, until, upstream

from gateway.config.upstreams import McpHttp
from gateway.model.outcome import Answered
from gateway.model.refusal import Refused
from gateway.model.tool import Effect
from gateway.upstream import links
from gateway.upstream.resilient import Resilient


async def _wants(seen, writer):
    """A modern server that asks first."""
    asked = {"q": {"method": "elicitation/create", "params": {}}}
    more = {"resultType": "input_required", "inputRequests": asked, "requestState": "s"}
    writer.write(reply(200, result(seen, OK if "inputResponses" in seen.message["params"] else more)))


async def _asks(_seen, talker):
    yield question()
    await talker.answer()


@pytest.mark.parametrize(("era", "script"), [("modern", _wants), ("legacy", Talker(_asks))])
async def test_while_its_caller_thinks_a_call_holds_no_slot(era, script) -> None:
    over = asyncio.Event()

    async def thinks(_method, _params):
        await over.wait()
        return {"action": "accept"}

    async def call(up, caller):
        with up.try_permit("bot") or await up.permit(soon(), "bot"):
            return await up.send(outbound(dialogue=caller, owner="one"), soon())

    async with peer(script) as server, upstream(server.url, era=era, max_in_flight=2, queue=0) as up:
        callers = [Caller(thinks, capabilities=FORM, session=bytes([n])) for n in range(4)]
        calls = []
        for caller in callers:
            calls.append(asyncio.ensure_future(call(up, caller)))
            await asyncio.wait_for(caller.answering.wait(), 5)
        with up.try_permit("bot"):
            over.set()
            outcomes = await asyncio.gather(*calls)
        assert outcomes == [Answered(OK)] * 4
        with up.try_permit("bot"), up.try_permit("bot"), pytest.raises(Refused):
            await up.permit(soon(), "bot")


async def test_a_slot_that_was_lent_is_given_to_nobody_when_its_call_goes_on() -> None:
    answered, over = asyncio.Event(), asyncio.Event()

    async def thinks(_method, _params):
        await answered.wait()
        return {}

    async def script(seen, writer):
        if "inputResponses" in seen.message["params"]:
            await over.wait()
        await _wants(seen, writer)

    async with peer(script) as server, upstream(server.url, max_in_flight=1, queue=1) as up:
        caller = Caller(thinks, capabilities=FORM)
        with up.try_permit("bot"):
            call = asyncio.ensure_future(up.send(outbound(dialogue=caller), soon()))
            await asyncio.wait_for(caller.answering.wait(), 5)
            lent = up.try_permit("bot")
            answered.set()
            await until(lambda: len(server.seen) == 2)
            with lent:
                assert up.try_permit("bot") is None
            assert up.try_permit("bot") is None  # the call goes on in its slot
            over.set()
            assert await call == Answered(OK)
        assert up.try_permit("bot") is not None


async def test_one_owner_s_sessions_make_way_for_its_own_and_never_for_all_of_the_others(monkeypatch) -> None:
    monkeypatch.setattr(links, "MOST", 4)
    monkeypatch.setattr(links, "MOST_EACH", 2)
    sessions = EraServer("legacy")
    async with peer(sessions) as server, upstream(server.url, era="legacy") as up:
        await up.send(outbound(owner="quiet"), soon())
        [quiet] = server.calls("tools/call")
        for number in range(6):
            declared = {"elicitation": {f"x{number}": {}}}
            await up.send(outbound(owner="loud", dialogue=Caller(capabilities=declared)), soon())
        await up.send(outbound(owner="quiet"), soon())
        assert server.calls("tools/call")[-1].headers["mcp-session-id"] == quiet.headers["mcp-session-id"]
        await until(lambda: len(sessions.known) == 3)


async def test_a_helper_that_outlives_its_process_keeps_neither_calls_nor_the_end_waiting() -> None:
    async with stdio("legacy") as up:
        outcome = await up.send(outbound(tool=tool("detached")), soon())
        helper = outcome.result["pid"]
        try:
            await asyncio.wait_for(up.send(outbound(tool=tool("crash")), soon(30)), 5)
            await until(lambda: up._starting is None)
            outcome = await up.send(outbound({"n": 1}, tool=tool("detached")), soon())
            assert isinstance(outcome, Answered)
            await asyncio.wait_for(up.close(), 5)
        finally:
            for pid in {helper, outcome.result["pid"]}:
                os.kill(pid, signal.SIGKILL)


async def test_a_server_that_asks_works_so_its_breaker_does_not_wait_for_a_person() -> None:
    over, clock, well = asyncio.Event(), HandClock(), False

    async def thinks(_method, _params):
        await over.wait()
        return {}

    async def script(seen, writer):
        if not well:
            writer.write(reply(500, b"no"))
        elif seen.message["params"]["arguments"]:
            writer.write(reply(200, result(seen)))
        else:
            await _wants(seen, writer)

    config = McpHttp(kind="mcp-http", url="http://x", breaker={"calls": 2, "open": "1s"})
    mutating = tool(effect=Effect.MUTATING)
    async with peer(script) as server, upstream(server.url, clock=clock) as inner:
        up = Resilient(inner, config, clock, lambda: 0.0)
        for _ in range(2):
            await up.send(outbound(tool=mutating), clock.monotonic() + 5)
        assert set(up.breakers().values()) == {"open"}
        well = True
        clock.pass_s(2)
        caller = Caller(thinks, capabilities=FORM)
        call = asyncio.ensure_future(up.send(outbound(tool=mutating, dialogue=caller), clock.monotonic() + 5))
        await asyncio.wait_for(caller.answering.wait(), 5)
        assert await up.send(outbound({"n": 1}, tool=mutating), clock.monotonic() + 5) == Answered(OK)
        over.set()
        assert await call == Answered(OK)
        assert set(up.breakers().values()) == {"closed"}
