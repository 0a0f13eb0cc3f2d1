"""The official client in its legacy mode: asked, told, subscribed, cut off and back again, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import mcp_types as types
import pytest
from listener_kit import FakeRoad, plane
from listener_legacy_kit import FORM, until
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from test_listener_sdk import served

from gateway.model.call import Asked, Reply
from gateway.model.dialogue import MESSAGE, PROGRESS
from gateway.model.news import ListChanged, Updated

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@asynccontextmanager
async def client(url: str, **how: Any) -> AsyncIterator[Client]:
    async with (
        asyncio.timeout(20),
        httpx2.AsyncClient(headers={"authorization": "Bearer alice"}) as web,
        Client(streamable_http_client(url, http_client=web), mode="legacy", **how) as found,
    ):
        yield found


def text(said: str) -> Reply:
    return Reply({"content": [{"type": "text", "text": said}]})


async def test_a_client_is_asked_everything_it_declared_in_one_call() -> None:
    async def walk(asked: Asked) -> Reply:
        ask = asked.dialogue.ask
        answers = await asyncio.gather(
            ask("elicitation/create", FORM),
            ask("elicitation/create", {"mode": "url", "url": "https://x.example/", "message": "Log in."}),
            ask("sampling/createMessage", {"messages": [], "maxTokens": 1}),
            ask("roots/list", {}),
        )
        assert asked.dialogue.capabilities.keys() == {"elicitation", "sampling", "roots"}
        return text(f"{answers[0]['content']} {answers[1]['action']} {answers[2]['model']} {answers[3]['roots']}")

    async def elicit(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        if isinstance(params, types.ElicitRequestURLParams):
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content={"which": params.message})

    async def sample(_context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        return types.CreateMessageResult(
            role="assistant", content=types.TextContent(type="text", text="!"), model=f"m{params.max_tokens}"
        )

    async def roots(_context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[])

    how = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}
    async with served(plane(FakeRoad(walk=walk))) as url, client(url, **how) as agent:
        result = await agent.call_tool("helpdesk_echo", {})
    assert result.content[0].text == "{'which': 'Which one?'} decline m1 []"


async def test_a_client_hears_progress_and_messages_of_its_level() -> None:
    async def walk(asked: Asked) -> Reply:
        for level in ("debug", "warning"):
            asked.dialogue.tell(MESSAGE, {"level": level, "data": level})
        for step in (1, 2):
            asked.dialogue.tell(PROGRESS, {"progress": step, "total": 2, "message": "…"})
        return text("done")

    heard: list[Any] = []

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        heard.append(params.data)

    async def progress(step: float, total: float | None, message: str | None) -> None:
        heard.append((step, total, message))

    async with served(plane(FakeRoad(walk=walk))) as url, client(url, logging_callback=log) as agent:
        await agent.set_logging_level("info")
        result = await agent.call_tool("helpdesk_echo", {}, progress_callback=progress)
        await until(lambda: len(heard) == 3)
    assert (heard, result.content[0].text) == (["warning", (1, 2, "…"), (2, 2, "…")], "done")


async def test_a_client_hears_news_of_lists_and_of_what_it_subscribed_to() -> None:
    heard: list[Any] = []

    async def take(message: Any) -> None:
        heard.append((message.method, getattr(message.params, "uri", None)))

    app = plane(FakeRoad(beside={"resources": [{"uri": "doc://a", "name": "a"}, {"uri": "doc://b", "name": "b"}]}))
    async with served(app) as url, client(url, message_handler=take) as agent:
        assert [str(one.uri) for one in (await agent.list_resources()).resources] == ["doc://a", "doc://b"]
        await agent.subscribe_resource("doc://a")
        await agent.subscribe_resource("doc://b")
        await agent.unsubscribe_resource("doc://b")
        await until(lambda: bool(app._streams._open))
        for news in (Updated("helpdesk", "doc://a"), Updated("helpdesk", "doc://b"), ListChanged("tools")):
            app.hub.hear(news)
        await until(lambda: len(heard) == 2)
    assert heard == [("notifications/resources/updated", "doc://a"), ("notifications/tools/list_changed", None)]


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[tuple[int, list[asyncio.StreamWriter]]]:
    """A way to a port that can be cut: the writers of the connections that run over it."""
    open_: list[asyncio.StreamWriter] = []

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        open_.extend((writer, back))
        await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], open_
    finally:
        server.close()
        for writer in open_:
            writer.close()


async def test_a_client_that_was_cut_off_takes_its_stream_up_and_gets_its_answer() -> None:
    entered, free = asyncio.Event(), asyncio.Event()
    road = FakeRoad()

    async def walk(asked: Asked) -> Reply:
        asked.dialogue.tell(PROGRESS, {"progress": 1})
        entered.set()
        await free.wait()
        asked.dialogue.tell(PROGRESS, {"progress": 2})
        return text("after all")

    heard: list[float] = []

    async def progress(step: float, _total: float | None, _message: str | None) -> None:
        heard.append(step)

    road.walk = walk
    app = plane(road)
    async with served(app) as url, wire(httpx2.URL(url).port or 0) as (port, connections):
        async with client(f"http://127.0.0.1:{port}/mcp") as agent:
            calling = asyncio.ensure_future(agent.call_tool("helpdesk_echo", {}, progress_callback=progress))
            await entered.wait()
            await until(lambda: heard == [1])
            for writer in tuple(connections):
                writer.transport.abort()
            free.set()
            async with asyncio.timeout(10):
                result = await calling
    assert (result.content[0].text, heard, len(road.calls)) == ("after all", [1, 2], 1)
