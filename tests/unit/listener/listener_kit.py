"""A tiny in-process ASGI client and a road that remembers, for the listener's tests."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from gateway.listener.door import Door
from gateway.listener.ended import EndedHere
from gateway.listener.limits import Limits
from gateway.listener.plane import AgentPlane
from gateway.listener.sessions import Sessions
from gateway.model.call import Arrival, Asked, Reply, ReplyError
from gateway.model.operation import HttpTools
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.work import Entry
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

ALICE = Principal("default", "support-bot", "key:k1", "alice", "key:k1")
MALLORY = Principal("default", "support-bot", "key:k2", "mallory", "key:k2")
ECHO = {
    "name": "helpdesk_echo",
    "description": "Says it again.",
    "inputSchema": {
        "type": "object",
        "properties": {"text": {"type": "string"}, "region": {"type": "string", "x-mcp-header": "Region"}},
    },
    "outputSchema": {"type": "array"},
}
DEFAULT = Limits()
ENVELOPE = {jsonrpc.META_VERSION: jsonrpc.MODERN, jsonrpc.META_CAPABILITIES: {}}


class FakeClock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class FakeRecord:
    def __init__(self, call_id: str) -> None:
        self.call_id = call_id

    def note(self, **facts: Any) -> None: ...
    def lap(self, room: str) -> None: ...
    def intent(self) -> Entry:
        return dict

    def close(self, outcome: AuditOutcome, **facts: Any) -> Entry:
        return dict

    async def seal(self, outcome: AuditOutcome, **facts: Any) -> None: ...


@dataclass
class FakeRoad:
    """Echoes; every credential but `mallory` is Alice's, none is nobody's."""

    tools: Sequence[Mapping[str, Any]] = (ECHO,)
    beside: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Prompts, resources and templates; resources are all of one upstream."""
    walk: Callable[[Asked], Awaitable[Reply | ReplyError]] | None = None
    opened: list[Arrival] = field(default_factory=list)
    calls: list[Asked] = field(default_factory=list)
    listed: int = 0
    refused: list[Refusal] = field(default_factory=list)
    forgotten: int = 0
    unwritable: bool = False
    anonymous: bool = False

    def open(self, arrival: Arrival) -> FakeRecord:
        self.opened.append(arrival)
        return FakeRecord(arrival.call_id)

    async def identify(self, record: Any, arrival: Arrival) -> Principal:
        match arrival.credential:
            case None if not self.anonymous:
                raise Refused(Reason.UNAUTHENTICATED, "No credential was sent.")
            case "mallory":
                return MALLORY
            case _:
                return ALICE

    async def call(self, record: Any, principal: Principal, asked: Asked) -> Reply | ReplyError:
        self.calls.append(asked)
        if self.walk is not None:
            return await self.walk(asked)
        if all(tool["name"] != asked.name for tool in self.tools):
            raise Refused(Reason.UNKNOWN_TOOL, "There is no such tool.")
        said = str(asked.arguments.get("text"))
        return Reply({"content": [{"type": "text", "text": said}], "structuredContent": [said], "x": 10**30})

    def recheck(self, record: Any, principal: Principal, asked: Asked) -> None: ...

    async def list_tools(self, record: Any, principal: Principal) -> Sequence[Mapping[str, Any]]:
        self.listed += 1
        return self.tools

    async def list_beside(self, record: Any, principal: Principal, kind: str) -> Sequence[Mapping[str, Any]]:
        self.listed += 1
        return self.beside.get(kind, ())

    def readable(self, principal: Principal, uri: str) -> str | None:
        known = principal == ALICE and any(one["uri"] == uri for one in self.beside.get("resources", ()))
        return "helpdesk" if known else None

    def schema(self, principal: Principal, name: str) -> Mapping[str, Any] | None:
        return next((tool["inputSchema"] for tool in self.tools if tool["name"] == name), None)

    async def refuse(self, record: Any, refusal: Refusal) -> None:
        if self.unwritable:
            raise Refused(Reason.AUDIT_UNAVAILABLE, "The audit journal cannot be written.")
        self.refused.append(refusal)

    def forget(self, record: Any) -> None:
        self.forgotten += 1

    @property
    def sealed(self) -> int:
        """Requests accounted for, each in one of the four ways."""
        return len(self.refused) + self.forgotten + len(self.calls) + self.listed


def plane(
    road: FakeRoad,
    *,
    limits: Limits = DEFAULT,
    issuers: Sequence[str] = (),
    clock: FakeClock | None = None,
    http: HttpTools | None = None,
    state_key: bytes | None = None,
    interviews: Tasks | None = None,
) -> AgentPlane:
    clock, numbers = clock or FakeClock(), count(1)
    return AgentPlane(
        road,
        Sessions(b"a secret of the test, 32 bytes..", clock, EndedHere(clock)),
        allowed=Door.of("127.0.0.1:8080", ["gateway.example"], ["https://app.example"]),
        issuers=issuers,
        clock=clock,
        new_call_id=lambda: f"call-{next(numbers)}",
        version="9.9",
        http=http,
        limits=limits,
        state_key=state_key or os.urandom(32),
        interviews=Tasks() if interviews is None else interviews,
    )


@dataclass
class Exchange:
    """One HTTP exchange: what the caller sends, whether it is still there, what it got."""

    chunks: list[bytes]
    stalls: bool = False
    """The body never ends."""
    closes: bool = False
    """Writing fails."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    done: bool = False
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        if self.chunks:
            chunk = self.chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks) or self.stalls}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.closes:
            raise OSError("gone")
        if message["type"] == "http.response.start":
            assert self.status == 0
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.started.set()
        else:
            self.body += message["body"]
            self.done = not message["more_body"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def outcome(self) -> Any:
        """Our object, wherever the shape puts it."""
        told = self.json
        if "error" in told and isinstance(told["error"], dict):
            return told["error"]["data"][jsonrpc.META_OUTCOME]
        return told["result"]["_meta"][jsonrpc.META_OUTCOME]


Lines = Iterable[tuple[str, str]]
LINES = (("host", "127.0.0.1:8080"), ("authorization", "Bearer alice"), ("content-type", "application/json"))


def scope(lines: Lines, method: str = "POST", path: str = "/mcp") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": "http",
        "client": ("127.0.0.1", 4711),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines],
    }


async def send(
    app: AgentPlane, body: bytes | Any, lines: Lines = LINES, method: str = "POST", path: str = "/mcp", **how: Any
) -> Exchange:
    """Sends one request and waits for the end of its response."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = Exchange([raw], **how)
    async with asyncio.timeout(5):
        await app(scope(lines, method, path), exchange.receive, exchange.send)
    return exchange


def modern(
    method: str, params: Mapping[str, Any] | None = None, number: Any = 1, meta: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A body and the headers that agree with it."""
    params = {**(params or {}), "_meta": {**ENVELOPE, **(meta or {})}}
    lines = [*LINES, ("mcp-protocol-version", jsonrpc.MODERN), ("mcp-method", method)]
    if (name := params.get("uri" if method == "resources/read" else "name")) is not None:
        lines.append(("mcp-name", name))
    return jsonrpc.request(number, method, params), lines


def call(text: str = "hi", number: Any = 1, **meta: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    return modern("tools/call", {"name": "helpdesk_echo", "arguments": {"text": text}}, number, meta)


async def initialize(
    app: AgentPlane, version: str = "2025-11-25", capabilities: Mapping[str, Any] | None = None, lines: Lines = LINES
) -> list[tuple[str, str]]:
    """Opens a legacy session; returns the headers that belong to it."""
    declared = {} if capabilities is None else capabilities
    params = {"protocolVersion": version, "clientInfo": {"name": "t", "version": "1"}, "capabilities": declared}
    opened = await send(app, jsonrpc.request(0, "initialize", params), lines)
    return [*lines, ("mcp-session-id", opened.headers["mcp-session-id"])]
