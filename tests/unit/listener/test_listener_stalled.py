"""Clients that stop reading, over real sockets: they are hung up on, cost bounded memory, and slow ones are no dead ones."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from listener_kit import FakeRoad, call, plane
from test_listener_http_sockets import port_of

from gateway.listener.connection import Connection
from gateway.listener.outlet import Outlet
from gateway.model.call import Asked, Reply

LARGE = "x" * 16_000_000
STALLED_S = 0.15


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "stalled_s", STALLED_S)


class LargeRoad(FakeRoad):
    """Answers more than any socket's buffers hold, and notices what reached its caller."""

    delivered = 0

    async def call(self, record: Any, principal: Any, asked: Asked) -> Reply:
        return Reply({"content": [{"type": "text", "text": LARGE}]}, delivered=self._deliver)

    def _deliver(self) -> None:
        self.delivered += 1


@asynccontextmanager
async def asking(app: Any, **meta: Any) -> AsyncIterator[socket.socket]:
    """A client of small buffers whose call is under way."""
    body, lines = call(**meta)
    lines = [*lines, ("accept", "application/json, text/event-stream")]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    data = json.dumps(body).encode()
    async with port_of(app) as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            request = f"POST /mcp HTTP/1.1\r\n{head}content-length: {len(data)}\r\n\r\n".encode() + data
            await loop.sock_sendall(client, request)
            yield client


async def test_a_client_that_reads_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, ends = asyncio.Event(), Connection.connection_lost

    def connection_lost(connection: Connection, error: Exception | None) -> None:
        ends(connection, error)
        lost.set()

    monkeypatch.setattr(Connection, "connection_lost", connection_lost)
    app = plane(LargeRoad())
    async with asking(app), asyncio.timeout(10):
        await lost.wait()
    assert (app._intake.requests, app._intake.held) == (0, 0)


async def test_a_call_whose_stream_is_not_read_is_left_like_any_other() -> None:
    """What its caller is told of progress piles up until the connection ends; then the walk is cancelled, as by a disconnect."""
    cancelled = asyncio.Event()

    class Chatty(FakeRoad):
        async def call(self, record: Any, principal: Any, asked: Asked) -> Reply:
            try:
                while True:
                    asked.dialogue.tell("notifications/progress", {"progressToken": 1, "message": "x" * 100_000})
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                cancelled.set()
                raise

    app = plane(Chatty())
    async with asking(app, progressToken=1), asyncio.timeout(20):
        await cancelled.wait()


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    road = LargeRoad()
    size, parts, loop = 0, 0, asyncio.get_running_loop()
    async with asking(plane(road)) as client, asyncio.timeout(30):
        while size < len(LARGE):
            part = await loop.sock_recv(client, 200_000)
            assert part, "it was hung up on"
            size, parts = size + len(part), parts + 1
            if parts < 30:
                await asyncio.sleep(STALLED_S / 3)
    assert road.delivered == 1


async def test_behind_a_client_that_does_not_read_only_so_many_events_wait() -> None:
    written, reads = [], asyncio.Event()

    async def send(message: Any) -> None:
        written.append(message)
        if message["type"] == "http.response.body":
            await reads.wait()

    app = plane(FakeRoad())

    class Here:
        gone = False

    outlet = Outlet(send, Here(), app._tasks, streams=True, keep_alive_s=60)  # type: ignore[arg-type]
    assert all(outlet.say(b"{}") for _ in range(200)), "nobody tried to write these yet"
    while not written[1:]:
        await asyncio.sleep(0)
    assert sum(outlet.say(b"{}") for _ in range(200)) == 64
    reads.set()
    await asyncio.sleep(0.01)
    assert outlet.say(b"{}"), "it reads again"
    await app._tasks.close()
