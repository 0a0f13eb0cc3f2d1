"""Requests sent before the answer to the one before them, over real sockets: none of them costs the others anything."""

import asyncio

import pytest
from listener_kit import FakeRoad, initialize, plane
from listener_legacy_kit import events
from test_listener_http_sockets import heard, port_of

from gateway.listener.connection import MAX_BEHIND
from gateway.listener.limits import Limits

NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"


async def test_only_so_many_requests_wait_behind_one_and_those_are_answered() -> None:
    road = FakeRoad()
    said = await heard(plane(road), NOWHERE * 5_000)
    assert said.count(b"HTTP/1.1 404 ") == len(road.refused) == 1 + MAX_BEHIND
    assert said.count(b"HTTP/1.1 ") == 1 + MAX_BEHIND, "a request that was cut off is not answered"


@pytest.mark.parametrize("behind", [b"", NOWHERE, NOWHERE * 3])
async def test_a_stream_ends_with_its_connection_whatever_was_sent_behind_it(behind) -> None:
    app = plane(FakeRoad(), limits=Limits(keep_alive_s=0.02))
    head = "".join(f"{name}: {value}\r\n" for name, value in events(await initialize(app)) if name != "content-type")
    async with port_of(app) as port, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /mcp HTTP/1.1\r\n{head}\r\n".encode() + behind)
        await reader.readuntil(b"still here\n\n")
        writer.transport.abort()
        while app._streams._open:
            await asyncio.sleep(0.005)
    assert app._seats._free == app._limits.streams
