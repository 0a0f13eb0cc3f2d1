"""Legacy sessions: one for each principal, one of its own for whoever can be asked, never too many, never stale."""

import asyncio

import pytest
from dialogue_kit import FORM, Caller, Talker, event, question
from upstream_kit import OK, HandClock, outbound, peer, reply, soon, until, upstream

from gateway.model.dialogue import SILENT
from gateway.model.outcome import Answered, Unsent
from gateway.upstream.links import SHARED, key_of


async def _quiet(_seen, _talker):
    return
    yield


def _caller(session=None, **facts):
    return Caller({}, session=session, capabilities=facts.pop("capabilities", FORM), **facts)


def _ended(server) -> list[str]:
    return [seen.headers["mcp-session-id"] for seen in server.seen if seen.head.startswith("DELETE")]


def test_who_can_be_asked_never_shares_a_session_with_anybody_else() -> None:
    different = [
        outbound(dialogue=_caller(b"one")),
        outbound(dialogue=_caller(b"two")),
        outbound(dialogue=_caller(b"one", capabilities={"sampling": {}})),
        outbound(dialogue=_caller(b"one", capabilities={"elicitation": {"url": {}}})),
        outbound(dialogue=_caller(stateless=True), owner="default/a/alice"),
        outbound(dialogue=_caller(stateless=True), owner="default/a/bob"),
        outbound(dialogue=_caller(stateless=True), owner="one"),
        outbound(dialogue=SILENT, owner="x"),
    ]
    assert len({key_of(call)[0] for call in different}) == len(different)
    silent = [SILENT, Caller(session=b"one"), Caller(progress_token=1), Caller(capabilities={"experimental": {"x": 1}})]
    assert len({key_of(outbound(dialogue=one, owner="z"))[0] for one in silent}) == 1
    assert len({key_of(outbound(dialogue=SILENT, owner=owner))[0] for owner in ("a", "b", "")}) == 3
    assert key_of(outbound(dialogue=SILENT))[0] == SHARED


async def test_a_session_of_ones_own_is_opened_once_with_what_its_caller_declared_and_ended_with_the_upstream() -> None:
    script = Talker(_quiet)
    async with peer(script) as server:
        async with upstream(server.url, era="legacy") as up:
            for caller in (_caller(b"one"), _caller(b"two"), _caller(b"one"), Caller()):
                assert await up.send(outbound(dialogue=caller), soon()) == Answered(OK)
        assert [said["capabilities"] for said in script.opened] == [FORM, FORM, {}]
        assert [seen.headers["mcp-session-id"] for seen in server.calls("tools/call")] == ["s1", "s2", "s1", "s3"]
        assert len(_ended(server)) == 3
        assert len(up._standing) == 0


async def test_callers_of_one_session_who_come_at_the_same_time_open_it_once() -> None:
    script = Talker(_quiet)
    async with peer(script) as server, upstream(server.url, era="auto") as up:
        await asyncio.gather(*(up.send(outbound(dialogue=_caller(b"one")), soon()) for _ in range(5)))
        assert len(script.opened) == 1
        assert len(server.calls("server/discover")) == 1


async def test_an_ended_session_is_opened_again_with_the_same_capabilities_and_the_call_is_executed_once() -> None:
    script = Talker(_quiet)

    async def forgetful(seen, writer):
        known = script.sessions.known
        if seen.method == "tools/call" and seen.headers["mcp-session-id"] not in known:
            writer.write(reply(404, b"unknown"))
        else:
            await script(seen, writer)

    async with peer(forgetful) as server, upstream(server.url, era="auto") as up:
        await up.send(outbound(dialogue=Caller()), soon())
        await up.send(outbound(dialogue=_caller(b"one")), soon())
        script.sessions.known.discard("s2")
        assert await up.send(outbound(dialogue=_caller(b"one")), soon()) == Answered(OK)
        assert await up.send(outbound(dialogue=Caller()), soon()) == Answered(OK)
        assert [said["capabilities"] for said in script.opened] == [{}, FORM, FORM]
        sessions = [seen.headers["mcp-session-id"] for seen in server.calls("tools/call")]
        assert sessions == ["s1", "s2", "s2", "s3", "s1"]


async def test_the_session_used_longest_ago_makes_room_and_is_ended_at_the_server(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.links.MOST", 2)
    script = Talker(_quiet)
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        for name in (b"one", b"two", b"one", b"three", b"one"):
            assert await up.send(outbound(dialogue=_caller(name)), soon()) == Answered(OK)
        await until(lambda: _ended(server) == ["s2"])
        assert len(script.opened) == 3


async def test_sessions_in_use_make_no_room(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.links.MOST", 1)

    async def asks(_seen, talker):
        yield question()
        await talker.answer()

    script, answered = Talker(asks), asyncio.Event()
    first = Caller(lambda *_: answered.wait(), capabilities=FORM, session=b"one")
    async with peer(script) as server, upstream(server.url, era="legacy") as up:
        running = asyncio.ensure_future(up.send(outbound(dialogue=first), soon()))
        await asyncio.wait_for(first.answering.wait(), 5)
        refused = await up.send(outbound(dialogue=_caller(b"two")), soon())
        assert refused == Unsent("it has as many sessions as it may have", 1000, "later")
        assert len(script.opened) == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        script.answers.put_nowait({"id": "q"})


async def test_a_session_that_nobody_used_for_ten_minutes_is_ended_but_the_shared_one_stays(monkeypatch) -> None:
    clock, looked = HandClock(), asyncio.Event()

    async def sleep(_seconds):
        await looked.wait()
        looked.clear()

    script = Talker(_quiet)
    async with peer(script) as server, upstream(server.url, era="legacy", clock=clock, sleep=sleep) as up:
        end = clock.monotonic() + 10_000
        for caller in (Caller(), _caller(b"one"), _caller(b"two")):
            await up.send(outbound(dialogue=caller), end)
        clock.pass_s(500)
        await up.send(outbound(dialogue=_caller(b"two")), end)
        clock.pass_s(200)
        looked.set()
        await until(lambda: _ended(server) == ["s2"])
        assert up._links.shared is not None
        await up.send(outbound(dialogue=_caller(b"one")), end)
        assert len(script.opened) == 4


async def test_places_of_callers_whose_session_could_not_be_opened_are_given_up(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.links.MOST", 3)

    async def down(seen, writer):
        writer.write(reply(503))

    async with peer(down) as server, upstream(server.url, era="legacy") as up:
        for number in range(20):
            assert isinstance(await up.send(outbound(dialogue=_caller(bytes([number]))), soon()), Unsent)
        assert len(up._links._places) <= 4


async def test_a_server_that_turns_modern_takes_the_calls_of_every_caller() -> None:
    script = Talker(_quiet)
    async with peer(script) as server, upstream(server.url, era="auto") as up:
        await up.send(outbound(dialogue=_caller(b"one")), soon())
        script.sessions.era = "modern"
        server.script = script.sessions
        assert await up.send(outbound(dialogue=_caller(b"one")), soon()) == Answered(OK)
        assert await up.send(outbound(dialogue=_caller(b"two")), soon()) == Answered(OK)
        assert len(server.calls("server/discover")) == 2


async def test_the_sessions_own_stream_is_open_before_the_first_call_and_taken_up_when_it_breaks() -> None:
    pauses: list[float] = []

    async def sleep(seconds):
        pauses.append(seconds)
        if seconds > 30:
            await asyncio.Event().wait()

    async def breaks(seen, talker):
        stream = talker.streams.pop(seen.headers["mcp-session-id"])
        talker.listening.clear()
        stream.write(event("", id="7", retry="1500"))
        await stream.drain()
        stream.close()
        await asyncio.wait_for(talker.listening.wait(), 5)
        yield b": again\n\n"

    async with peer(Talker(breaks)) as server, upstream(server.url, era="legacy", sleep=sleep) as up:
        assert await up.send(outbound(dialogue=_caller(b"one")), soon()) == Answered(OK)
        gets = [seen for seen in server.seen if seen.head.startswith("GET")]
        assert [seen.headers.get("last-event-id") for seen in gets] == [None, "7"]
        assert [1.5 <= pause <= 3 for pause in pauses if pause < 30] == [True]
        assert "content-type" not in gets[0].headers
        assert gets[0].headers["accept"] == "text/event-stream"


async def test_a_server_without_a_stream_of_its_own_is_not_asked_for_it_again() -> None:
    script = Talker(_quiet)

    async def none(seen, writer):
        if seen.head.startswith("GET"):
            writer.write(reply(405))
        else:
            await script(seen, writer)

    async with peer(none) as server, upstream(server.url, era="legacy") as up:
        for _ in range(3):
            assert await up.send(outbound(dialogue=_caller(b"one")), soon()) == Answered(OK)
        assert sum(seen.head.startswith("GET") for seen in server.seen) == 1
