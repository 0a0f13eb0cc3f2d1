"""Seeded mutations of bytes and of JSON, and the seeds: good requests of both eras and good answers of an upstream."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from bad_answers import SECRET, UNSEEN
from bad_peer import Seen, error, reply, result, sse
from bad_wire import Headers, call, hello, legacy, modern, written

from gateway.wire import jsonrpc

Request = tuple[Any, Headers]

_WORDS = [
    None, True, False, 0, -1, 1, 2, 0.5, 1e308, 10**30, -(2**63), "", "no", "x" * 300, "\u202e\u200b", "\x00", "__proto__", "../..",
    [], {}, [[]], {"a": {}}, [1, "a"], "desk_echo", "desk_pay", "desk_hidden", "desk_denied", "desk/pay", "tools/call", "tools/list",
    "initialize", "2.0", "2026-07-28", "2025-11-25", {"to": "x", "cents": 1}, {"text": "no"}, {"text": "a"}, {"cents": 0},
    {"to": "x" * 41, "cents": 1}, {"to": "x", "cents": 1, "admin": True}, "=?base64?ZGVza19wYXk=?=",
]  # fmt: skip
_NAMES = [
    "jsonrpc", "id", "method", "params", "name", "arguments", "_meta", "result", "error", "code", "message", "data", "cursor",
    "content", "structuredContent", "isError", "type", "text", "to", "cents", "x_occurrence", "idempotencyKey", jsonrpc.META_VERSION,
    jsonrpc.META_CAPABILITIES, jsonrpc.META_IDEMPOTENCY_KEY, "io.sallyport/deadline-ms", "io.sallyport/run", "traceparent", "",
]  # fmt: skip
_LINES = [
    "Host", "Origin", "Authorization", "Content-Type", "Content-Encoding", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name",
    "Mcp-Session-Id", "Mcp-Param-Region", "Idempotency-Key", "X-Request-Timeout", "traceparent", "Connection", "Expect", "Upgrade",
]  # fmt: skip
_VALUES = [
    "", "a", "localhost", "http://localhost", "null", "application/json", "identity", "2026-07-28", "2025-11-25", "tools/call",
    "tools/list", "desk_pay", "desk_echo", "desk_hidden", "=?base64?ZGVza19wYXk=?=", "close", "keep-alive", "Bearer x", "0.001",
    "\xff\xfe", "k" * 300, '"k"', '"', "100-continue",
]  # fmt: skip
_BYTES = [b"\0", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\r\n", b"\n", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"null", b"\xe2\x80\xae"]  # fmt: skip


class Mutator:
    """Changes good things into mostly bad ones; the same seed makes the same changes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def data(self, data: bytes) -> bytes:
        """One to three bytes or slices flipped, put in, cut out, doubled or cut off."""
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(data) + 1)
            to = min(len(data), at + self.random.randint(1, 12))
            match self.random.randrange(6):
                case 0:
                    data = data[:at] + bytes([self.random.randrange(256)]) + data[at + 1 :]
                case 1:
                    data = data[:at] + self.random.choice(_BYTES) + data[at:]
                case 2:
                    data = data[:at] + data[to:]
                case 3:
                    data = data[:to] + data[at:to] + data[to:]
                case 4:
                    data = data[:at] + self.random.choice(_BYTES) + data[to:]
                case _:
                    data = data[:at] if self.random.random() < 0.3 else data
        return data

    def value(self, value: Any) -> Any:
        """One to three members or items replaced, removed, renamed, added, or wrapped."""
        whole = [copy.deepcopy(value)]
        for _ in range(self.random.randint(1, 3)):
            holder, key = self.random.choice(_places(whole))
            match self.random.randrange(6):
                case 0 | 1:
                    holder[key] = self._word()
                case 2 if isinstance(holder, dict):
                    holder[self.random.choice(_NAMES)] = holder.pop(key)
                case 3 if isinstance(holder, dict):
                    del holder[key]
                case 4:
                    holder[key] = (
                        [holder[key]] if self.random.random() < 0.5 else {self.random.choice(_NAMES): holder[key]}
                    )
                case _ if isinstance(holder[key], dict):
                    holder[key][self.random.choice(_NAMES)] = self._word()
                case _:
                    pass
        return whole[0]

    def _word(self) -> Any:
        return copy.deepcopy(self.random.choice(_WORDS))

    def lines(self, headers: Headers) -> Headers:
        """One to three headers removed, doubled, replaced or added."""
        found = list(headers)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(found)) if found else 0
            match self.random.randrange(4):
                case 0 if found:
                    del found[at]
                case 1 if found:
                    found.append(found[at])
                case 2 if found:
                    found[at] = (found[at][0], self.random.choice(_VALUES))
                case _:
                    found.insert(at, (self.random.choice(_LINES), self.random.choice(_VALUES)))
        return found

    def request(self, seeds: list[Request]) -> bytes:
        """A request whose framing is right, so that it must be answered."""
        body, headers = self.random.choice(seeds)
        kind = self.random.random()
        if kind < 0.5:
            body = self.value(body)
        if kind < 0.2 or 0.5 <= kind < 0.75:
            headers = self.lines(headers)
        data = json.dumps(body).encode()
        if kind >= 0.75:
            data = self.data(data)
        method = self.random.choice(["GET", "DELETE", "PUT", "OPTIONS"]) if self.random.random() < 0.02 else "POST"
        target = (
            self.random.choice(["/", "/mcp/", "/agents/ops-bot/mcp", "/agents/support-bot/mcp"])
            if self.random.random() < 0.03
            else "/mcp"
        )
        return written(data, headers, method=method, target=target)

    def torn(self, seeds: list[Request]) -> bytes:
        """A request damaged anywhere, its framing too."""
        return self.data(written(*self.random.choice(seeds)))

    def answer(self, seen: Seen) -> bytes:
        """An answer of an upstream, damaged in its JSON or anywhere."""
        message = self.random.choice(_ANSWERS)(seen)
        if self.random.random() < 0.6:
            message = self.value(message)
        stream = self.random.random() < 0.3
        status = (
            200
            if self.random.random() < 0.85
            else self.random.choice([100, 202, 204, 301, 400, 401, 404, 429, 500, 503])
        )
        data = sse(message) if stream else reply(status, message)
        return self.data(data) if self.random.random() < 0.5 else data


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key or index) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def requests(session: str) -> list[Request]:
    """Good requests of both eras; `session` is one of alice's."""
    pay, echo = {"to": "payee", "cents": 5}, {"text": "hello"}
    return [
        call("desk_echo", echo),
        call("desk_pay", pay, Idempotency_Key="k1"),
        call(
            "desk_pay",
            pay,
            meta={jsonrpc.META_IDEMPOTENCY_KEY: "k2", "io.sallyport/deadline-ms": 2000, "io.sallyport/run": "r"},
        ),
        call("desk_region", {"region": "eu"}, Mcp_Param_Region="eu"),
        call("desk_denied", {"text": "yes"}),
        call("desk_denied", {"text": "no"}),
        call("desk_hidden", {}),
        modern("tools/list"),
        modern("server/discover"),
        legacy("initialize", hello()),
        legacy("tools/list", session=session),
        legacy("tools/call", {"name": "desk_pay", "arguments": pay}, session=session),
        legacy("tools/call", {"name": "desk_echo", "arguments": echo}, session=session),
        legacy("logging/setLevel", {"level": "info"}, session=session),
        legacy("notifications/cancelled", {"requestId": 1}, session=session),
    ]


_ANSWERS: list[Callable[[Seen], dict[str, Any]]] = [
    lambda seen: result(seen, {"content": [{"type": "text", "text": f"a {SECRET} b {UNSEEN}"}]}),
    lambda seen: result(seen, {"content": [{"type": "text", "text": '{"n": 1}'}], "structuredContent": {"n": 1, "note": f"{SECRET} {UNSEEN}"}}),
    lambda seen: result(seen, {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}], "isError": True, "_meta": {"own": UNSEEN}}),
    lambda seen: result(seen, {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": UNSEEN}}], "resultType": "complete"}),
    lambda seen: error(seen.id, -32000, f"no {SECRET} {UNSEEN}", why=[UNSEEN]),
]  # fmt: skip
