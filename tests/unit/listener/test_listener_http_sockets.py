"""The HTTP plane over real sockets, behind the server it ships with: what a client writes is what is judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from listener_http_kit import FakeTools, HttpRoad, http_plane

from gateway.listener.connection import Connection
from gateway.listener.plane import AgentPlane

HOST = b"Host: 127.0.0.1\r\nAuthorization: Bearer alice\r\n"
LAST = HOST + b"Connection: close\r\n"
TYPE = b"Content-Type: application/json\r\n"
CHUNKED = TYPE + b"Transfer-Encoding: chunked\r\n"


@asynccontextmanager
async def port_of(app: AgentPlane) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=Connection, ws="none", lifespan="off", log_config=None))
    serving = asyncio.ensure_future(server.serve())
    async with asyncio.timeout(5):
        while not server.started:
            await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        async with asyncio.timeout(5):
            await serving


async def heard(app: AgentPlane, sent: bytes) -> bytes:
    """Everything the server says to these bytes, until it hangs up."""
    async with port_of(app) as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /http/helpdesk/tickets/7 HTTP/1.1\r\n" + LAST, 200),
        (b"GET http://elsewhere/http/helpdesk/tickets/7 HTTP/1.1\r\n" + LAST, 200),
        (b"GET /http/helpdesk/files/a%2Fb HTTP/1.1\r\n" + LAST, 200),
        (b"GET /http/helpdesk/../helpdesk/tickets/7 HTTP/1.1\r\n" + LAST, 404),
        (b"GET /http/helpdesk/%2e%2e/mcp HTTP/1.1\r\n" + LAST, 404),
        (b"GET /http%2Fhelpdesk/tickets/7 HTTP/1.1\r\n" + LAST, 404),
        (b"GET //http/helpdesk/tickets/7 HTTP/1.1\r\n" + LAST, 404),
        (b"OPTIONS * HTTP/1.1\r\n" + LAST, 404),
        (b"OPTIONS /http/helpdesk/tickets HTTP/1.1\r\n" + LAST, 405),
    ],
)
async def test_a_request_line_is_judged_as_written(sent, status) -> None:
    road = HttpRoad()
    said = await heard(http_plane(road), sent + b"\r\n")
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert (len(road.opened), road.sealed) == (1, 1)


async def test_a_chunked_body_is_read_and_one_without_length_is_none() -> None:
    road = HttpRoad()
    said = await heard(
        http_plane(road), b"POST /http/helpdesk/tickets HTTP/1.1\r\n" + LAST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 200 ")
    await heard(http_plane(road), b"POST /http/helpdesk/tickets HTTP/1.1\r\n" + LAST + TYPE + b"\r\n")
    assert [asked.arguments["body"] for asked in road.calls] == [{}, None]


async def test_what_follows_a_head_is_not_taken_for_its_body() -> None:
    head = b"HEAD /http/helpdesk/tickets/7 HTTP/1.1\r\n" + HOST + b"\r\n"
    said = await heard(http_plane(HttpRoad()), head + b"GET /http/helpdesk/tickets/7 HTTP/1.1\r\n" + LAST + b"\r\n")
    first, second = said.split(b"\r\n\r\n", 1)
    assert b"content-length: " in first
    assert second.startswith(b"HTTP/1.1 200 ")


async def test_a_websocket_upgrade_is_a_plain_get() -> None:
    road, tools = HttpRoad(), FakeTools()
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n"
    said = await heard(
        http_plane(road, http=tools), b"GET /http/helpdesk/absent HTTP/1.1\r\n" + HOST + upgrade + b"\r\n"
    )
    assert said.startswith(b"HTTP/1.1 404 ")
    assert (tools.asked, road.sealed) == ([("helpdesk", "GET", "/absent")], 1)
