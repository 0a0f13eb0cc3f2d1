"""`python -m tests.chaos.upstream --truth FILE --seed N`: an MCP server in trouble that knows what really happened.

It outlives every gateway. `/modern` speaks 2026-07-28, `/legacy` has sessions; the tools are the same. Every arrival, effect
and answer is a line of FILE, an effect's line synced before anybody can be told of it. `POST /calm` ends the trouble and
says how many calls are still at work.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time
from collections import Counter
from typing import Any

from tests.chaos.faults import NONE, SESSION_LOST, Era, Fault, drawn
from tests.chaos.weather import now

PLAIN = {"op": {"type": "string"}, "user": {"type": "string"}, "cents": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": PLAIN, "required": ["op", "user", "cents"], "additionalProperties": False}
ASKS = {"type": "object", "properties": {"op": {"type": "string"}}, "required": ["op"], "additionalProperties": False}
TOOLS = [{"name": name, "inputSchema": SCHEMA} for name in ("pay", "bill", "note", "put", "pay_probed")]
TOOLS.append({"name": "seen", "inputSchema": ASKS})
HANG_S = 1.6
"""Longer than the gateways wait."""
SESSION = "mcp-session-id"
Head = dict[str, str]


class Upstream:
    """The tools and their ground truth."""

    def __init__(self, truth: str, seed: int, *, faulty: frozenset[str]) -> None:
        self._truth = os.open(truth, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._seed, self._faulty = seed, faulty
        self._pace = random.Random(seed)
        self._arrivals: Counter[str] = Counter()
        self._effects: Counter[str] = Counter()
        self._used: set[str] = set()
        """Sessions in which something was asked."""
        self._serial = self._at_work = 0
        self.calm = False

    def _write(self, what: str, *, sync: bool = False, **facts: Any) -> None:
        os.write(self._truth, json.dumps({"what": what, "at": now(), **facts}).encode() + b"\n")
        if sync:
            os.fdatasync(self._truth)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection goes on."""
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(head.get("content-length", 0)))
        verb, path, _ = start.split()
        if path == "/calm":
            self.calm = True
            await _send(writer, _reply(200, {"at_work": self._at_work}))
        elif verb != "POST":
            await _send(writer, _reply(405 if verb == "GET" else 200))
        else:
            era: Era = "legacy" if path == "/legacy" else "modern"
            return await self._message(era, head, json.loads(body), writer)
        return True

    async def _message(self, era: Era, head: Head, message: Any, writer: asyncio.StreamWriter) -> bool:
        number = message.get("id")
        match message.get("method"):
            case _ if number is None:
                await _send(writer, _reply(202))
            case "tools/call":
                self._at_work += 1
                try:
                    return await self._call(era, head, message, writer)
                finally:
                    self._at_work -= 1
            case "tools/list":
                listed = {"tools": TOOLS, "ttlMs": 3_600_000, "cacheScope": "public", "resultType": "complete"}
                await _send(writer, _reply(200, _result(number, listed)))
            case "initialize":
                about = {"name": "till", "version": "1"}
                hello = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
                await _send(writer, _reply(200, _result(number, hello), **{SESSION: f"s{time.time_ns()}"}))
            case "ping":
                await _send(writer, _reply(200, _result(number, {})))
            case _:
                refusal = {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no such method"}}
                await _send(writer, _reply(404 if era == "modern" else 200, refusal))
        return True

    async def _call(self, era: Era, head: Head, message: Any, writer: asyncio.StreamWriter) -> bool:
        params = message["params"]
        tool, arguments = params["name"], params.get("arguments", {})
        asked = f"seen {arguments['op']}" if tool == "seen" else str(arguments["op"])
        self._arrivals[asked] += 1
        fault = self._drawn(asked, era, head.get(SESSION, ""))
        self._serial += 1
        meta = params.get("_meta", {}).get("io.sallyport/idempotency-key")
        facts = {"n": self._serial, "op": arguments["op"], "tool": tool}
        key = head.get("idempotency-key")
        self._write("arrived", **facts, arguments=arguments, key=key, meta_key=meta, fault=fault.name)
        await asyncio.sleep(self._pace.uniform(0.002, 0.012))
        if fault.name == "hang-then-execute":
            await asyncio.sleep(HANG_S)
        said = self._carried_out(tool, arguments, facts) if fault.executes else {}
        return await self._answered(fault, message["id"], said, facts, writer)

    def _drawn(self, asked: str, era: Era, session: str) -> Fault:
        fault = NONE if self.calm else drawn(self._seed, asked, self._arrivals[asked], era)
        if fault.name == SESSION_LOST.name and session not in self._used:
            return NONE  # no server forgets a session that it has just opened
        self._used.add(session)
        return fault if fault.name in self._faulty else NONE

    def _carried_out(self, tool: str, arguments: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
        operation = arguments["op"]
        if tool == "seen":
            return {"op": operation, "carried_out": self._effects[operation]}
        self._effects[operation] += 1
        receipt = f"receipt-{facts['n']}"
        self._write("effect", sync=True, **facts, arguments=arguments, receipt=receipt)
        return {"op": operation, "user": arguments["user"], "cents": arguments["cents"], "receipt": receipt}

    async def _answered(
        self, fault: Fault, number: Any, said: dict[str, Any], facts: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        """Answers as the fault has it; whether the connection goes on."""
        whole = _reply(200, _result(number, _content(said)))
        match fault.name:
            case "reset-before" | "reset-after" | "hang-then-execute":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
            case "execute-then-hang":
                await asyncio.sleep(HANG_S)
                return False
            case "half-answer":
                await _send(writer, whole[: len(whole) - len(whole) // 4])
                return False
            case "garbage":
                await _send(writer, _reply(200, b'{"jsonrpc":"2.0","id":'))
            case "wrong-id":
                await _send(writer, _reply(200, _result("of somebody else", _content(said))))
            case "bare-502" | "bare-503" | "bare-404" | "session-lost" | "busy-429" | "denied-401":
                await _send(writer, _reply(404 if fault.name == "session-lost" else int(fault.name[-3:])))
            case _:
                if fault.name == "slow":
                    await asyncio.sleep(self._pace.uniform(0.2, 0.5))
                await _send(writer, whole)
                self._write("answered", **facts)
        return True


def _content(said: dict[str, Any]) -> dict[str, Any]:
    text = [{"type": "text", "text": json.dumps(said)}]
    return {"content": text, "structuredContent": said, "resultType": "complete"}


def _result(number: Any, value: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": value}


def _reply(status: int, body: dict[str, Any] | bytes = b"", **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    kind = "content-type: application/json\r\n" if data else ""
    return f"HTTP/1.1 {status} X\r\n{kind}content-length: {len(data)}\r\n{more}\r\n".encode() + data


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def main() -> None:
    options = argparse.ArgumentParser(prog="tests.chaos.upstream")
    options.add_argument("--truth", required=True)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--faulty", default="", help="names of faults, with commas between them")
    chosen = options.parse_args()
    upstream = Upstream(chosen.truth, chosen.seed, faulty=frozenset(chosen.faulty.split(",")))
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
