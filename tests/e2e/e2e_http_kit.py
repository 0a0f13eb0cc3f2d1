"""Plain HTTP tools as a user runs them: the desk's API, a service of our own that records and misbehaves, one gateway."""

import contextlib
import json
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from bad_peer import HangUp, Peer, reply
from e2e_kit import HTTP, PATIENCE_S, ROOT, Gateway, api_key

ROWS = """
g, user:alice, role:support,  default
g, user:bob,   role:lead,     default
g, user:local, role:approver, default
p, read,         role:support,  default, *, desk-api/get_*,         call,    -,     allow
p, list,         role:support,  default, *, desk-api/list_*,        call,    -,     allow
p, set,          role:support,  default, *, desk-api/set_priority,  call,    -,     allow
p, tag,          role:support,  default, *, desk-api/*_tag,         call,    -,     allow
p, small-refund, role:support,  default, *, desk-api/create_refund, call,    small, allow
p, big-refund,   role:support,  default, *, desk-api/create_refund, call,    big,   ask
p, see-mail,     role:support,  default, *, desk-api/send_mail,     call,    ours,  allow
p, own,          role:support,  default, *, own/*,                  call,    -,     allow
p, lead,         role:lead,     default, *, */*,                    call,    -,     allow
p, approve,      role:approver, default, *, desk-api/*,             approve, -,     allow
"""
CONDITIONS = """
small: args.body.amount_cents <= 10000
big: args.body.amount_cents > 10000 && args.body.amount_cents <= 50000
ours: args.body.to.endsWith("@example.com")
"""
Json = dict[str, Any]


class DeskApi:
    """The example service in a process of its own; every request that reaches it acts."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.db = folder / "helpdesk.db"
        command = [sys.executable, "-m", "examples.helpdesk.api", "--db", str(self.db), "--port", str(port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "the desk's API did not start"
        self.url = self.process.stdout.readline().split()[-1]

    def ask(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            return db.execute(query, values).fetchone()[0]

    def refunds(self, reason: str) -> int:
        """How many were written for this reason."""
        return self.ask("SELECT count(*) FROM refunds WHERE reason = ?", reason)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass(frozen=True)
class Got:
    """One request as it reached a service."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Said = Callable[[Got, Any], None]
"""Answers one request on a socket."""


def once(make: Callable[[Got], bytes]) -> Said:
    """Answers and hangs up, so that no warm connection outlives an outage."""

    def said(got: Got, sock: Any) -> None:
        sock.sendall(make(got))
        raise HangUp

    return said


FINE = once(lambda got: reply(200, {"path": got.target}, connection="close"))


@dataclass
class Service(Peer):
    """A plain HTTP service: `/docs/…` answers with documents, everything else as `script` says, and is recorded."""

    script: Said = FINE  # type: ignore[assignment]
    documents: dict[str, Said] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publishes(self, name: str, document: Any) -> str:
        """At `/docs/{name}`; the address."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[f"/docs/{name}"] = once(lambda _: reply(200, data, connection="close"))
        return f"{self.url}/docs/{name}"

    def _serve(self, sock: Any) -> None:
        with contextlib.suppress(OSError, HangUp), sock, sock.makefile("rb") as file:
            while first := file.readline().decode("latin-1").split():
                headers: dict[str, str] = {}
                while (line := file.readline().decode("latin-1").strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                got = Got(first[0], first[1], headers, file.read(int(headers.get("content-length", 0))))
                if (said := self.documents.get(got.target)) is None:
                    self.got.append(got)
                    said = self.script
                said(got, sock)
        self._open.discard(sock)


def operation(name: str, *parameters: tuple[str, str, str], body: Any = None, **more: Any) -> Json:
    """An operation; parameters as (name, place, type)."""
    entry: Json = {"operationId": name, "responses": {"200": {"description": "ok"}}, **more}
    entry["parameters"] = [
        {"name": one, "in": place, "required": place == "path", "schema": {"type": kind}}
        for one, place, kind in parameters
    ]
    if body is not None:
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return entry


def document(paths: Json) -> Json:
    return {"openapi": "3.1.0", "info": {"title": "own", "version": "1"}, "paths": paths}


OWN = document(
    {
        "/look": {"get": operation("look", ("q", "query", "string"), ("X-Reason", "header", "string"))},
        "/files/{name}": {
            "get": operation("file", ("name", "path", "string")),
            "put": operation("put_file", ("name", "path", "string"), body={"type": "object"}),
        },
        "/files/secret": {"get": operation("secret")},
        "/work": {"post": operation("work", body={"type": "object"})},
    }
)


class Plane:
    """One gateway before both services, and two people's agents."""

    def __init__(self, folder: Path, **config: Any) -> None:
        for name in ("desk", "gateway"):
            (folder / name).mkdir()
        self.desk, self.own = DeskApi(folder / "desk"), Service(script=FINE)
        home = folder / "gateway"
        (home / "policy.csv").write_text(ROWS, encoding="utf-8")
        (home / "conditions.yaml").write_text(CONDITIONS, encoding="utf-8")
        self.alice, alice = api_key("alice-key", "support-bot", "alice")
        self.bob, bob = api_key("bob-key", "ops-bot", "bob")
        self.gateway = Gateway(home, self._config(alice, bob) | config)
        self.gateway.start()
        self.answers: list[httpx2.Response] = []

    def _config(self, *keys: Json) -> Json:
        desk = {"kind": "openapi", "url": self.desk.url, "document": f"{self.desk.url}/openapi.json"}
        own = {"kind": "openapi", "url": self.own.url, "document": self.own.publishes("own", OWN), "breaker": "off"}
        own |= {"timeout": "2s", "headers": {"X-Desk-Key": "the operator's own"}, "refresh": "200ms"}
        own["tools"] = {"file": {"fallback": {"stale": "5m"}}}
        seen = ["get_*", "list_*", "create_refund", "set_priority", "*_tag", "send_mail"]
        return {
            "identity": {"keys": list(keys)},
            "policy": {
                "model": str(ROOT / "policies/model.conf"),
                "rows": "policy.csv",
                "conditions": "conditions.yaml",
            },
            "upstreams": {"desk-api": desk, "own": own},
            "agents": {
                "support-bot": {
                    "tools": [*(f"desk-api/{name}" for name in seen), "own/look", "own/file", "own/*file", "own/work"],
                    "override": {
                        "desk-api/create_refund": {"name": "request_refund", "description": "Give money back."},
                        "desk-api/list_tickets": {"args": {"status": {"fixed": "open"}}},
                    },
                },
                "ops-bot": {"tools": ["*/*"]},
            },
            "approvals": {"hold": "100ms"},
            "loops": "off",
        }

    def close(self) -> None:
        self.gateway.stop()
        self.own.close()
        self.desk.close()

    def http(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx2.Response:
        """One plain request, as Alice unless another token is given; an empty one sends none."""
        headers = {} if token == "" else {"Authorization": f"Bearer {token or self.alice}"}
        url = self.gateway.url + path
        answer = HTTP.request(method, url, headers={**headers, **more.pop("headers", {})}, **more)
        self.answers.append(answer)
        return answer

    def refund(self, reason: str, cents: int = 100, key: str | None = None, **more: Any) -> httpx2.Response:
        """A refund over `/http/`, of order 30."""
        body = {"order_id": 30, "amount_cents": cents, "reason": reason}
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http("POST", "/http/desk-api/refunds", json=body, headers=headers, **more)

    def records(self, answer: httpx2.Response) -> list[Json]:
        """Of the request that was answered so."""
        return self.gateway.operator("GET", f"/audit/{answer.headers['sallyport-call']}").json()["records"]

    @contextlib.contextmanager
    def says(self, said: Said) -> Iterator[None]:
        """How the own service answers while the block runs."""
        self.own.script = said  # type: ignore[assignment]
        try:
            yield
        finally:
            self.own.script = FINE  # type: ignore[assignment]


def upstream(gateway: Gateway, name: str) -> Json:
    """As `GET /upstreams` tells it."""
    (found,) = [one for one in gateway.operator("GET", "/upstreams").json() if one["id"] == name]
    return found


def told(answer: httpx2.Response, status: int, reason: str) -> Json:
    """The problem of a refusal, whose headers and members must agree with each other."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: Json = answer.json()
    assert (problem["status"], problem["title"], problem["reason"]) == (status, reason, reason)
    assert problem["type"] == f"urn:sallyport:refusal:{reason}"
    assert problem["call_id"] == answer.headers["sallyport-call"]
    return problem


def names(gateway: Gateway, token: str) -> set[str]:
    return {tool["name"] for tool in gateway.rpc(token, "tools/list").json()["result"]["tools"]}


def resident_mb(gateway: Gateway) -> float:
    assert gateway.process is not None
    return psutil.Process(gateway.process.pid).memory_info().rss / 2**20
