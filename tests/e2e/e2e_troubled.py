"""Servers of tools that fail as they are told to, and a gateway before several of them."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from bad_peer import HangUp, Peer, Script, Seen, last, reply, resets, result
from e2e_kit import HTTP, ROOT, Gateway, api_key

ROWS = """
g, user:alice, role:support, default
g, user:bob,   role:support, default
p, all,      role:support, default, *, */*,           call, -, allow
p, not-bobs, user:bob,     default, *, steady/second, call, private, deny
"""
EFFECTS = {"work": "mutating", "look": "read", "second": "read"}
FALLBACK = {"tool": "steady/second", "stale": "1m", "ask": "the desk at extension 12."}
UPSTREAMS: dict[str, dict[str, Any]] = {
    "flaky": {"breaker": "off", "retries": {"floor": 100}},
    "shaky": {"breaker": {"calls": 4, "connects": 3, "open": "1s"}, "retries": {"most": 0}},
    "gone": {"breaker": {"connects": 3, "open": "1s"}, "retries": {"floor": 100}},
    "steady": {},
}
"""`flaky` is asked again, `shaky` never, `gone` three times and then left alone."""

RESET: Script = lambda _, sock: resets(sock)  # noqa: E731
BUSY: Script = last(lambda _: reply(429, connection="close"))
BROKEN: Script = last(lambda _: reply(503, connection="close"))


class Troubled:
    """Counts what it carries out; each fault is good for one call."""

    def __init__(self) -> None:
        self._faults: dict[str, list[Script]] = defaultdict(list)
        self.carried_out: dict[str, int] = defaultdict(int)
        self.peer = Peer(self._call, last(lambda seen: reply(200, result(seen, {"tools": TOOLS}), connection="close")))

    def fails(self, tool: str, *faults: Script) -> None:
        self._faults[tool] = list(faults)

    def seen(self, tool: str) -> list[Seen]:
        return [seen for seen in self.peer.calls if seen.params["name"] == tool]

    def _call(self, seen: Seen, sock: Any) -> None:
        tool = seen.params["name"]
        if self._faults[tool]:
            self._faults[tool].pop(0)(seen, sock)
            return
        self.carried_out[tool] += 1
        said = {"content": [{"type": "text", "text": f"{tool} number {self.carried_out[tool]}"}]}
        sock.sendall(
            reply(200, result(seen, said), connection="close")
        )  # no pooled connection that an outage could break
        raise HangUp


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOLS = [{"name": name, "inputSchema": SCHEMA} for name in EFFECTS]


class Trouble:
    """One gateway, four servers, and two people whose agents call their tools."""

    def __init__(self, folder: Path) -> None:
        self.peers = {name: Troubled() for name in UPSTREAMS}
        self.alice, alice = api_key("alice-key", "ops-bot", "alice")
        self.bob, bob = api_key("bob-key", "ops-bot", "bob")
        (folder / "policy.csv").write_text(ROWS, encoding="utf-8")
        (folder / "conditions.yaml").write_text("private: args.n == 7\n", encoding="utf-8")
        files = {
            "model": ROOT / "policies/model.conf",
            "rows": folder / "policy.csv",
            "conditions": folder / "conditions.yaml",
        }
        config = {
            "identity": {"keys": [alice, bob]},
            "policy": {name: str(path) for name, path in files.items()},
            "upstreams": {name: self._upstream(name) for name in UPSTREAMS},
            "agents": {"ops-bot": {"tools": ["*/*"]}},
            "loops": "off",
        }
        self.gateway = Gateway(folder, config)
        self.gateway.start()

    def _upstream(self, name: str) -> dict[str, Any]:
        tools: dict[str, Any] = {tool: {"effect": effect} for tool, effect in EFFECTS.items()}
        if name == "flaky":
            tools["look"]["fallback"] = FALLBACK
            tools["work"]["fallback"] = {"ask": FALLBACK["ask"]}
        if name == "gone":
            tools["look"]["fallback"] = {"stale": "1m"}
        return {
            "kind": "mcp-http",
            "url": self.peers[name].peer.url,
            "era": "modern",
            "tools": tools,
            **UPSTREAMS[name],
        }

    def close(self) -> None:
        self.gateway.stop()
        for troubled in self.peers.values():
            troubled.peer.close()

    def call(self, tool: str, user: str = "alice", **arguments: Any) -> dict[str, Any]:
        upstream, name = tool.split("/")
        return self.gateway.call({"alice": self.alice, "bob": self.bob}[user], f"{upstream}_{name}", arguments)

    def records(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Of the call that was answered so."""
        result = answer["result"]["_meta"]
        told = result.get("io.sallyport/outcome") or result["io.sallyport/provenance"]
        found: list[dict[str, Any]] = self.gateway.operator("GET", f"/audit/{told['call_id']}").json()["records"]
        return found

    def breakers(self, upstream: str) -> tuple[dict[str, str], float]:
        """As `GET /upstreams` tells them, and the gauge of the upstream's own."""
        (found,) = [one for one in self.gateway.operator("GET", "/upstreams").json() if one["id"] == upstream]
        label = f'sallyport_breaker{{target="{upstream}"}} '
        lines = HTTP.get(f"{self.gateway.operator_url}/metrics").text.splitlines()
        (gauge,) = [float(line.removeprefix(label)) for line in lines if line.startswith(label)]
        return found["breakers"], gauge
