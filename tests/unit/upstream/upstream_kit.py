"""Peers for the upstream room: a scripted server on a raw socket, one of the SDK, and the values a call is made of."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.config.upstreams import McpHttp
from gateway.model.outbound import Outbound
from gateway.model.tool import Tool
from gateway.tasks import Tasks
from gateway.upstream.http import McpHttpUpstream

OK = {"content": [{"type": "text", "text": "done"}], "unknown": {"kept": 10**30}}


class RealClock:
    """Sockets take real time."""

    def now(self) -> float:
        return 1_800_000_000.0

    def monotonic(self) -> float:
        return time.monotonic()


class HandClock:
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> float:
        return 1_800_000_000.0 + self._passed

    def monotonic(self) -> float:
        return 100.0 + self._passed

    def pass_s(self, seconds: float) -> None:
        self._passed += seconds


@dataclass
class Seen:
    """One request as it arrived."""

    head: str
    headers: dict[str, str]
    message: Any
    connection: int

    @property
    def method(self) -> str:
        return self.message.get("method", "") if isinstance(self.message, dict) else ""


@dataclass
class Peer:
    """Runs `script(seen, writer)` for each request; the connection stays open until the script closes it."""

    script: Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def calls(self, method: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method]

    async def hang(self) -> None:
        await self.over.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")[1:-2]
                found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(found.get("content-length", 0)))
                seen = Seen(head, found, json.loads(body) if body else None, number)
                self.seen.append(seen)
                await self.script(seen, writer)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def peer(script: Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Peer]:
    found = Peer(script)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    try:
        yield found
    finally:
        found.over.set()
        server.close()
        for writer in found.writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)


def reply(
    status: int, body: bytes | Mapping[str, Any] = b"", *, kind: str = "application/json", **headers: str
) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    length = "" if "content_length" in headers or "transfer_encoding" in headers else f"content-length: {len(data)}\r\n"
    return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{length}{extra}\r\n".encode() + data


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def result(seen: Seen, value: Mapping[str, Any] = OK) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": seen.message["id"], "result": value}


def error(seen: Seen | None, code: int, **data: Any) -> dict[str, Any]:
    body = {"code": code, "message": "theirs"} | ({"data": data} if data else {})
    return {"jsonrpc": "2.0", "id": None if seen is None else seen.message["id"], "error": body}


def tool(name: str = "refund", schema: Mapping[str, Any] | None = None, **more: Any) -> Tool:
    definition = {"name": name, "inputSchema": schema or {"type": "object"}}
    return Tool(id=f"helpdesk/{name}", upstream="helpdesk", name=name, definition=definition, digest="0" * 64, **more)


def outbound(arguments: Mapping[str, Any] | None = None, **more: Any) -> Outbound:
    return Outbound(more.pop("tool", tool()), arguments or {}, **{"agent": "bot", **more})


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what happens on its own, five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def nothing(_point: str) -> None:
    """Reaches no crash point."""


@contextlib.asynccontextmanager
async def upstream(
    url: str,
    reached: Callable[[str], None] = nothing,
    *,
    clock: Any = None,
    sleep: Any = asyncio.sleep,
    **settings: Any,
) -> AsyncIterator[McpHttpUpstream]:
    tasks = Tasks()
    settings.setdefault("era", "modern")
    config = McpHttp(kind="mcp-http", url=url, **settings)
    found = McpHttpUpstream("helpdesk", config, clock or RealClock(), tasks, reached, sleep)
    try:
        yield found
    finally:
        await found.close()
        assert await tasks.drain(5) == 0


_DISCOVERED = {"supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": {}}


class EraServer:
    """A server whose era can be changed while it runs, as a deployment does."""

    def __init__(self, era: str) -> None:
        self.era = era
        self.sessions = 0
        self.known: set[str] = set()
        self.executed = 0

    async def __call__(self, seen, writer) -> None:
        writer.write((self._modern if self.era == "modern" else self._legacy)(seen))

    def _modern(self, seen) -> bytes:
        if seen.headers.get("mcp-protocol-version") != "2026-07-28":
            return reply(400, error(seen, -32022, supported=["2026-07-28"]))
        if seen.method == "server/discover":
            return reply(200, result(seen, _DISCOVERED))
        self.executed += 1
        return reply(200, result(seen))

    def _legacy(self, seen) -> bytes:
        if seen.head.startswith("DELETE"):
            self.known.discard(seen.headers["mcp-session-id"])
            return reply(200)
        if seen.headers.get("mcp-protocol-version", "2025-11-25") > "2026":
            return reply(400, error(None, -32600))
        if seen.method == "initialize":
            self.sessions += 1
            self.known.add(f"s{self.sessions}")
            opened = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {}}
            return reply(200, result(seen, opened), mcp_session_id=f"s{self.sessions}")
        if seen.headers.get("mcp-session-id") not in self.known:
            return reply(404, b"session not found")
        if seen.method.startswith("notifications/"):
            return reply(202)
        self.executed += 1
        return reply(200, result(seen))
