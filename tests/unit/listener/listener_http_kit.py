"""A plain HTTP client of the agent plane, a document's operations in miniature, and a road that publishes their tools."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from listener_kit import DEFAULT, Exchange, FakeRecord, FakeRoad, Lines, plane

from gateway.listener.plane import AgentPlane
from gateway.model.call import Arrival, Asked, Reply
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused

HTTP_LINES = (("host", "127.0.0.1:8080"), ("authorization", "Bearer alice"))
TYPED = (*HTTP_LINES, ("content-type", "application/json"))
META = "io.sallyport/http"


@dataclass(frozen=True)
class Operation:
    """Its arguments are whatever it was given; `picky` wants a body, `broken` has a defect."""

    tool: str

    def arguments(self, query: str, headers: Mapping[str, str], body: Any) -> Mapping[str, Any]:
        if self.tool.endswith("picky"):
            raise Refused(Reason.INVALID_ARGUMENTS, "The body has no amount.")
        if self.tool.endswith("broken"):
            raise RuntimeError("the secret is 42")
        return {"query": query, "headers": dict(headers), "body": body}


OPERATIONS = {
    ("helpdesk", "GET", "/tickets/7"): Operation("helpdesk/read"),
    ("helpdesk", "POST", "/tickets"): Operation("helpdesk/open"),
    ("helpdesk", "GET", "/files/a%2Fb"): Operation("helpdesk/read"),
    ("helpdesk", "GET", "/"): Operation("helpdesk/read"),
    ("helpdesk", "DELETE", "/tickets/7"): Operation("helpdesk/hidden"),
    ("helpdesk", "POST", "/picky"): Operation("helpdesk/picky"),
    ("helpdesk", "POST", "/broken"): Operation("helpdesk/broken"),
}


class FakeTools:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def serves(self, upstream: str) -> bool:
        return upstream == "helpdesk"

    def match(self, upstream: str, method: str, path: str) -> Operation | None:
        self.asked.append((upstream, method, path))
        return OPERATIONS.get((upstream, method, path))


class NotedRecord(FakeRecord):
    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self.notes: dict[str, Any] = {}

    def note(self, **facts: Any) -> None:
        self.notes.update(facts)


@dataclass
class HttpRoad(FakeRoad):
    """Publishes every operation's tool but the hidden one."""

    tools: Any = tuple({"name": f"helpdesk_{name}", "inputSchema": {}} for name in ("read", "open", "picky", "broken"))
    records: list[NotedRecord] = field(default_factory=list)

    def open(self, arrival: Arrival) -> NotedRecord:
        self.opened.append(arrival)
        self.records.append(NotedRecord(arrival.call_id))
        return self.records[-1]

    def published(self, principal: Principal, tool: str) -> str | None:
        return None if tool == "helpdesk/hidden" else tool.replace("/", "_")


def http_plane(road: FakeRoad, **how: Any) -> AgentPlane:
    return plane(road, **{"limits": DEFAULT, "http": FakeTools(), **how})


def answering(result: Mapping[str, Any], delivered: Any = None) -> HttpRoad:
    """A road on which every call is answered with this."""

    async def walk(asked: Asked) -> Reply:
        return Reply(result, delivered)

    return HttpRoad(walk=walk)


def refusing(reason: Reason, **particulars: Any) -> HttpRoad:
    async def walk(asked: Asked) -> Reply:
        raise Refused(reason, "What, where, why.", **particulars)

    return HttpRoad(walk=walk)


def http_scope(method: str, target: bytes | str, lines: Lines = HTTP_LINES) -> dict[str, Any]:
    """As uvicorn makes it: the path both decoded and as sent."""
    raw = target.encode() if isinstance(target, str) else target
    path, _, query = raw.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1") if b"%" not in path else "decoded",
        "raw_path": path,
        "query_string": query,
        "scheme": "http",
        "client": ("127.0.0.1", 4711),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines],
    }


async def ask(
    app: AgentPlane, method: str, target: bytes | str, body: Any = b"", lines: Lines | None = None, **how: Any
) -> Exchange:
    """Sends one request and waits for the end of its response; a body is announced as JSON unless `lines` are given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = Exchange([raw], **how)
    sent = lines if lines is not None else TYPED if raw else HTTP_LINES
    async with asyncio.timeout(5):
        await app(http_scope(method, target, sent), exchange.receive, exchange.send)
    return exchange
