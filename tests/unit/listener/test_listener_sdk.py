"""The official client, in both modes, over real sockets against the app under uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from listener_kit import FakeRoad, call, plane
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from gateway.listener.plane import AgentPlane


@asynccontextmanager
async def served(app: AgentPlane, http: str = "httptools") -> AsyncIterator[str]:
    """The app on a free port; a clean stop within the bound proves that no stream holds the server up."""
    config = uvicorn.Config(app, port=0, http=http, log_level="error", lifespan="on")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    async with asyncio.timeout(5):
        while not server.started:
            await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        app.close()
        server.should_exit = True
        async with asyncio.timeout(5):
            await serving


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client_lists_and_calls(mode, version, http) -> None:
    road = FakeRoad()
    async with served(plane(road), http) as url, asyncio.timeout(20):
        headers = {"authorization": "Bearer alice"}
        async with (
            httpx2.AsyncClient(headers=headers) as web,
            Client(streamable_http_client(url, http_client=web), mode=mode) as client,
        ):
            assert [tool.name for tool in (await client.list_tools()).tools] == ["helpdesk_echo"]
            result = await client.call_tool("helpdesk_echo", {"text": "grüß dich", "region": "Zürich"})
            assert result.content[0].text == "grüß dich"
            assert not result.is_error
            with pytest.raises(MCPError, match="no such tool"):
                await client.call_tool("absent", {})
    assert [asked.version for asked in road.calls] == [version] * 2
    assert road.calls[0].arguments["region"] == "Zürich"
    assert road.refused == []


async def test_an_open_stream_of_the_official_client_does_not_hold_up_the_stop() -> None:
    app = plane(FakeRoad())
    async with served(app) as url, asyncio.timeout(20):
        headers = {"authorization": "Bearer alice"}
        web = httpx2.AsyncClient(headers=headers)
        async with web, Client(streamable_http_client(url, http_client=web), mode="legacy"):
            async with asyncio.timeout(5):
                while not app._streams._open:
                    await asyncio.sleep(0.005)
    assert not app._streams._open


async def test_a_client_that_hangs_up_over_a_real_socket_cancels_its_modern_call() -> None:
    road = FakeRoad()
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def walk(asked):
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    road.walk = walk
    async with served(plane(road)) as url, asyncio.timeout(10):
        body, lines = call()
        async with httpx2.AsyncClient() as web:
            named = {name: value for name, value in lines if name != "host"}
            posting = asyncio.ensure_future(web.post(url, json=body, headers=named))
            await entered.wait()
            posting.cancel()
            await cancelled.wait()
