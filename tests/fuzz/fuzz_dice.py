"""Chance by seed: JSON values nobody expects, and changes of good values, bytes and headers. Same seed, same things.

Knows nothing of MCP but a handful of words that stand in its messages, so that changes hit what is looked at.
"""

import copy
import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

Lines = list[tuple[str, bytes]]

WORDS: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, 1e308, 10**30, -(2**63), 2**53 + 1, "", "no", "a", "x" * 300, "\u202e\u200b", "\x00", "\U000e0041",
    "__proto__", "../..", "null", "1", [], {}, [[]], {"a": {}}, [1, "a"], {"to": "x", "cents": 1}, {"text": "no"}, "desk_pay",
    "desk_hidden", "desk_denied", "desk/pay", "note://b", "vault://x", "=?base64?ZGVza19wYXk=?=", "2026-07-28", "2025-11-25", "DRAFT",
    "tools/call", "initialize", "elicitation/create", "input_required", "complete", {"action": "accept", "content": {}},
]  # fmt: skip
NAMES = [
    "jsonrpc", "id", "method", "params", "name", "arguments", "_meta", "result", "error", "code", "message", "data", "cursor", "uri",
    "content", "isError", "text", "to", "cents", "x_occurrence", "x_reason", "idempotencyKey", "requestState", "inputResponses", "ref",
    "argument", "capabilities", "protocolVersion", "progressToken", "notifications", "resultType", "ttlMs", "traceparent", "task", "",
    "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities", "io.modelcontextprotocol/logLevel",
    "io.sallyport/idempotency-key", "io.sallyport/deadline-ms", "io.sallyport/run", "io.sallyport/outcome", "io.sallyport/attempt",
]  # fmt: skip
HEADERS = [
    "host", "origin", "authorization", "content-type", "content-encoding", "accept", "mcp-protocol-version", "mcp-method", "mcp-name",
    "mcp-session-id", "mcp-param-region", "mcp-param-x", "mcp-", "last-event-id", "idempotency-key", "x-request-timeout", "traceparent",
    "tracestate", "sallyport-user", "x-other", "cookie",
]  # fmt: skip
VALUES = [
    b"", b"a", b"localhost", b"http://localhost", b"null", b"application/json", b"text/event-stream", b"*/*", b"identity", b"gzip",
    b"2026-07-28", b"2025-11-25", b"2024-11-05", b"2099-01-01", b"tools/call", b"tools/list", b"desk_pay", b"desk_echo", b"desk_hidden",
    b"=?base64?ZGVza19wYXk=?=", b"=?base64?ZGVza19wYXk?=", b"=?base64?%%?=", b"=?BASE64?ZQ==?=", b"Bearer x", b"Basic eDp4", b"0.001",
    b"\xff\xfe", b"k" * 300, b'"k"', b'"', b"eu", b"0", b"-1", b"7_3", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01", b"\t ",
]  # fmt: skip
BYTES = [
    b"\0", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\r\n", b"\n", b"\n\n", b"\\u0000", b"\\ud800", b"NaN", b"1e999",
    b"null", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"data: ", b"event: ", b"id: ", b"\xc0\x80",
]  # fmt: skip


ONLY = os.environ.get("FUZZ_SEEDS")
"""One seed that is to be run again, alone."""


def seeds(first: int, count: int) -> Sequence[int]:
    """Seeds of a run."""
    return range(first, first + count) if ONLY is None else [int(ONLY)]


def again(kind: str, seed: int, fault: object) -> str:
    """How to see one fault again, and what it is."""
    return f"FUZZ_SEEDS={seed} python -m pytest tests/fuzz/test_fuzz_{kind}.py   # {fault!r}"


class Dice(Random):
    """A seeded source of everything."""

    def often(self, share: float) -> bool:
        return self.random() < share

    def word(self) -> Any:
        return copy.deepcopy(self.choice(WORDS))

    def text(self) -> str:
        return self.choice(["a", "b", "hello", "", "\u202e", "é" * 9, "x" * 50, "no", f"t{self.randrange(10**6)}"])

    def value(self, depth: int = 3) -> Any:
        """Any JSON."""
        match self.randrange(6 if depth else 3):
            case 3 | 4:
                return {self.choice(NAMES): self.value(depth - 1) for _ in range(self.randrange(4))}
            case 5:
                return [self.value(depth - 1) for _ in range(self.randrange(4))]
            case _:
                return self.word()

    def bent(self, value: Any, most: int = 3) -> Any:
        """A copy with one to `most` members or items replaced, removed, renamed, added or wrapped."""
        whole = [copy.deepcopy(value)]
        for _ in range(self.randint(1, most)):
            holder, key = self.choice(_places(whole))
            match self.randrange(7):
                case 0 | 1:
                    holder[key] = self.word()
                case 2 if isinstance(holder, dict):
                    holder[self.choice(NAMES)] = holder.pop(key)
                case 3 if isinstance(holder, dict):
                    del holder[key]
                case 4:
                    holder[key] = [holder[key]] if self.often(0.5) else {self.choice(NAMES): holder[key]}
                case 5:
                    holder[key] = self.value()
                case _ if isinstance(holder[key], dict):
                    holder[key][self.choice(NAMES)] = self.word()
                case _:
                    pass
        return whole[0]

    def torn(self, data: bytes, most: int = 3) -> bytes:
        """Bytes or slices flipped, put in, cut out, doubled or cut off."""
        for _ in range(self.randint(1, most)):
            at = self.randrange(len(data) + 1)
            to = min(len(data), at + self.randint(1, 12))
            match self.randrange(6):
                case 0:
                    data = data[:at] + bytes([self.randrange(256)]) + data[at + 1 :]
                case 1:
                    data = data[:at] + self.choice(BYTES) + data[at:]
                case 2:
                    data = data[:at] + data[to:]
                case 3:
                    data = data[:to] + data[at:to] + data[to:]
                case 4:
                    data = data[:at] + self.choice(BYTES) + data[to:]
                case _ if self.often(0.3):
                    data = data[:at]
        return data

    def odd(self, value: Any) -> bytes:
        """JSON text that two parsers could read differently, or that costs more to read than it weighs."""
        text = json.dumps(value)
        inner = text.rfind("}")
        match self.randrange(14):
            case 0:
                return text.replace("{", '{"method": "tools/call", ', 1).encode()
            case 1 if inner > 0:
                return f'{text[:inner]}, "{self.choice(NAMES)}": {self.choice(["NaN", "Infinity", "-Infinity", "1e999"])}}}'.encode()
            case 2 if inner > 0:
                return f'{text[:inner]}, "n": {"9" * self.choice([30, 400, 5_000])}}}'.encode()
            case 3:
                return text.replace('"a"', '"\\ud800"').replace('"name": "', '"name": "\\udfff', 1).encode()
            case 4:
                return text.encode().replace(b'"name"', b'"na\xffme"', 1)
            case 5:
                return self.choice([b"\xef\xbb\xbf", b"  \n", b"\xff\xfe"]) + text.encode()
            case 6:
                return text.encode() + self.choice([b"{}", b"\0", b",", b" \n\t ", b"//x", text.encode()])
            case 7:
                depth = self.choice([40, 70, 2_000, 50_000])
                return text.encode()[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"
            case 8:
                return text.encode(self.choice(["utf-16", "utf-32", "utf-16-le"]))
            case 9:
                return json.dumps([value] * self.choice([1, 2, 50])).encode()
            case 10:
                return text.replace('"', "'").encode()
            case 11:
                return text.encode()[: self.randrange(len(text) + 1)]
            case 12:
                return text.replace('"id": ', '"id": 7, "id": ', 1).encode()
            case _:
                return self.torn(text.encode())

    def lines(self, lines: Lines) -> Lines:
        """One to three headers removed, doubled, replaced, renamed or added."""
        found = list(lines)
        for _ in range(self.randint(1, 3)):
            at = self.randrange(len(found)) if found else 0
            match self.randrange(6):
                case 0 if found:
                    del found[at]
                case 1 if found:
                    found.append(found[at])
                case 2 if found:
                    found[at] = (found[at][0], self.choice(VALUES))
                case 3 if found:
                    found[at] = (found[at][0], self.torn(found[at][1], 1).translate(None, b"\r\n\0"))
                case _:
                    found.insert(at, (self.choice(HEADERS), self.choice(VALUES)))
        return found


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
