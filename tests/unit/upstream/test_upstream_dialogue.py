"""What a server says while a call runs reaches its caller, in order and under the caller's own names; nothing else does."""

import asyncio

import pytest
from dialogue_kit import FORM, SSE, Caller, Talker, event, note
from upstream_kit import OK, HandClock, outbound, peer, reply, result, soon, upstream

from gateway.model.outcome import Answered
from gateway.upstream.conversation import Conversation
from gateway.upstream.deadline import Deadline


def _progress(seen, value) -> dict:
    return note("progress", progressToken=seen.message["params"]["_meta"]["progressToken"], progress=value)


async def _modern(seen, writer):
    said = [
        _progress(seen, 1),
        note("message", level="debug", data="quiet"),
        note("message", level="error", data="loud"),
        note("progress", progressToken="somebody else's", progress=9),
        {"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {}},
        note("elicitation/complete"),
        _progress(seen, 2.5),
    ]
    writer.write(SSE + b"".join(map(event, said)))
    await writer.drain()
    await asyncio.sleep(0.02)  # time in which a question could be put
    writer.write(event(result(seen)))
    await writer.drain()
    writer.close()


_HEARD = [
    ("notifications/progress", {"progressToken": "mine", "progress": 1}),
    ("notifications/message", {"level": "error", "data": "loud"}),
    ("notifications/progress", {"progressToken": "mine", "progress": 2.5}),
]


async def test_a_modern_caller_hears_its_progress_and_grave_messages_in_order() -> None:
    caller = Caller(progress_token="mine", log_level="warning", capabilities=FORM)
    async with peer(_modern) as server, upstream(server.url) as up:
        assert await up.send(outbound(dialogue=caller), soon()) == Answered(OK)
        assert caller.told == _HEARD
        assert caller.asked == []  # a modern server must not ask on the stream
        assert len(server.seen) == 1
    meta = server.seen[0].message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/logLevel"] == "warning"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == FORM
    assert meta["progressToken"] == str(server.seen[0].message["id"])


async def test_capabilities_are_passed_on_as_declared_and_never_more() -> None:
    async def script(seen, writer):
        writer.write(reply(200, result(seen)))

    declared = {
        "elicitation": {"url": {}},
        "sampling": {"tools": {}},
        "roots": {"listChanged": True},
        "experimental": {"x": {}},
        "tasks": {},
    }
    async with peer(script) as server, upstream(server.url) as up:
        await up.send(outbound(dialogue=Caller(capabilities=declared)), soon())
        await up.send(outbound(dialogue=Caller(capabilities={})), soon())
    said = [seen.message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] for seen in server.seen]
    assert said == [{"elicitation": {"url": {}}, "sampling": {"tools": {}}, "roots": {}}, {}]


@pytest.mark.parametrize("facts", [{}, {"progress_token": 7}, {"log_level": "emergency"}])
async def test_who_wants_to_hear_nothing_is_told_nothing(facts) -> None:
    async def script(seen, writer):
        token = seen.message["params"]["_meta"].get("progressToken")
        said = [
            note("progress", progressToken=token, progress=True),
            note("progress", progressToken=1, progress=1),
            note("message", level="alert", data="x"),
            note("message", level="loud", data="x"),
            note("message", level="emergency"),
            note("message", level=["emergency"], data="x"),
        ]
        writer.write(reply(200, b"".join(map(event, said)) + event(result(seen)), kind="text/event-stream"))

    caller = Caller(**facts)
    async with peer(script) as server, upstream(server.url) as up:
        assert await up.send(outbound(dialogue=caller), soon()) == Answered(OK)
    assert caller.told == []
    meta = server.seen[0].message["params"]["_meta"]
    assert ("progressToken" in meta) == ("progress_token" in facts)


async def _chatty(seen, _talker):
    yield _progress(seen, 1)
    yield note("message", level="debug", data="quiet")
    yield note("message", level="error", data="loud")
    yield _progress(seen, 2.5)


async def test_a_legacy_caller_hears_the_same_and_the_level_is_set_once_for_all_who_want_less() -> None:
    script = Talker(_chatty, {"logging": {}})
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        for level in ("warning", "error", "warning", "debug"):
            caller = Caller(progress_token="mine", log_level=level)
            assert await up.send(outbound(dialogue=caller), soon()) == Answered(OK)
            if level == "warning":
                assert caller.told == _HEARD
    levels = [seen.message["params"]["level"] for seen in server.calls("logging/setLevel")]
    assert levels == ["warning", "debug"]
    assert script.sessions.sessions == 1


async def test_a_server_without_logging_is_never_told_a_level() -> None:
    async with peer(Talker(_chatty)) as server, upstream(server.url, era="legacy") as up:
        await up.send(outbound(dialogue=Caller(progress_token=1, log_level="debug")), soon())
        assert not server.calls("logging/setLevel")


async def test_two_calls_in_one_session_hear_their_own_progress_only() -> None:
    tokens, both = [], asyncio.Barrier(2)

    async def crossed(seen, _talker):
        tokens.append(seen.message["params"]["_meta"]["progressToken"])
        await asyncio.wait_for(both.wait(), 5)
        for token in tokens:
            yield note("progress", progressToken=token, progress=int(token))

    script, callers = Talker(crossed), [Caller(progress_token=name) for name in "ab"]
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        await asyncio.gather(*(up.send(outbound(dialogue=caller), soon()) for caller in callers))
    own = {seen.message["id"] for seen in server.calls("tools/call")}
    for caller in callers:
        assert {params["progressToken"] for _, params in caller.told} <= {caller.progress_token}
        assert len({params["progress"] for _, params in caller.told}) == 1
    assert {params["progress"] for caller in callers for _, params in caller.told} == own


def test_of_a_flood_of_progress_so_much_passes_as_a_person_could_follow() -> None:
    caller, clock = Caller(progress_token="mine"), HandClock()
    conversation = Conversation(caller, "1", Deadline(clock.monotonic() + 10, clock))

    def heard(times: int) -> int:
        before = len(caller.told)
        for step in range(times):
            conversation.progressed({"progressToken": "1", "progress": step})
        return len(caller.told) - before

    assert heard(100) == 20
    clock.pass_s(0.5)
    assert heard(100) == 10
    clock.pass_s(60)
    assert heard(100) == 20
    assert conversation.begun
