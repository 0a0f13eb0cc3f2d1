"""A bank that loses answers as it is told to, keeps a list that can be looked through, and a gateway before it."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bad_peer import HangUp, Peer, Seen, last, reply, resets, result
from e2e_kit import ROOT, Gateway, api_key

PAID = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOLS = ("pay", "slow_pay", "plain_pay", "sure_pay", "checked", "find", "balance")
PROBE = {
    "tool": "bank/find",
    "args": {"n": "args.n"},
    "found": "result.structuredContent.payments.exists(p, p.n == args.n)",
    "settles": "300ms",
}
IN_DOUBT = {"effect": "mutating", "on_in_doubt": "probe", "probe": PROBE, "timeout": "2s"}
SETTINGS: dict[str, Any] = {
    "pay": IN_DOUBT,
    "slow_pay": IN_DOUBT | {"probe": PROBE | {"settles": "10m"}},
    "plain_pay": {"effect": "mutating"},
    "sure_pay": {"effect": "mutating", "probe": PROBE, "verify": True},
    "checked": {"effect": "mutating", "accept": "result.structuredContent.status == 'ok'"},
    "find": {"effect": "read"},
    "balance": {"effect": "read", "accept": "result.structuredContent.cents >= 0", "fallback": {"stale": "1m"}},
}
ROWS = "g, user:alice, role:payer, default\np, all, role:payer, default, *, */*, call, -, allow\n"


class Bank:
    """What it carried out, in order; by number of the payment what becomes of its answer."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.sent: list[int] = []
        """Payments it was asked for, carried out or not."""
        self.cut_before: set[int] = set()
        self.cut_after: set[int] = set()
        self.held: set[int] = set()
        """Carried out, and not answered before `let_go`."""
        self.let_go = threading.Event()
        self.blind = False
        """Whether its list cannot be read now."""
        self.forgets = False
        """Whether payments do not show in its list."""
        self.looked = 0
        self.says: Mapping[str, Any] = {"status": "ok", "cents": 1}
        tools = [{"name": name, "inputSchema": PAID} for name in TOOLS]
        self.peer = Peer(self._call, last(lambda seen: reply(200, result(seen, {"tools": tools}), connection="close")))

    def _call(self, seen: Seen, sock: Any) -> None:
        name, n = seen.params["name"], seen.params["arguments"].get("n", 0)
        structured = dict(self.says)
        if name == "find":
            self.looked += 1
            if self.blind:
                resets(sock)
            found = [] if self.forgets else [{"n": one} for one in self.paid if one == n]
            structured = {"payments": found}
        elif name != "balance":
            self._pay(n, sock)
        said = {"content": [{"type": "text", "text": json.dumps(structured)}], "structuredContent": structured}
        sock.sendall(reply(200, result(seen, said), connection="close"))
        raise HangUp

    def _pay(self, n: int, sock: Any) -> None:
        self.sent.append(n)
        if n in self.cut_before:
            resets(sock)
        self.paid.append(n)
        if n in self.cut_after:
            resets(sock)
        if n in self.held:
            self.let_go.wait(20)


class Counter:
    """Bank, gateway and Alice's agent."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.bank = Bank()
        self.token, alice = api_key("alice-key", "pay-bot", "alice")
        (folder / "policy.csv").write_text(ROWS, encoding="utf-8")
        upstream = {"kind": "mcp-http", "url": self.bank.peer.url, "era": "modern", "tools": SETTINGS, "breaker": "off"}
        base = {
            "identity": {"keys": [alice]},
            "policy": {
                "model": str(ROOT / "policies/model.conf"),
                "rows": str(folder / "policy.csv"),
                "conditions": None,
            },
            "upstreams": {"bank": upstream | {"retries": {"most": 0}}},
            "agents": {"pay-bot": {"tools": ["bank/*"]}},
            "loops": "off",
        }
        self.gateway = Gateway(folder, base | config)
        self.gateway.start()

    def close(self) -> None:
        self.bank.let_go.set()
        self.gateway.stop()
        self.bank.peer.close()

    def call(self, tool: str, n: int, **more: Any) -> dict[str, Any]:
        return self.gateway.call(self.token, f"bank_{tool}", {"n": n}, **more)

    def doubts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.gateway.operator("GET", "/doubts").json()
        return found

    def records(self, call: str, kind: str) -> list[dict[str, Any]]:
        records = self.gateway.operator("GET", f"/audit/{call}").json()["records"]
        return [one for one in records if one["kind"] == kind]

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`sallyport doubt …`"""
        command = [sys.executable, "-m", "gateway", "doubt", *words, "--config", str(self.gateway.path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)


def meta(answer: dict[str, Any], name: str) -> Any:
    return answer["result"]["_meta"].get(f"io.sallyport/{name}")


def call_id(answer: dict[str, Any]) -> str:
    told = meta(answer, "outcome") or meta(answer, "provenance")
    found: str = told["call_id"]
    return found
