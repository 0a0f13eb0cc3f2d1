"""Several gateways on one Valkey, each with a state folder of its own, before one help desk; and a driver that duplicates.

The driver plays agents at their worst: every operation is sent several times, to several gateways, and again whenever an
answer does not come. What really happened is counted in the help desk's database.
"""

import asyncio
import contextlib
import json
import random
import secrets
import signal
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import redis_kit
from e2e_kit import Gateway, HelpDesk, api_key, helpdesk_config, wait_for

from gateway.audit.segments import tail
from gateway.audit.verify import verify

ORDER = 12
"""Paid, and dear enough for thousands of refunds of one cent."""
TOOL = "helpdesk_refund_create"
PASSING = {"upstream-unavailable", "overloaded", "store-unavailable", "audit-unavailable", "key-in-flight", "cancelled"}
"""Refusals after which an agent rightly tries the same call again."""


class Fleet:
    """The running whole."""

    def __init__(
        self,
        folder: Path,
        desk: HelpDesk | None = None,
        size: int = 3,
        server: dict[str, str] | None = None,
        **config: Any,
    ) -> None:
        """Without a desk, `config` names upstreams and agents; `server` configures Valkey."""
        self.desk = desk
        self.valkey = redis_kit.server(data_dir=folder / "valkey", persist=True, **(server or {}))
        self.token, entry = api_key("bob-key", "ops-bot", "bob")
        secret = folder / "secret.key"
        secret.write_text(secrets.token_hex(32) + "\n")
        secret.chmod(0o600)
        self.redis_url = f"redis://127.0.0.1:{self.valkey.port}/0"
        self._seeded: Counter[str] = Counter()
        self._seeded = self.refunds() if desk is not None else Counter()
        base = helpdesk_config(desk.url, [entry]) if desk is not None else {"identity": {"keys": [entry]}}
        self.gateways: list[Gateway] = []
        for number in range(size):
            own = folder / f"gateway-{number}"
            own.mkdir()
            state = {"dir": "state", "store": self.redis_url, "secret_file": str(secret)}
            self.gateways.append(Gateway(own, base | {"state": state} | config))

    def start(self) -> None:
        for gateway in self.gateways:
            gateway.start(ready=False)
        for gateway in self.gateways:
            wait_for(gateway._started, "a gateway of the fleet")

    def close(self) -> None:
        for gateway in self.gateways:
            if gateway.process is not None and gateway.process.poll() is None:
                gateway.stop()
        if self.valkey.is_running():
            self.valkey.stop()

    def refunds(self) -> Counter[str]:
        """How often each operation was really carried out, by its reason; what the desk began with is no operation."""
        assert self.desk is not None
        with contextlib.closing(sqlite3.connect(self.desk.db)) as db:
            return Counter(reason for (reason,) in db.execute("SELECT reason FROM refunds")) - self._seeded

    def check_journals(self) -> None:
        """Every chain holds; every intent has exactly one end."""
        for gateway in self.gateways:
            journal = gateway.folder / "state/journal"
            report = verify(journal)
            assert report.ok, report.fault
            entries = [json.loads(body) for _, body in tail(journal, None)]
            ended = Counter(one["call"] for one in entries if "outcome" in one)
            assert set(ended.values()) <= {1}, ended.most_common(3)
            assert {one["call"] for one in entries if one["kind"] == "intent"} <= ended.keys()


@dataclass
class Told:
    """What the agents heard."""

    answered: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Never answered, and once told that the outcome is unknown."""
    lost: set[str] = field(default_factory=set)
    """Neither answered nor doubtful when the driver gave up."""
    calls: int = 0


class Driver:
    """Sends `operations` refunds, each `copies` times at once to gateways drawn by `seed`, and again until it is told."""

    def __init__(self, fleet: Fleet, *, seed: int, at_once: int = 24, attempts: int = 40) -> None:
        self._fleet = fleet
        self._random = random.Random(seed)
        self._gate = asyncio.Semaphore(at_once)
        self._attempts = attempts
        self.told = Told()

    async def drive(self, names: list[str], copies: int) -> Told:
        timeout = aiohttp.ClientTimeout(total=40)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(self._operation(session, name, copies) for name in names))
        return self.told

    async def _operation(self, session: aiohttp.ClientSession, name: str, copies: int) -> None:
        async with self._gate:
            ends = await asyncio.gather(*(self._until_told(session, name) for _ in range(copies)))
        if "answered" in ends:
            self.told.answered.add(name)
        elif "doubtful" in ends:
            self.told.doubtful.add(name)
        else:
            self.told.lost.add(name)

    async def _until_told(self, session: aiohttp.ClientSession, name: str) -> str:
        for _ in range(self._attempts):
            gateway = self._random.choice(self._fleet.gateways)
            try:
                said = await self._call(session, gateway, name)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                await asyncio.sleep(0.1)
                continue
            if said == "answered":
                return said
            if said == "outcome-unknown":
                return "doubtful"
            assert said in PASSING, said
            await asyncio.sleep(0.1)
        return "lost"

    async def _call(self, session: aiohttp.ClientSession, gateway: Gateway, name: str) -> str:
        self.told.calls += 1
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        arguments = {"order_id": ORDER, "amount_cents": 1, "reason": name}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        body["params"] = {"name": TOOL, "arguments": arguments, "_meta": meta}
        headers = {
            "Authorization": f"Bearer {self._fleet.token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": TOOL,
            "Idempotency-Key": name.replace(" ", "-"),
        }
        async with session.post(f"{gateway.url}/mcp", json=body, headers=headers) as response:
            answer = await response.json(content_type=None)
        if "error" in answer:
            return str(answer["error"]["data"]["io.sallyport/outcome"]["reason"])
        result = answer["result"]
        if "io.sallyport/outcome" in result["_meta"]:
            return str(result["_meta"]["io.sallyport/outcome"]["reason"])
        assert result.get("isError") is not True, result
        return "answered"


async def killer(fleet: Fleet, seed: int, every_s: float, stop: asyncio.Event) -> int:
    """Kills one gateway after another without warning, and starts it again; how often."""
    draw, kills = random.Random(seed), 0
    pause_s = every_s / 4  # however short the storm is, one dies in it
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)
        if stop.is_set():
            return kills
        victim = draw.choice(fleet.gateways)
        victim.stop(signal.SIGKILL)
        kills += 1
        await asyncio.to_thread(victim.start)
        pause_s = every_s * (0.5 + draw.random())
