"""What the command line's tests put in the gateway's place: a small desk, a scripted agent plane, a configuration."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn
from typer.testing import Result

from gateway.model.approval import Approval
from gateway.model.spend import Counter, Usage
from gateway.model.stop import Stop, StopKind
from gateway.operator.access import Person, token_hash
from gateway.operator.desk import Desk, Page, Sight
from gateway.operator.plane import operator_plane

Run = Callable[..., Result]
TOKEN = "operator-token-of-the-test"


def entry(number: int, **facts: Any) -> dict[str, Any]:
    """An audit entry; larger numbers are later."""
    stamp = f"2026-01-01T00:00:{number:02}.000000Z"
    return {"kind": "call", "id": f"id-{number:02}", "time": stamp, "call": f"call-{number}", **facts}


class Office:
    """Everything the operator plane may ask, kept in memory; one object plays all desks."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As before the first test."""
        self.records: list[dict[str, Any]] = []
        self.store = "ok"
        self.asked: list[Mapping[str, str]] = []
        self.made: list[dict[str, Any]] = []
        self.stopped: list[Stop] = []
        self.supposed: list[tuple[Any, ...]] = []
        self.acts: list[tuple[str, str, Mapping[str, Any]]] = []

    async def query(self, filters: Mapping[str, str]) -> Page:
        self.asked.append(filters)
        limit = int(filters.get("limit", 100))
        return Page(self.records[::-1][:limit], "more" if len(self.records) > limit else None)

    async def call(self, call_id: str) -> Sequence[Mapping[str, Any]]:
        return [record for record in self.records if record["call"] == call_id]

    async def all(self, _filters: Mapping[str, str]) -> AsyncIterator[Mapping[str, Any]]:
        for record in self.records:
            yield record

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        self.acts.append((who, action, facts))

    def health(self) -> Mapping[str, str]:
        return {"store": self.store}

    async def accept_loss(self) -> bool:
        lost, self.store = self.store != "ok", "ok"
        return lost

    def must_match(self, kind: StopKind, target: str) -> None:
        pass

    async def stop(self, stop: Stop) -> None:
        self.stopped.append(stop)

    async def lift(self, kind: StopKind, target: str) -> bool:
        before = len(self.stopped)
        self.stopped = [stop for stop in self.stopped if (stop.kind, stop.target) != (kind, target)]
        return len(self.stopped) < before

    def stops(self) -> Sequence[Stop]:
        return self.stopped

    def new(self, **order: Any) -> tuple[str, str]:
        self.made.append(order)
        return order["key_id"] or "k-1", "sp_k-1_secret"

    def ls(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "k-1", "agent": "support-bot", "user": "alice", "tenant": "default"}]

    def revoke(self, key_id: str) -> bool:
        return key_id == "k-1"

    def tools(self, agent: str, user: str | None, _tenant: str) -> Sequence[Sight]:
        if agent != "support-bot":
            raise KeyError(agent)
        return [
            Sight("helpdesk/mail_send", None, "mutating", "hidden: no rule permits it"),
            Sight("helpdesk/ticket_get", "helpdesk_ticket_get", "read", f"allow read-tickets for {user}"),
            Sight("helpdesk/secret", None, "read", "hidden: not among the prompts of agent support-bot", "prompt"),
            Sight("wiki/kb://a/1", "kb://a/1", "read", "allow read-kb", "resource"),
        ]

    def steps(self, *supposed: Any) -> Sequence[Any]:
        self.supposed.append(supposed)
        tool = supposed[3]
        hidden = SimpleNamespace(room="catalog", verdict="stops", why=f"{tool} is hidden")
        asks = SimpleNamespace(room="policy", verdict="asks", why="a lead may say yes")
        identity = SimpleNamespace(room="identity", verdict="passes", why="as agent and user")
        return [identity, hidden if tool.startswith("hidden") else asks]

    async def usage(self) -> Sequence[Usage]:
        run = Counter("acme", "run", (("run", "run-7"),), "calls", None)
        money = Counter("default", "user", (("user", "alice"),), "money", "day")
        return [Usage(run, 10, 1, 2, None), Usage(money, 5_000_000, 2_500_000, 1, 86_400.0)]

    def agents(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "support-bot"}]

    def stranger(self, kind: str, target: str) -> str | None:
        return f"no {kind} {target!r} is known here" if target == "suport-bot" else None


class Scripted:
    """An agent plane that says what it is told to, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, str], dict[str, Any]]] = []
        self.answers: dict[str, Callable[[dict[str, Any]], tuple[int, str, bytes]]] = {}

    def say(self, method: str, body: Any, status: int = 200, kind: str = "application/json") -> None:
        """Answers `method` with a JSON value that gets the request's id, or with bytes as they are."""

        def answer(request: dict[str, Any]) -> tuple[int, str, bytes]:
            if isinstance(body, bytes):
                return status, kind, body
            framed = {"jsonrpc": "2.0", "id": request["id"], **body} if "error" not in body or status == 400 else body
            return status, kind, json.dumps(framed).encode()

        self.answers[method] = answer


def write_config(folder: Path, *, operator: int = 1, agent: int = 1, more: str = "") -> Path:
    """A configuration with a state folder; port 1 answers to nobody."""
    path = folder / "config.yaml"
    listen = f"listen: {{agent: 127.0.0.1:{agent}, operator: 127.0.0.1:{operator}}}\n"
    path.write_text(f"version: 1\n{listen}{more}", encoding="utf-8")
    (folder / ".sallyport").mkdir(exist_ok=True)
    return path


class NobodyAsks:
    """The desk of approvals on a day without questions."""

    async def all(self) -> Sequence[Approval]:
        return []


@contextmanager
def listening(desk: Desk) -> Iterator[int]:
    """A real operator plane over the desk, in a thread; the port it listens on."""
    plane = operator_plane(desk, {token_hash(TOKEN): Person("local", frozenset({"viewer", "operator"}))})
    server = uvicorn.Server(uvicorn.Config(plane, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(5)
