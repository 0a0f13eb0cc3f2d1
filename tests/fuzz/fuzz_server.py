"""A server for upstream fuzzing: real sockets, HTTP by hand, and one behaviour for each seed, which stands in the path.

`/<seed>/mcp` is a server of its own, with its era, its mood and what it saw. On `/road/mcp` everything but calls is good, and
a call brings its seed along.
"""

import asyncio
import contextlib
import json
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fuzz_answers import Teller
from fuzz_dice import Dice
from fuzz_world import KEYS

_WALKS = {"tools/call", "prompts/get", "resources/read", "completion/complete"}
_SEED = re.compile(r"seed-(\d+)")
LINGER = struct.pack("ii", 1, 0)


@dataclass
class Site:
    """What one seed's server saw."""

    requests: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    """`tools/call` by its arguments in JSON."""
    walked: list[tuple[str, str, Any]] = field(default_factory=list)
    """Calls, prompts and resources, in the upstream's own names."""
    strange: list[str] = field(default_factory=list)
    """What no gateway should have sent."""


class Server:
    """Answers until `close`."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.answers = 0
        self.fallen = 0
        self.port = 0
        self._open: dict[asyncio.StreamWriter, Any] = {}

    async def open(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._trap = await asyncio.start_server(self._fell, "127.0.0.1", 0)
        self.port, self.trap = (one.sockets[0].getsockname()[1] for one in (self._server, self._trap))
        return self

    async def _fell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Only redirects and endpoints of another origin lead here; a gateway follows none."""
        self.fallen += 1
        writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        self._trap.close()
        serving = [*self._open.values()]
        for writer in self._open:
            writer.transport.abort()
        if serving:
            await asyncio.wait(serving, timeout=2)
        await self._server.wait_closed()

    def url(self, seed: Any) -> str:
        return f"http://127.0.0.1:{self.port}/{seed}/mcp"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")[:-2]
                if any(key in head for key in KEYS.values()):
                    self.sites.setdefault("", Site()).strange.append(f"an agent's key was passed on: {head}")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                await self._told(first.split(), body, writer)
        del self._open[writer]
        writer.transport.abort()

    async def _told(self, first: list[str], body: bytes, writer: asyncio.StreamWriter) -> None:
        method, path = first[:2]
        name = path.split("/")[1]
        site = self.sites.setdefault(name, Site())
        site.requests += 1
        if path == "/elsewhere":
            site.strange.append(f"{method} {path}: a redirect was followed")
        message = self._message(method, body, site)
        self.answers += 1
        for step in self._steps(name, site, method, message):
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case float():
                    await asyncio.sleep(step)
                case "reset":
                    writer.get_extra_info("socket").setsockopt(1, 13, LINGER)
                    raise ConnectionAbortedError
                case _:
                    await writer.drain()
                    writer.close()
                    return

    def _message(self, method: str, body: bytes, site: Site) -> Any:
        try:
            message = json.loads(body) if body else {}
        except ValueError:
            message = None
        if method == "POST" and not (isinstance(message, dict) and message.get("jsonrpc") == "2.0"):
            site.strange.append(f"no JSON-RPC: {body[:200]!r}")
            return {}
        if (asked := message.get("method")) in _WALKS:
            params = message["params"]
            arguments = params if asked == "completion/complete" else params.get("arguments", {})
            site.walked.append((asked, params.get("uri") or params.get("name", ""), arguments))
            if asked == "tools/call":
                site.sent[json.dumps(params["arguments"], sort_keys=True)] += 1
        return message or {}

    def _steps(self, name: str, site: Site, method: str, message: Any) -> Any:
        if name.endswith("road"):
            era, walks = name.partition("-")[0], message.get("method") in _WALKS
            seed = found[0] if (found := _SEED.findall(json.dumps(message.get("params")))) else "0"
            dice, garbage = Dice(f"{name} {seed}"), walks and seed != "0"
        else:
            mood = Dice(name)
            era, share = mood.choice(["modern", "legacy"]), mood.choice([0.1, 0.4, 1])
            dice = Dice(f"{name} {site.requests}")
            garbage = dice.often(share)
        teller = Teller(dice, era, "s1", self.trap)
        if method == "GET":
            message = {"jsonrpc": "2.0", "method": "listen"}
            if not garbage:
                return [b"HTTP/1.1 405 X\r\ncontent-length: 0\r\n\r\n"]
        if method == "DELETE" or not garbage:
            return [teller.good(message)]
        return teller.answer(message)
