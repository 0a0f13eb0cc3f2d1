"""How soon an order at one gateway is obeyed by all three, under load: the upstream notes when the last call came.

The short run shows that the promise holds, the deep one measures it: 1 s with pushes, 2 s when none gets through.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
from aiohttp import web
from e2e_kit import Gateway, wait_for
from fleet_kit import Fleet

from gateway.store.redis_names import CHANNEL, GENERATION

PUSHED_S, POLLED_S = 1.0, 2.0
AT_ONCE = 24
ORDER = {"kind": "agent", "target": "ops-bot", "why": "measured"}
BORN = "first.0123456789abcdef.1"


class Desk:
    """A modern MCP server with one mutating tool, which notes when each call came."""

    def __init__(self) -> None:
        self.came: list[float] = []

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        complete = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        match asked["method"]:
            case "server/discover":
                result = {**complete, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
            case "tools/list":
                result = {**complete, "tools": [{"name": "work", "inputSchema": {"type": "object"}}]}
            case _:
                self.came.append(time.monotonic())
                result = {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": result})


class Load:
    """Mutating calls at all gateways, all the time, each under a key of its own."""

    def __init__(self, fleet: Fleet, session: aiohttp.ClientSession) -> None:
        self._fleet, self._session, self._numbers = fleet, session, itertools.count()
        self.tasks = [asyncio.ensure_future(self._go_on(number)) for number in range(AT_ONCE)]

    async def _go_on(self, number: int) -> None:
        gateway = self._fleet.gateways[number % len(self._fleet.gateways)]
        while True:
            await self._call(gateway)

    async def _call(self, gateway: Gateway) -> None:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        key = f"load-{next(self._numbers)}"
        params = {"name": "desk_work", "arguments": {"key": key}, "_meta": meta}
        headers = {
            "Authorization": f"Bearer {self._fleet.token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "desk_work",
            "Idempotency-Key": key,
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self._session.post(f"{gateway.url}/mcp", json=body, headers=headers) as response:
            told = json.loads(await response.read())
        if "io.sallyport/outcome" in told.get("result", {}).get("_meta", {}):
            await asyncio.sleep(0.02)  # a stopped agent asks again, and not as fast as it can


@pytest.fixture
async def desk() -> Any:
    made, app = Desk(), web.Application()
    app.router.add_post("/mcp", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    yield made
    await runner.cleanup()


@pytest.fixture
def fleet(desk: Desk, tmp_path: Path) -> Iterator[Fleet]:
    tools = {"work": {"effect": "mutating"}}
    rows = tmp_path / "policy.csv"
    rows.write_text("p, all, user:bob, default, *, */*, call, -, allow\n", encoding="utf-8")
    model = str(Path(__file__).parents[2] / "policies/model.conf")
    made = Fleet(
        tmp_path,
        upstreams={"desk": {"kind": "mcp-http", "url": desk.url, "tools": tools}},
        agents={"ops-bot": {"tools": ["desk/*"]}},
        policy={"model": model, "rows": str(rows), "conditions": None},
        loops="off",
    )
    with server(made) as client:
        client.set(GENERATION, BORN)
    yield made
    made.close()


def server(fleet: Fleet) -> "redis.Redis[bytes]":
    return redis.Redis(port=fleet.valkey.port)


def cut(fleet: Fleet) -> None:
    """Nobody may subscribe any longer, and who had is thrown out."""
    with server(fleet) as client:
        client.execute_command("ACL", "SETUSER", "default", "-subscribe")
        client.client_kill_filter(_type="pubsub")


def listeners(fleet: Fleet) -> int:
    with server(fleet) as client:
        return dict(client.pubsub_numsub(CHANNEL))[CHANNEL.encode()]


async def measured(fleet: Fleet, desk: Desk, orders: int, within_s: float) -> list[float]:
    """Seconds from each order to the last call that still reached the upstream."""
    took: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        load = Load(fleet, session)
        try:
            for number in range(orders):
                flowing = len(desk.came)
                await asyncio.to_thread(wait_for, lambda flowing=flowing: len(desk.came) > flowing + 100, "the load")
                gateway = fleet.gateways[number % len(fleet.gateways)]
                await asyncio.sleep(number % 7 / 7)  # orders meet the polls of the others at any moment
                ordered = time.monotonic()
                given = await asyncio.to_thread(gateway.operator, "POST", "/kill", json=ORDER)
                assert given.status_code == 201
                await asyncio.sleep(within_s + 0.5)
                took.append(max(0.0, desk.came[-1] - ordered))
                lifted = await asyncio.to_thread(gateway.operator, "DELETE", "/kill", params=ORDER)
                assert lifted.status_code == 200
        finally:
            for task in load.tasks:
                task.cancel()
            ended = await asyncio.gather(*load.tasks, return_exceptions=True)
    assert {type(one) for one in ended} == {asyncio.CancelledError}, ended
    return sorted(took)


def told(took: list[float], calls: int, how: str) -> None:
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    print(
        f"\nkill switch, 3 gateways, {how}: {len(took)} orders under {calls} calls: "
        f"median {took[len(took) // 2] * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, worst {took[-1] * 1000:.0f} ms"
    )


@pytest.mark.parametrize(
    ("orders", "pushes"),
    [
        pytest.param(3, True, id="pushed"),
        pytest.param(3, False, id="push cut"),
        pytest.param(30, True, id="pushed, measured", marks=[pytest.mark.deep, pytest.mark.timeout(240)]),
        pytest.param(30, False, id="push cut, measured", marks=[pytest.mark.deep, pytest.mark.timeout(240)]),
    ],
)
async def test_no_call_reaches_the_upstream_later_than_promised(
    fleet: Fleet, desk: Desk, orders: int, pushes: bool
) -> None:
    await asyncio.to_thread(fleet.start)
    if not pushes:
        cut(fleet)
    within_s = PUSHED_S if pushes else POLLED_S
    took = await measured(fleet, desk, orders, within_s)
    told(took, len(desk.came), "pushes arrive" if pushes else "no push gets through")
    assert listeners(fleet) == (len(fleet.gateways) if pushes else 0)
    assert took[-1] <= within_s
