"""The real house in this process with real upstreams behind it that answer garbage, and callers that ask them properly.

Unlike `Field` nothing an agent sends is bad here; what comes back is. Callers of both eras answer what they are asked.
"""

import json
import sys
from pathlib import Path
from typing import Any

from fuzz_dice import Dice
from fuzz_exchange import Exchange
from fuzz_field import Field, learn
from fuzz_oracle import Unsound
from fuzz_server import Server
from fuzz_shots import CAPABILITIES, LEGACY, MODERN, NS, Gunner, Shot, sentinel
from fuzz_world import CANARY

CHILD = Path(__file__).with_name("fuzz_child.py")
OURS = {
    "upstream-invalid", "upstream-refused", "upstream-timeout", "upstream-unavailable", "outcome-unknown", "result-withheld",
    "missing-capability", "input-expired", "invalid-params", "invalid-request",
}  # fmt: skip
"""The only reasons for which a proper call may end otherwise than the upstream said."""


def upstreams(server: Server) -> dict[str, Any]:
    """A server of each era over HTTP, and one over stdio."""
    headers = {"authorization": f"Bearer {CANARY}"}
    common = {"timeout": "300ms", "max_result": 250_000}
    return {
        "desk": {"kind": "mcp-http", "url": server.url("modern-road"), "headers": headers, **common},
        "old": {"kind": "mcp-http", "url": server.url("legacy-road"), "headers": headers, **common},
        "kid": {
            "kind": "mcp-stdio",
            "command": sys.executable,
            "args": ["-S", str(CHILD)],
            "env": {"SECRET": CANARY},
            **common,
        },
    }


class Road(Field):
    """Its scenarios are calls."""

    name = "road"

    async def _scenario(self, seed: int, ran: list[Exchange]) -> None:
        dice = Dice(seed)
        gunner = Gunner(dice, "alice")
        gunner.capabilities = dice.choice(CAPABILITIES)  # type: ignore[attr-defined]
        mine: list[Exchange] = []
        if dice.often(0.5):
            await self._one(
                gunner,
                {
                    "jsonrpc": "2.0",
                    "id": 0,
                    "method": "initialize",
                    "params": {
                        "protocolVersion": dice.choice(LEGACY),
                        "capabilities": gunner.capabilities,
                        "clientInfo": {"name": "t", "version": "1"},
                    },
                },
                seed,
                mine,
            )  # type: ignore[attr-defined]
        for _ in range(3):
            method, params = self._call(dice, seed * 100 + len(mine))
            exchange = await self._one(gunner, self._message(gunner, method, params), seed, mine)
            for _ in range(4):
                if exchange.task is None or exchange.task.done():
                    break
                for asked in gunner.learnt.questions[-3:]:
                    await self._one(gunner, gunner._response(asked), seed, mine)
                await self._settled(exchange)
                learn(gunner, exchange, {})
            if gunner.learnt.states:
                again, more = gunner._next_round()
                gunner.learnt.states.clear()
                if isinstance(more.get("arguments", {}), dict):
                    await self._one(gunner, self._message(gunner, again, more), seed, mine)
        await self._over(mine, ran)

    def _call(self, dice: Dice, mark: int) -> tuple[str, dict[str, Any]]:
        upstream = dice.choice(["desk", "desk", "old", "old", "kid"])
        match dice.randrange(8):
            case 0:
                return "prompts/get", {"name": f"{upstream}_greet", "arguments": {"who": f"seed-{mark}"}}
            case 1:
                return "completion/complete", {
                    "ref": {"type": "ref/prompt", "name": f"{upstream}_greet"},
                    "argument": {"name": "who", "value": f"seed-{mark}"},
                }
            case 2:
                return "tools/call", {"name": f"{upstream}_pay", "arguments": {"to": f"seed-{mark}", "cents": 1}}
            case _:
                tool = dice.choice(["echo", "shaped", "note", "echo"])
                return "tools/call", {"name": f"{upstream}_{tool}", "arguments": {"text": f"seed-{mark}"}}

    def _message(self, gunner: Gunner, method: str, params: dict[str, Any]) -> dict[str, Any]:
        meta: dict[str, Any] = {"progressToken": "p"}
        if not gunner.learnt.sessions:
            meta |= {
                NS + "protocolVersion": MODERN,
                NS + "clientCapabilities": gunner.capabilities,
                NS + "logLevel": "debug",
            }  # type: ignore[attr-defined]
        return {"jsonrpc": "2.0", "id": gunner._id(), "method": method, "params": {**params, "_meta": meta}}

    async def _one(self, gunner: Gunner, message: dict[str, Any], seed: int, mine: list[Exchange]) -> Exchange:
        lines = [
            ("host", b"localhost"),
            ("content-type", b"application/json"),
            ("accept", b"application/json, text/event-stream"),
            ("authorization", self.bearer),
        ]
        if gunner.learnt.sessions:
            lines.append(("mcp-session-id", gunner.learnt.sessions[0].encode()))
        elif "params" in message and message["method"] != "initialize":
            lines += [("mcp-protocol-version", MODERN.encode()), ("mcp-method", message["method"].encode())]
            if isinstance(name := message["params"].get("name"), str):
                lines.append(("mcp-name", sentinel(name)))
        exchange = Exchange(Shot(json.dumps(message).encode(), lines), seed, len(mine), {})
        mine.append(exchange)
        await self._fired(exchange)
        learn(gunner, exchange, {})
        return exchange

    def _judged(self, exchange: Exchange) -> list[Any]:
        messages = super()._judged(exchange)
        reason = self.kind(exchange, messages)
        if "-" in reason and "200" not in reason and reason not in OURS:
            raise Unsound(f"{reason}: {exchange.shot.body!r}: {exchange.body[:500]!r}")
        return messages
