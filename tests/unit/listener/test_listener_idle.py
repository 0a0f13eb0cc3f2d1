"""Connections that lie idle, over real sockets: an address keeps so many, and whoever waits for an answer is not among them."""

import asyncio
import json
from typing import Any

import pytest
from listener_kit import FakeRoad, call, plane
from test_listener_http_sockets import port_of

from gateway.listener.connection import Connection
from gateway.listener.idle import Idle
from gateway.model.call import Reply


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "idle", Idle(3))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def at(cls, port: int, source: str = "127.0.0.1") -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
        await client.asks()
        return client

    async def asks(self) -> bytes:
        """One request that is turned away at the door; the connection stays."""
        self.writer.write(b"GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await self.reader.readexactly(length)

    async def hung_up(self) -> None:
        """The server ended it."""
        assert await self.reader.read(1) == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def under_way(port: int) -> Client:
    """A client whose call was sent."""
    body, lines = call()
    data = json.dumps(body).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    client.writer.write(f"POST /mcp HTTP/1.1\r\n{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    await client.writer.drain()
    return client


async def test_the_connection_that_waited_longest_makes_room() -> None:
    async with port_of(plane(FakeRoad())) as port, asyncio.timeout(10):
        first, second, third = [await Client.at(port) for _ in range(3)]
        await first.asks()  # now the second waited longest
        fourth = await Client.at(port)
        await second.hung_up()
        for one in (first, third, fourth):
            await one.asks()
        for one in (first, second, third, fourth):
            await one.close()


async def test_another_address_has_room_of_its_own() -> None:
    async with port_of(plane(FakeRoad())) as port, asyncio.timeout(10):
        ours = [await Client.at(port) for _ in range(3)]
        theirs = [await Client.at(port, "127.0.0.2") for _ in range(3)]
        for one in (*ours, *theirs):
            await one.asks()
            await one.close()


async def test_one_that_never_asked_counts() -> None:
    async with port_of(plane(FakeRoad())) as port, asyncio.timeout(10):
        silent = Client(*await asyncio.open_connection("127.0.0.1", port))
        others = [await Client.at(port) for _ in range(3)]
        await silent.hung_up()
        for one in (silent, *others):
            await one.close()


async def test_those_that_left_count_no_more() -> None:
    async with port_of(plane(FakeRoad())) as port, asyncio.timeout(10):
        first = await Client.at(port)
        for _ in range(5):
            await (await Client.at(port)).close()
        await first.asks()
        await first.close()


async def test_a_connection_whose_call_is_under_way_is_not_idle() -> None:
    ends = asyncio.Event()

    class Slow(FakeRoad):
        async def call(self, record: Any, principal: Any, asked: Any) -> Reply:
            await ends.wait()
            return Reply({"content": []})

    async with port_of(plane(Slow())) as port, asyncio.timeout(10):
        caller = await under_way(port)
        others = [await Client.at(port) for _ in range(5)]
        for one in others[:2]:
            await one.hung_up()
        for one in others[2:]:
            await one.asks()
        ends.set()
        assert b" 200 " in await caller.reader.readline()
        for one in (caller, *others):
            await one.close()


def test_leaving_twice_does_no_harm_and_an_empty_address_is_forgotten() -> None:
    idle, closed = Idle(1), []

    def close() -> None:
        closed.append(1)

    idle.join("a", close)
    idle.leave("a", close)
    idle.leave("a", close)
    idle.leave("b", close)
    assert (idle._waiting, closed) == ({}, [])
