"""A whole gateway as a user runs it: help desk, configuration, `python -m gateway run`, real ports, real files."""

import contextlib
import hashlib
import json
import os
import secrets
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import yaml

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
HTTP = httpx2.Client(verify=False, trust_env=False, timeout=15, limits=httpx2.Limits(max_keepalive_connections=0))
"""One for all, for TLS set-up costs 20 ms; a connection per request, for gateways come and go on one port."""


_PORTS = range(20_000, 32_000)
"""Below those that the kernel lends to outgoing connections: one of these could take a port before its gateway does."""


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """Different ones: the kernel may give the same port twice to those who ask one after the other."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        return [_bound(probe) for probe in probes]


def _bound(probe: socket.socket) -> int:
    while True:
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", secrets.choice(_PORTS)))
            return int(probe.getsockname()[1])


def wait_for(ready: Any, what: str, seconds: float = PATIENCE_S) -> Any:
    """Polls until `ready()` is truthy; bounded."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, httpx2.HTTPError):
            if found := ready():
                return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


class HelpDesk:
    """The example server over HTTP, in its own process."""

    def __init__(self, folder: Path, era: str = "both", port: int = 0) -> None:
        self.db = folder / "helpdesk.db"
        options = ("--db", str(self.db), "--port", str(port), "--era", era)
        command = [sys.executable, "-m", "examples.helpdesk.http", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "the help desk did not start"
        self.url = self.process.stdout.readline().split()[-1]

    def count(self, table: str) -> int:
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Gateway:
    """A gateway process over a configuration of its own."""

    def __init__(
        self, folder: Path, config: dict[str, Any], *, main: str = "gateway", extra: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.agent_port, self.operator_port = free_ports(2)
        listen = {"agent": f"127.0.0.1:{self.agent_port}", "operator": f"127.0.0.1:{self.operator_port}"}
        self.config = {
            "version": 1,
            "state": {"dir": "state"},
            "listen": listen,
            "policy": {name: str(ROOT / "policies" / file) for name, file in POLICY_FILES.items()},
            **config,
        }
        self.path = folder / "config.yaml"
        self.path.write_text(yaml.safe_dump(self.config), encoding="utf-8")
        self.log = folder / "gateway.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._main, self._extra = main, extra

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.agent_port}"

    @property
    def operator_url(self) -> str:
        return f"http://127.0.0.1:{self.operator_port}"

    def start(self, *extra: str, ready: bool = True) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", self._main, "run", "--config", str(self.path), *self._extra, *extra]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ))
        if ready:
            try:
                wait_for(self._started, "the gateway")
            except AssertionError:
                self.stop(signal.SIGKILL)
                raise AssertionError(
                    f"the gateway did not start; its log says:\n{self.log.read_text()[-3000:]}"
                ) from None

    def _started(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None
        return HTTP.get(f"{self.operator_url}/startupz").status_code == 200

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()  # one that hangs must not go on hanging beside every later test
            self.process.wait(PATIENCE_S)
            raise

    def written(self) -> dict[Path, bytes]:
        """All files it has, while it runs: one that was put in another's place between listing and reading is left out."""
        found = {}
        for path in self.folder.rglob("*"):
            if path.is_file():
                with contextlib.suppress(FileNotFoundError):
                    found[path] = path.read_bytes()
        return found

    def operator(self, method: str, path: str, **more: Any) -> httpx2.Response:
        token = bytes.fromhex((self.folder / "state/operator.token").read_text().strip()).hex()
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return HTTP.request(method, self.operator_url + path, headers=headers, timeout=10, **more)

    def records(self, **filters: str) -> list[dict[str, Any]]:
        answer = self.operator("GET", "/audit", params={"limit": "1000", **filters})
        assert answer.status_code == 200, answer.text
        return answer.json()["records"]

    def rpc(self, token: str | None, method: str, params: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
        """One modern request by hand."""
        name = (params or {}).get("name")
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
            **({"Mcp-Name": name} if name else {}),
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **more.pop("headers", {}),
        }
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            **more.pop("meta", {}),
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}
        url, wait_s = self.url + more.pop("path", "/mcp"), more.pop("timeout", 15)
        return HTTP.post(url, headers=headers, json=body, timeout=wait_s)

    def call(self, token: str, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """One tools/call; the JSON-RPC answer."""
        return self.rpc(token, "tools/call", {"name": name, "arguments": arguments or {}}, **more).json()


POLICY_FILES = {"model": "model.conf", "rows": "policy.csv", "conditions": "conditions.yaml"}


def api_key(key_id: str, agent: str, user: str | None) -> tuple[str, dict[str, Any]]:
    """(secret, configuration entry)."""
    secret = f"sp_{key_id}_{secrets.token_urlsafe(32)}"
    entry = {"id": key_id, "hash": "sha256:" + hashlib.sha256(secret.encode()).hexdigest(), "agent": agent}
    return secret, entry | ({"user": user} if user else {})


EFFECTS = {
    **{
        f"{subject}_{verb}": {"effect": "read"}
        for subject in ("ticket", "customer", "order", "refund", "desk", "mail")
        for verb in ("get", "list", "search", "transcript", "track", "echo", "slow", "report", "tickets", "export_all")
    },
    **{name: {"effect": "mutating"} for name in ("ticket_create", "refund_create", "mail_send", "order_cancel")},
    "ticket_set_priority": {"effect": "idempotent"},
}


def helpdesk_config(url: str, keys: list[dict[str, Any]], **upstream: Any) -> dict[str, Any]:
    """The example's configuration, with a stdio server for notes."""
    return {
        "identity": {"keys": keys},
        "upstreams": {"helpdesk": {"kind": "mcp-http", "url": url, "tools": EFFECTS, **upstream}},
        "agents": {
            "support-bot": {
                "tools": ["helpdesk/ticket_*", "helpdesk/refund_*", "helpdesk/desk_*", "helpdesk/customer_get"]
            },
            "ops-bot": {"tools": ["helpdesk/*"]},
        },
        "loops": "off",
    }


class House:
    """The running example: gateway, help desk and the two people."""

    def __init__(self, gateway: Gateway, helpdesk: HelpDesk, alice: str, bob: str) -> None:
        self.gateway, self.helpdesk, self.alice, self.bob = gateway, helpdesk, alice, bob


def structured(answer: dict[str, Any]) -> Any:
    return answer["result"]["structuredContent"]


def outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """The machine-readable object of a refusal, wherever its shape puts it."""
    if "error" in answer:
        return answer["error"]["data"]["io.sallyport/outcome"]
    return answer["result"]["_meta"]["io.sallyport/outcome"]


def text(answer: dict[str, Any]) -> str:
    return "\n".join(block.get("text", "") for block in answer["result"]["content"])


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
