"""The rooms an explanation is made of, real ones, and tools they were taught."""

import asyncio
from pathlib import Path
from typing import Any

from gateway.catalog.room import Curation
from gateway.config.schema import Config
from gateway.explaining import Explainer, Step
from gateway.ledger.stops import Stops
from gateway.model.stop import Stop, StopKind
from gateway.policy.rules import Rules

MODEL = (Path(__file__).parents[3] / "policies/model.conf").read_text()
NAMES = ("ticket_get", "ticket_update", "customer_export_all", "mail_send")
REFUND = {"order_id": {"type": "integer"}, "amount_cents": {"type": "integer"}, "reason": {"type": "string"}}
LISTED = [
    *({"name": name, "inputSchema": {"type": "object"}} for name in NAMES),
    {"name": "refund_create", "inputSchema": {"type": "object", "properties": REFUND, "required": ["amount_cents"]}},
]


def taught(config: Config, **lists: list[dict[str, Any]]) -> Curation:
    """A catalog that knows these upstreams' tools."""
    catalog = Curation(config.upstreams, config.agents, lambda entry, _: dict(entry))
    for upstream, listed in lists.items():
        catalog.learn(upstream, listed)
    return catalog


class Clock:
    def now(self) -> float:
        return 1_767_268_800.0

    def monotonic(self) -> float:
        return 100.0


class Memory:
    """A home of stops that keeps nothing."""

    async def all(self) -> list[Stop]:
        return []

    async def put(self, stop: Stop) -> None:
        pass

    async def lift(self, kind: StopKind, target: str) -> bool:
        return False


class Rooms:
    """The rooms that are asked, and the one that asks them."""

    def __init__(self, config: Config, rules: Rules, catalog: Curation | None = None) -> None:
        self.rules, self.stops = rules, Stops(Memory())
        self.catalog = catalog or taught(config, helpdesk=LISTED)
        self.explainer = Explainer(config, rules=rules, catalog=self.catalog, stops=self.stops)

    def stop(self, kind: StopKind, target: str) -> None:
        asyncio.run(self.stops.stop(Stop(kind, target, "it misbehaves", "olga", 0.0)))

    def steps(self, tool: str, user: str | None = "alice", agent: str = "support-bot", **args: Any) -> tuple[Step, ...]:
        return self.explainer.steps(agent, user, "default", tool, args)

    def last(self, *asked: Any, **more: Any) -> Step:
        return self.steps(*asked, **more)[-1]
