"""A closed-loop load generator: N keep-alive connections, one request in flight on each, every answer checked.

Run as a process of its own: `python -m bench.load SPEC.json` prints one JSON line with calls, seconds and latencies.
"""

import asyncio
import json
import statistics
import sys
import time
from typing import Any

import httptools
import uvloop


class _Connection(asyncio.Protocol):
    """One caller."""

    def __init__(self, load: "Load", number: int) -> None:
        self._load = load
        self._count = number * 10_000_000
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._count += 1
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._sent = time.perf_counter()
        self._transport.write(self._load.request(self._count))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._parser.get_status_code() != 200 or b'"resultType"' not in self._body or b"isError" in self._body:
            self._load.fail(f"{self._parser.get_status_code()} {self._body[:300]!r}")
            return
        self._load.latencies.append(now - self._sent)
        if now < self._load.until:
            self._send()
        else:
            self._transport.close()
            self._load.ended()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or time.perf_counter() < self._load.until:
            self._load.fail(f"connection lost: {error}")


class Load:
    """One run against one target."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._head = "\r\n".join(
            [
                f"POST {spec['path']} HTTP/1.1",
                f"Host: 127.0.0.1:{spec['port']}",
                "Content-Type: application/json",
                "Accept: application/json, text/event-stream",
                "MCP-Protocol-Version: 2026-07-28",
                "Mcp-Method: tools/call",
                f"Mcp-Name: {spec['tool']}",
                *([f"Authorization: Bearer {spec['token']}"] if spec.get("token") else []),
                "Content-Length: ",
            ]
        )
        self.latencies: list[float] = []
        self.until = 0.0
        self._open = 0

    def request(self, number: int) -> bytes:
        body = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {
                    "name": self._spec["tool"],
                    "arguments": {"n": number, "note": "a plain argument of ordinary length"},
                    "_meta": {
                        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                        "io.modelcontextprotocol/clientCapabilities": {},
                        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                    },
                },
            }
        )
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()

    async def run(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        start = time.perf_counter()
        self.until = start + self._spec["seconds"]
        self._open = self._spec["connections"]
        for number in range(self._open):
            await loop.create_connection(
                lambda number=number: _Connection(self, self._spec["offset"] + number), "127.0.0.1", self._spec["port"]
            )
        await self._done
        seconds = time.perf_counter() - start
        ordered = sorted(self.latencies)
        return {
            "calls": len(ordered),
            "seconds": seconds,
            "p50_us": statistics.median(ordered) * 1e6,
            "p99_us": ordered[int(len(ordered) * 0.99)] * 1e6,
        }

    def ended(self) -> None:
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(json.loads(sys.argv[1])).run())))
