"""A desk that remembers: what the operator plane asks of the house, in order, and who may ask."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx2

from gateway.model.approval import Approval, Ruling, RulingKind
from gateway.model.call import Arrival
from gateway.model.spend import Counter, Usage
from gateway.model.stop import Stop, StopKind
from gateway.operator.access import Person, token_hash
from gateway.operator.desk import Desk, Doubt, Page, Resolution, Sight, Step
from gateway.operator.plane import operator_plane
from gateway.ports import Record

NOON = 1_767_268_800.0
PEOPLE = {
    "tok-ivy": Person("ivy", frozenset({"viewer"})),
    "tok-olga": Person("olga", frozenset({"viewer", "operator"})),
    "tok-otto": Person("otto", frozenset({"operator"})),
}
RECORD = {"kind": "call", "id": "id-1", "call": "call-1", "time": "2026-01-01T12:00:00.000000Z", "n": 10**30}


@dataclass
class Office:
    """One object at every desk; `acts` is what was asked of it, in order."""

    acts: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=lambda: [RECORD])
    rows: list[Stop] = field(default_factory=list)
    knows_rows: bool = True
    """Whether the store knows them, so that they can be lifted."""
    parts: dict[str, str] = field(default_factory=lambda: {"journal": "ok", "store": "ok"})
    ready: bool = True
    fails: dict[str, Exception] = field(default_factory=dict)

    def _act(self, name: str, *what: Any) -> None:
        self.acts.append((name, *what))
        if name in self.fails:
            raise self.fails[name]

    async def query(self, filters: Mapping[str, str]) -> Page:
        self._act("query", dict(filters))
        return Page(self.records, "next-page")

    async def call(self, call_id: str) -> Sequence[Mapping[str, Any]]:
        return [record for record in self.records if record["call"] == call_id]

    async def all(self, filters: Mapping[str, str]) -> AsyncIterator[Mapping[str, Any]]:
        self._act("all", dict(filters))
        for record in self.records:
            yield record

    def open(self, arrival: Arrival) -> Record:
        raise AssertionError("no request of the operator plane is a call")

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        self._act("recorded", who, action, dict(facts))

    def must_match(self, kind: StopKind, target: str) -> None:
        if (kind == "all") is bool(target):
            raise ValueError("a sentence about the target")

    async def stop(self, stop: Stop) -> None:
        self._act("stop", stop)
        self.rows.append(stop)

    async def lift(self, kind: StopKind, target: str) -> bool:
        self._act("lift", kind, target)
        return self.knows_rows and any(row.name == (kind, target) for row in self.rows)

    def stops(self) -> Sequence[Stop]:
        return self.rows

    def new(
        self, *, agent: str, user: str | None, tenant: str, key_id: str | None, expires: float | None
    ) -> tuple[str, str]:
        self._act("new", agent, user, tenant, key_id, expires)
        return str(key_id), f"sp_{key_id}_secret"

    def ls(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "k-1", "agent": "support-bot", "expires": None}]

    def revoke(self, key_id: str) -> bool:
        self._act("revoke", key_id)
        return key_id == "k-1"

    def tools(self, agent: str, user: str | None, tenant: str) -> Sequence[Sight]:
        self._act("tools", agent, user, tenant)
        if agent != "support-bot":
            raise KeyError(agent)
        return [
            Sight("helpdesk/ticket_get", "helpdesk_ticket_get", "read", "allow read-tickets"),
            Sight("helpdesk/mail_send", None, "mutating", "hidden: no rule permits it"),
            Sight("helpdesk/draft", "helpdesk_draft", "read", "allow drafts", "prompt"),
        ]

    def steps(
        self, agent: str, user: str | None, tenant: str, tool: str, arguments: Mapping[str, Any]
    ) -> Sequence[Step]:
        self._act("explain", agent, user, tenant, tool, arguments)
        return [
            SimpleNamespace(room="identity", verdict="passes", why="as agent and user"),
            SimpleNamespace(room="catalog", verdict="stops", why=f"{tool} is hidden"),
        ]

    async def usage(self) -> Sequence[Usage]:
        self._act("usage")
        run = Counter("acme", "run", (("run", "run-7"),), "calls", None)
        money = Counter("default", "user", (("user", "alice"),), "money", "day")
        return [Usage(run, 10, 1, 2, None), Usage(money, 5_000_000, 2_500_000, 1, NOON + 43_200)]

    def agents(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "support-bot", "owner": "team-support", "tools": ["*/*"], "curated": 2}]

    def upstreams(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "helpdesk", "address": "http://127.0.0.1:7001/mcp"}]

    def stranger(self, kind: str, target: str) -> str | None:
        return f"no {kind} {target!r} is known here" if target == "nobody" else None

    def policy(self) -> Mapping[str, Any]:
        return {"version": "v1", "refused": []}

    def health(self) -> Mapping[str, str]:
        return self.parts

    async def accept_loss(self) -> bool:
        self._act("accepted loss")
        return True

    def started(self) -> bool:
        return self.ready

    def metrics(self) -> bytes:
        return b"sallyport_policy_stale 0.0\n"


class NobodyAsks:
    """The desk of approvals on a day without questions."""

    async def all(self) -> Sequence[Approval]:
        return []

    async def get(self, id: str) -> Approval | None:  # noqa: A002
        return None

    def bars(self, approval: Approval, user: str) -> Ruling | None:
        return None

    async def decide(self, id: str, *, by: str, user: str, approved: bool, why: str) -> Ruling:  # noqa: A002
        return Ruling(RulingKind.NOT_FOUND, f"There is no approval {id}.")


class NoDoubts:
    """The desk of doubts while every call has its answer."""

    async def all(self) -> Sequence[Doubt]:
        return []

    async def get(self, call: str) -> Doubt | None:
        return None

    async def resolve(self, call: str, *, by: str, executed: bool, why: str, result: str | None) -> Resolution:
        return "not-in-doubt"


class Visitor:
    """Sends requests to the real application, as nobody or as one of PEOPLE."""

    def __init__(self, office: Office) -> None:
        desk = Desk(*[office] * 5, lambda: NOON, NobodyAsks(), office, doubts=NoDoubts(), budgets=office)
        self.app = operator_plane(desk, {token_hash(token): person for token, person in PEOPLE.items()})
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://operator")

    async def ask(self, who: str | None, method: str, path: str, **how: Any) -> httpx2.Response:
        headers = {**how.pop("headers", {}), **({"Authorization": f"Bearer tok-{who}"} if who else {})}
        return await self._http.request(method, path, headers=headers, **how)

    async def close(self) -> None:
        await self._http.aclose()


def detail(response: httpx2.Response, status: int) -> str:
    """The sentence of an RFC 9457 body, which must be whole."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body.keys() == {"type", "status", "detail"}
    assert (body["type"], body["status"]) == ("about:blank", status)
    said: str = body["detail"]
    return said
