"""What an agent may send, good or almost good: the grammar of both eras, with everything of MCP that walks through a gateway.

A `Shot` is one HTTP request before it is bytes. `Gunner` makes them from a seed and from what the caller learnt so far
(`Learnt`): sessions, sealed states, questions, names of events. Sharing no code with the gateway, it may send anything.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from fuzz_dice import Dice, Lines
from fuzz_world import AGENTS, KEYS, PROMPTS, RESOURCES, TEMPLATES, TOOLS

MODERN, LEGACY = "2026-07-28", ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
NS = "io.modelcontextprotocol/"
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
CAPABILITIES: list[dict[str, Any]] = [
    {},
    {},
    {"elicitation": {}},
    {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {"listChanged": True}},
    {"sampling": {}, "roots": {}},
    {"elicitation": [], "experimental": {"x": 1}},
]


@dataclass
class Shot:
    """One HTTP request."""

    body: bytes
    lines: Lines
    method: str = "POST"
    target: str = "/mcp"
    leaves: bool = False
    """Whether the caller goes away before it has the answer."""


@dataclass
class Learnt:
    """What one caller has been told so far."""

    sessions: list[str] = field(default_factory=list)
    states: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    """Method and params of requests, and their results that want input."""
    questions: list[Any] = field(default_factory=list)
    """Requests of the gateway on our streams: `elicitation/create` and the like."""
    events: list[str] = field(default_factory=list)
    ids: list[Any] = field(default_factory=lambda: [1])


class Gunner:
    """Makes shots for one caller."""

    def __init__(self, dice: Dice, who: str) -> None:
        self.dice, self.who, self.learnt = dice, who, Learnt()

    def shot(self) -> Shot:
        dice = self.dice
        made = self._modern() if dice.often(0.55) or not self.learnt.sessions else self._legacy()
        if dice.often(0.12) or (not self.learnt.sessions and dice.often(0.25)):
            made = self._post(self._hello(), [])
        message, lines, method, target = made
        body = b"" if message is None else json.dumps(message).encode()
        kind = dice.random()
        if message is not None and 0.5 <= kind < 0.7:
            body = json.dumps(dice.bent(message)).encode()
        elif message is not None and 0.7 <= kind < 0.78:
            body = dice.odd(message)
        elif 0.78 <= kind < 0.82:
            body = dice.torn(body)
        if 0.64 <= kind < 0.7 or kind >= 0.88:
            lines = dice.lines(lines)
        if dice.often(0.02):
            method = dice.choice(["GET", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH", "TRACE"])
        if dice.often(0.02):
            target = dice.choice(["/", "/mcp/", "//mcp", "/mcp%00", "/MCP", "/agents/ops-bot/mcp", "/agents/x/mcp", "/http/desk/x", "/http/desk/../mcp", "/.well-known/oauth-protected-resource", "/audit"])  # fmt: skip
        return Shot(body, lines, method, target, leaves=dice.often(0.03))

    # -- both eras ----------------------------------------------------------------------------------------------------

    def _post(self, message: Any, lines: Lines, target: str = "") -> tuple[Any, Lines, str, str]:
        own = f"/agents/{AGENTS.get(self.who, 'ops-bot')}/mcp"
        return message, [*self._common(), *lines], "POST", target or ("/mcp" if self.dice.often(0.9) else own)

    def _common(self) -> Lines:
        found: Lines = [("host", b"localhost"), ("content-type", b"application/json")]
        if self.who in KEYS:
            found.append(("authorization", f"Bearer {KEYS[self.who]}".encode()))
        if self.dice.often(0.85):
            found.append(("accept", b"application/json, text/event-stream"))
        if self.dice.often(0.1):
            found.append(("idempotency-key", self.dice.choice([b"k1", b'"k2"', b"k3", b"x" * 256])))
        return found

    def _id(self) -> Any:
        self.learnt.ids.append(self.dice.choice([1, "1", 0, -7, "x", 2**53, self.dice.randrange(10**6)]))
        return self.learnt.ids[-1]

    def _meta(self) -> dict[str, Any]:
        dice, meta = self.dice, {}
        if dice.often(0.4):
            meta["progressToken"] = dice.choice([7, "p", 0, "7"])
        if dice.often(0.1):
            meta["io.sallyport/idempotency-key"] = dice.choice(["k1", "k2", f"n{dice.randrange(50)}"])
        if dice.often(0.05):
            meta["io.sallyport/deadline-ms"] = dice.choice([1, 50, 2000])
        if dice.often(0.1):
            meta["traceparent"] = f"00-{dice.randrange(1, 2**128):032x}-{dice.randrange(1, 2**64):016x}-01"
        return meta

    def _asks(self) -> tuple[str, dict[str, Any]]:
        """A method that walks the road or a list, with parameters that are mostly good."""
        dice = self.dice
        match dice.randrange(16):
            case 0:
                return dice.choice(["tools/list", "prompts/list", "resources/list", "resources/templates/list"]), dice.choice([{}, {}, {"cursor": dice.choice(["0", "1000", "x", 0])}])  # fmt: skip
            case 1 | 2:
                prompt = dice.choice(PROMPTS)["name"]
                return "prompts/get", {
                    "name": f"desk_{prompt}",
                    "arguments": dice.choice([{}, {"who": dice.text()}, {"who": 7}]),
                }
            case 3 | 4:
                return "resources/read", {"uri": self._uri()}
            case 5:
                return "completion/complete", {"ref": self._ref(), "argument": {"name": "who", "value": dice.text()}}
            case _:
                name = dice.choice(TOOLS)["name"]
                return "tools/call", {"name": f"desk_{name}", "arguments": self._arguments(name)}

    def _uri(self) -> str:
        known = [one["uri"] for one in RESOURCES]
        odd = [
            "note://c",
            "note://a/../b",
            "note://%61",
            "lead://z",
            "vault://y",
            "note://a?b",
            "NOTE://a",
            "file:///etc/passwd",
            "note://" + "a" * 5_000,
        ]
        return self.dice.choice(known if self.dice.often(0.7) else odd)

    def _ref(self) -> dict[str, Any]:
        if self.dice.often(0.5):
            return {"type": "ref/prompt", "name": "desk_" + self.dice.choice(PROMPTS)["name"]}
        return {
            "type": "ref/resource",
            "uri": self.dice.choice([self.dice.choice(TEMPLATES)["uriTemplate"], self._uri()]),
        }

    def _arguments(self, name: str) -> Any:
        dice = self.dice
        if dice.often(0.15):
            return dice.value()
        match name:
            case "pay":
                return {"to": f"payee {dice.randrange(10**9)}", "cents": dice.choice([1, 5, 5.0, 10**20, 0, True, "1"])}
            case "region":
                return dice.choice([{"region": "eu"}, {}, {"region": "é"}, {"region": "us", "other": [1]}])
            case _:
                more = {"x_reason": "why"} if dice.often(0.05) else {}
                return dice.choice([{"text": dice.text()}, {}, {"text": "no"}, {"text": 1}]) | more

    # -- the modern era -----------------------------------------------------------------------------------------------

    def _modern(self) -> tuple[Any, Lines, str, str]:
        dice = self.dice
        method, params = self._asks()
        if self.learnt.states and dice.often(0.5):
            method, params = self._next_round()
        elif dice.often(0.15):
            method, params = dice.choice([("server/discover", {}), ("subscriptions/listen", self._filter()), ("initialize", {}), ("ping", {}), ("tools/destroy", {}), ("tasks/get", {"taskId": "t"}), ("", {})])  # fmt: skip
        meta = {**self._meta(), NS + "protocolVersion": MODERN, NS + "clientCapabilities": dice.choice(CAPABILITIES)}
        if dice.often(0.2):
            meta[NS + "logLevel"] = dice.choice([*LEVELS, "loud", 1])
        message = {"jsonrpc": "2.0", "id": self._id(), "method": method, "params": {**params, "_meta": meta}}
        if dice.often(0.04):
            message = {"jsonrpc": "2.0", "method": dice.choice(["notifications/cancelled", "notifications/x"]), "params": {"requestId": dice.choice(self.learnt.ids), "_meta": meta}}  # fmt: skip
        if dice.often(0.02):
            message = {"jsonrpc": "2.0", "id": dice.choice(self.learnt.ids), "result": dice.value()}
        lines: Lines = [("mcp-protocol-version", MODERN.encode()), ("mcp-method", method.encode())]
        name = params.get("uri") if method == "resources/read" else params.get("name")
        if isinstance(name, str) and method in ("tools/call", "prompts/get", "resources/read"):
            lines.append(("mcp-name", name.encode() if dice.often(0.8) else sentinel(name)))
        if (
            method == "tools/call"
            and isinstance(sent := params.get("arguments"), dict)
            and isinstance(region := sent.get("region"), str)
        ):
            lines.append(("mcp-param-region", region.encode() if region.isascii() else sentinel(region)))
        return self._post(message, lines)

    def _filter(self) -> dict[str, Any]:
        good = {"toolsListChanged": True, "resourceSubscriptions": [self._uri(), self._uri()]}
        return {"notifications": good if self.dice.often(0.7) else self.dice.bent(good)}

    def _next_round(self) -> tuple[str, dict[str, Any]]:
        """The same request again with answers, or almost."""
        dice = self.dice
        method, params, result = dice.choice(self.learnt.states)
        asked = result.get("inputRequests", {})
        answers: Any = {key: self._answer(one) for key, one in asked.items()}
        state = result.get("requestState", "")
        if dice.often(0.3):
            answers = dice.bent(answers)
        if dice.often(0.3):
            state = dice.choice([state[:-1], state[::-1], "", 7, state.swapcase(), state + "A", "x" * 9_000])
        again = {**params, "inputResponses": answers, "requestState": state}
        again.pop("_meta", None)
        if dice.often(0.15) and isinstance(bent := dice.bent(again), dict):
            again = bent
        if dice.often(0.1):
            again.pop(dice.choice(["inputResponses", "requestState"]), None)
        return method, again

    def _answer(self, asked: Any) -> Any:
        dice = self.dice
        good: dict[str, Any] = {"action": dice.choice(["accept", "decline", "cancel"]), "content": {"ok": True}}
        match asked.get("method"):
            case "sampling/createMessage":
                good = {"role": "assistant", "model": "m", "content": {"type": "text", "text": dice.text()}}
            case "roots/list":
                good = {"roots": [{"uri": "file:///home"}]}
        return good if dice.often(0.7) else dice.choice([dice.bent(good), dice.value()])

    # -- the older eras -----------------------------------------------------------------------------------------------

    def _hello(self) -> dict[str, Any]:
        dice = self.dice
        version = dice.choice(LEGACY) if dice.often(0.9) else dice.choice([MODERN, "1.0", "2099-01-01", ""])
        told = {
            "protocolVersion": version,
            "capabilities": dice.choice(CAPABILITIES),
            "clientInfo": {"name": "t", "version": "1"},
        }
        return {"jsonrpc": "2.0", "id": self._id(), "method": "initialize", "params": told}

    def _legacy(self) -> tuple[Any, Lines, str, str]:
        dice, learnt = self.dice, self.learnt
        session = dice.choice(learnt.sessions)
        if dice.often(0.04):
            session = dice.choice([session[:-2], session[::-1], "AAAA", "", "x" * 9_000])
        lines: Lines = [("mcp-session-id", session.encode())]
        if dice.often(0.8):
            lines.append(("mcp-protocol-version", dice.choice(LEGACY).encode()))
        match dice.randrange(20):
            case 0:
                if learnt.events and dice.often(0.6):
                    event = dice.choice(learnt.events)
                    lines.append(
                        (
                            "last-event-id",
                            (event if dice.often(0.7) else dice.choice(["", "x", event[:-1], event + "9"])).encode(),
                        )
                    )
                return None, [*self._common(), *lines], "GET", "/mcp"
            case 1 if dice.often(0.3):
                return None, [*self._common(), *lines], "DELETE", "/mcp"
            case 2:
                return self._post({"jsonrpc": "2.0", "method": dice.choice(["notifications/initialized", "notifications/roots/list_changed", "notifications/x"]), "params": {}}, lines)  # fmt: skip
            case 3:
                return self._post(
                    {
                        "jsonrpc": "2.0",
                        "method": "notifications/cancelled",
                        "params": {"requestId": dice.choice(learnt.ids)},
                    },
                    lines,
                )
            case 4 | 5 | 6 if learnt.questions:
                return self._post(self._response(dice.choice(learnt.questions)), lines)
            case 7:
                return self._post(self._response({"id": dice.choice([1, "x", None])}), lines)
            case 8:
                method, params = dice.choice([("ping", {}), ("logging/setLevel", {"level": dice.choice([*LEVELS, "loud"])}), ("resources/subscribe", {"uri": self._uri()}), ("resources/unsubscribe", {"uri": self._uri()}), ("server/discover", {}), ("roots/list", {})])  # fmt: skip
            case _:
                method, params = self._asks()
        if meta := self._meta():
            params = {**params, "_meta": meta}
        message: Any = {"jsonrpc": "2.0", "id": self._id(), "method": method, "params": params}
        return self._post([message] * 2 if dice.often(0.02) else message, lines)

    def _response(self, asked: Any) -> dict[str, Any]:
        if self.dice.often(0.2):
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": {"code": -1, "message": "User rejected"}}
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": self._answer(asked)}


def sentinel(text: str) -> bytes:
    return b"=?base64?" + base64.b64encode(text.encode()) + b"?="
