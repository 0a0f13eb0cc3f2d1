"""News of a server: followed once it has answered, asked for as far as it can tell, taken up again when it breaks off."""

import asyncio
import contextlib

import pytest
from dialogue_kit import SSE, Caller, Talker, event, note
from upstream_kit import OK, outbound, peer, reply, result, soon, until, upstream

from gateway.model.news import ListChanged, Updated
from gateway.model.outcome import Answered

_ABLE = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"subscribe": True, "listChanged": False}}


class Modern:
    """A modern server that can be listened to."""

    def __init__(self, able=_ABLE, agreed=lambda asked: asked) -> None:
        self.able = able
        self.agreed = agreed
        self.listening: list = []
        self.asked: list = []

    async def __call__(self, seen, writer) -> None:
        if seen.method == "server/discover":
            writer.write(reply(200, result(seen, {"supportedVersions": ["2026-07-28"], "capabilities": self.able})))
        elif seen.method == "subscriptions/listen":
            self.asked.append(seen.message["params"]["notifications"])
            self.listening.append(writer)
            writer.write(SSE + event(note("subscriptions/acknowledged", notifications=self.agreed(self.asked[-1]))))
            await writer.drain()
            await writer.wait_closed()
        else:
            writer.write(reply(200, result(seen)))

    def tell(self, *notes) -> None:
        self.listening[-1].write(b"".join(map(event, notes)))


@contextlib.asynccontextmanager
async def _followed(up):
    heard: list = []
    following = asyncio.ensure_future(up.follow(heard.append))
    try:
        yield heard
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _at_once(_seconds):
    await asyncio.sleep(0.001)


async def test_nothing_is_asked_before_the_server_was_used() -> None:
    for script, era in ((Modern(), "modern"), (Modern(), "auto"), (Talker(lambda *_: None), "legacy")):
        async with peer(script) as server, upstream(server.url, era=era) as up, _followed(up):
            up.want(frozenset({"file:///a"}))
            for _ in range(20):
                await asyncio.sleep(0)
            assert server.connections == 0


async def test_a_modern_server_is_asked_for_what_it_can_tell_and_asked_again_when_somebody_wants_more() -> None:
    script = Modern()
    async with peer(script) as server, upstream(server.url) as up, _followed(up) as heard:
        await up.send(outbound(), soon())
        await until(lambda: len(script.asked) == 1)
        up.want(frozenset({"file:///a", "file:///b"}))
        await until(lambda: len(script.asked) == 2)
        up.want(frozenset({"file:///b"}))
        await until(lambda: len(script.asked) == 3 and len(up._exchange._session.connector._acquired) == 1)
        assert script.asked == [
            {"toolsListChanged": True},
            {"toolsListChanged": True, "resourceSubscriptions": ["file:///a", "file:///b"]},
            {"toolsListChanged": True, "resourceSubscriptions": ["file:///b"]},
        ]
        assert heard == []
        updated = "resources/updated"
        script.tell(note("tools/list_changed"), note("prompts/list_changed"), note(updated, uri="file:///a"))
        script.tell(note(updated, uri=7), note(updated), note("message", level="info", data=1))
        script.tell(note(updated, uri="file:///b"))
        await until(lambda: len(heard) == 2)
        assert heard == [ListChanged("tools"), Updated("helpdesk", "file:///b")]


async def test_what_a_server_did_not_agree_to_tell_is_not_believed() -> None:
    script = Modern(agreed=lambda asked: {"toolsListChanged": False, "resourceSubscriptions": ["file:///b"]})
    async with peer(script) as server, upstream(server.url) as up, _followed(up) as heard:
        up.want(frozenset({"file:///a", "file:///b"}))
        await up.send(outbound(), soon())
        await until(lambda: bool(script.asked))
        script.tell(note("tools/list_changed"), *(note("resources/updated", uri=f"file:///{name}") for name in "ab"))
        await until(lambda: bool(heard))
        assert heard == [Updated("helpdesk", "file:///b")]


async def test_after_a_break_everything_may_have_changed() -> None:
    script = Modern()
    async with peer(script) as server, upstream(server.url, sleep=_at_once) as up, _followed(up) as heard:
        up.want(frozenset({"file:///a"}))
        await up.send(outbound(), soon())
        await until(lambda: len(script.asked) == 1)
        script.listening[0].close()
        await until(lambda: len(script.asked) == 2 and len(heard) == 2)
        assert heard == [ListChanged("tools"), Updated("helpdesk", "file:///a")]


async def test_a_server_that_cannot_be_listened_to_is_asked_with_growing_pauses() -> None:
    pauses: list[float] = []

    async def sleep(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0.001)

    async def script(seen, writer):
        if seen.method == "subscriptions/listen":
            body = {"jsonrpc": "2.0", "id": seen.message["id"], "error": {"code": -32601, "message": "no"}}
            writer.write(reply(404, body))
        else:
            await Modern()(seen, writer)

    async with peer(script) as server, upstream(server.url, sleep=sleep) as up, _followed(up) as heard:
        await up.send(outbound(), soon())
        await until(lambda: len(pauses) >= 7)
        assert pauses[:7] == [1, 2, 4, 8, 16, 30, 30]
        assert heard == []


async def test_a_server_that_tells_nothing_is_not_listened_to() -> None:
    script = Modern(able={"tools": {}, "resources": {}})
    async with peer(script) as server, upstream(server.url) as up, _followed(up):
        up.want(frozenset({"file:///a"}))
        await up.send(outbound(), soon())
        await until(lambda: bool(server.calls("server/discover")))
        await up.send(outbound(), soon())
        assert script.asked == []


async def test_closing_is_not_held_up_by_what_is_followed() -> None:
    script = Modern()
    async with peer(script) as server:
        async with upstream(server.url, sleep=_at_once) as up:
            following = asyncio.ensure_future(up.follow(lambda _: None))
            await up.send(outbound(), soon())
            await until(lambda: bool(script.listening))
        seen = len(server.seen)
        await asyncio.sleep(0.02)
        assert len(server.seen) == seen
        assert len(up._standing) == 0
        assert not following.done()
        following.cancel()


async def _quiet(_seen, _talker):
    return
    yield


def _subscriptions(server):
    return [
        (seen.method.removeprefix("resources/"), seen.message["params"]["uri"], seen.headers["mcp-session-id"])
        for seen in server.seen
        if seen.method in ("resources/subscribe", "resources/unsubscribe")
    ]


async def test_a_legacy_server_is_heard_on_its_own_stream_and_subscribed_to_what_is_wanted() -> None:
    script = Talker(_quiet, _ABLE)
    async with peer(script) as server, upstream(server.url, era="legacy") as up, _followed(up) as heard:
        up.want(frozenset({"file:///a", "file:///b"}))
        await up.send(outbound(), soon())
        await asyncio.wait_for(script.listening.wait(), 5)
        await until(lambda: len(_subscriptions(server)) == 2)
        up.want(frozenset({"file:///b", "file:///c"}))
        await until(lambda: len(_subscriptions(server)) == 4)
        assert _subscriptions(server) == [
            ("subscribe", "file:///a", "s1"),
            ("subscribe", "file:///b", "s1"),
            ("unsubscribe", "file:///a", "s1"),
            ("subscribe", "file:///c", "s1"),
        ]
        updated = "resources/updated"
        for said in (
            note(updated, uri="file:///a"),
            note("tools/list_changed"),
            note(updated, uri="file:///c"),
            note("x"),
        ):
            script.streams["s1"].write(event(said))
        await until(lambda: len(heard) == 2)
        assert heard == [ListChanged("tools"), Updated("helpdesk", "file:///c")]


async def test_a_new_session_is_followed_from_the_beginning() -> None:
    script = Talker(_quiet, _ABLE)

    async def forgetful(seen, writer):
        if seen.method == "tools/call" and seen.headers["mcp-session-id"] not in script.sessions.known:
            writer.write(reply(404, b"unknown"))
        else:
            await script(seen, writer)

    async with (
        peer(forgetful) as server,
        upstream(server.url, era="legacy", sleep=_at_once) as up,
        _followed(up) as heard,
    ):
        up.want(frozenset({"file:///a"}))
        await up.send(outbound(), soon())
        await until(lambda: len(_subscriptions(server)) == 1)
        script.sessions.known.clear()
        assert await up.send(outbound(), soon()) == Answered(OK)
        await until(lambda: len(_subscriptions(server)) == 2)
        assert [session for _, _, session in _subscriptions(server)] == ["s1", "s2"]
        assert heard == [ListChanged("tools"), Updated("helpdesk", "file:///a")]


async def test_news_on_the_stream_of_a_call_are_news() -> None:
    async def says(_seen, _talker):
        yield note("tools/list_changed")

    async with peer(Talker(says)) as server, upstream(server.url, era="legacy") as up, _followed(up) as heard:
        await asyncio.sleep(0)
        await up.send(outbound(dialogue=Caller()), soon())
        assert heard == [ListChanged("tools")]


@pytest.mark.parametrize("able", [{}, {"resources": {}}])
async def test_nothing_is_subscribed_to_at_a_legacy_server_that_does_not_offer_it(able) -> None:
    script = Talker(_quiet, able)
    async with peer(script) as server, upstream(server.url, era="legacy") as up, _followed(up):
        up.want(frozenset({"file:///a"}))
        await up.send(outbound(), soon())
        await asyncio.wait_for(script.listening.wait(), 5)
        await up.send(outbound(), soon())
        assert _subscriptions(server) == []
