"""What an upstream may answer, by seed: good messages of both eras, and every way to spoil one on its way to the gateway.

`Teller.answer` gives steps: bytes to be written, or a pause, or how the connection ends. Shares no code with the gateway.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any, Literal

from fuzz_dice import Dice
from fuzz_results import UNSEEN, plain, refused, result_of

Step = bytes | float | Literal["close", "reset"]
ASKS: list[tuple[str, Any]] = [
    ("elicitation/create", {"message": "Really?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}),
    ("sampling/createMessage", {"messages": [], "maxTokens": 5}),
    ("roots/list", {}),
    ("ping", {}),
    ("tools/call", {"name": "pay", "arguments": {}}),
    ("", []),
]  # fmt: skip
BOMB = gzip.compress(b" " * 30_000_000)
STATUSES = [
    100,
    101,
    200,
    201,
    202,
    204,
    206,
    301,
    302,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    406,
    409,
    413,
    415,
    418,
    429,
    499,
    500,
    502,
    503,
    504,
    599,
]
TYPES = [
    "text/event-stream",
    "application/json",
    "text/html",
    "",
    "application/json; charset=utf-16",
    "TEXT/EVENT-STREAM",
    "multipart/x; boundary=",
    "x" * 3_000,
]


class Teller:
    """Answers one request."""

    def __init__(self, dice: Dice, era: str, session: str | None, trap: int) -> None:
        """`trap` is a port nobody may be led to."""
        self.dice, self.era, self.session, self.trap = dice, era, session, f"http://127.0.0.1:{trap}/"

    def good(self, message: Any) -> bytes:
        if "id" not in message or "method" not in message:
            return plain(202, b"", "application/json")
        if (no := refused(message, self.era)) is not None:
            return no
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result_of(message, self.dice, self.era)})
        return plain(200, body.encode(), "application/json", *self._session(message))

    def answer(self, message: Any) -> Iterator[Step]:
        """Anything but a good answer, mostly."""
        dice = self.dice
        spoilt = self._message(message)
        match dice.randrange(10):
            case 0 | 1 | 2:
                body = (
                    dice.odd(spoilt)
                    if dice.often(0.3)
                    else json.dumps(spoilt, ensure_ascii=dice.often(0.5)).encode("utf-8", "surrogatepass")
                )
                status = 200 if dice.often(0.7) else dice.choice(STATUSES)
                yield plain(
                    status,
                    body,
                    "application/json" if dice.often(0.8) else dice.choice(TYPES),
                    *self._session(message),
                    *self._lines(),
                )
            case 3 | 4 | 5 | 6:
                yield from self._stream(message, spoilt)
            case 7:
                yield plain(
                    dice.choice(STATUSES),
                    dice.choice([b"", b"<html>no</html>", b"null", b"[]", b"{}"]),
                    dice.choice(TYPES),
                    *self._lines(),
                )
            case 8:
                yield from self._misframed(json.dumps(spoilt).encode())
            case _:
                yield from self._torn(
                    plain(200, json.dumps(spoilt).encode(), "application/json", *self._session(message))
                )

    def _message(self, message: Any) -> Any:
        """One JSON-RPC message in answer, good or not."""
        dice = self.dice
        good = {"jsonrpc": "2.0", "id": message.get("id"), "result": result_of(message, dice, self.era)}
        match dice.randrange(14):
            case 0 | 1 | 10 | 11 | 12:
                return good
            case 2:
                return {**good, "id": dice.choice([None, 0, -1, 10**9, str(good["id"]), [], 1.5, "server-error"])}
            case 3:
                error = {
                    "code": dice.choice([-32601, -32602, -32603, -32020, -32021, -32022, -32042, -32002, 0, 10**30]),
                    "message": f"no {UNSEEN}",
                    "data": dice.value(),
                }
                return {"jsonrpc": "2.0", "id": message.get("id"), "error": error if dice.often(0.8) else dice.word()}
            case 4 | 5:
                return {**good, "result": self._wants()}
            case 6:
                return dice.value()
            case 7:
                return {**good, "result": dice.value()}
            case _:
                return dice.bent(good)

    def _wants(self) -> Any:
        """An input-required result of any shape."""
        dice = self.dice
        asks = {
            f"k{n}": {"method": method, "params": params}
            for n, (method, params) in enumerate(dice.sample(ASKS, dice.randrange(4)))
        }
        wants = {
            "resultType": "input_required",
            "inputRequests": asks,
            "requestState": dice.choice(["s", "", "x" * 100_000, UNSEEN]),
        }
        return wants if dice.often(0.5) else dice.bent(wants)

    def _session(self, message: Any) -> list[str]:
        if message.get("method") != "initialize" or self.session is None:
            return []
        odd = ["", "é", "a b", "x" * 20_000, "a\tb", "s,s"]
        return [f"mcp-session-id: {self.session if self.dice.often(0.8) else self.dice.choice(odd)}"]

    def _lines(self) -> list[str]:
        odd = [
            "location: /elsewhere",
            f"location: {self.trap}",
            "content-encoding: gzip",
            "retry-after: 99999999999999",
            "retry-after: -1",
            "mcp-session-id: \x01",
            "set-cookie: a=b",
            "x: " + "y" * 20_000,
            "www-authenticate: Bearer",
            "connection: close",
            "content-type: text/plain",
        ]
        return [self.dice.choice(odd)] if self.dice.often(0.4) else []

    def _stream(self, message: Any, last: Any) -> Iterator[Step]:
        dice = self.dice
        yield (
            b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n"
            + dice.choice([b"", b"connection: close\r\n"])
            + b"\r\n"
        )
        for _ in range(dice.choice([0, 1, 2, 3, 400])):
            yield self._event(self._aside(message))
        if dice.often(0.1):
            yield dice.choice([0.01, 0.6])
        if dice.often(0.85):
            yield self._event(last)
        if dice.often(0.2):
            yield self._event(last)
        yield dice.choice(["close", "close", "reset", 0.5])
        yield "close"

    def _aside(self, message: Any) -> Any:
        """A word beside the answer: progress, a log line, a question, or nothing that is known."""
        dice = self.dice
        meta = message.get("params", {}).get("_meta", {}) if isinstance(message.get("params"), dict) else {}
        token = meta.get("progressToken", "t")
        method, params = dice.choice(ASKS)
        said = dice.choice(
            [
                {
                    "jsonrpc": "2.0",
                    "method": "notifications/progress",
                    "params": {
                        "progressToken": token,
                        "progress": dice.choice([1, 1e308, "1", None]),
                        "message": UNSEEN,
                    },
                },
                {
                    "jsonrpc": "2.0",
                    "method": "notifications/message",
                    "params": {"level": "error", "data": {"x": UNSEEN}},
                },
                {"jsonrpc": "2.0", "method": f"notifications/{dice.choice(['tools', 'prompts', 'x'])}/list_changed"},
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": message.get("id")}},
                {
                    "jsonrpc": "2.0",
                    "id": dice.choice([1, "q", message.get("id"), -1]),
                    "method": method,
                    "params": params,
                },
            ]
        )
        return dice.bent(said) if dice.often(0.2) else said

    def _event(self, message: Any) -> bytes:
        dice = self.dice
        data = dice.odd(message) if dice.often(0.05) else json.dumps(message).encode("utf-8", "surrogatepass")
        if dice.often(0.03):
            data = b"x" * dice.choice([1_000, 300_000])
        if dice.often(0.05):
            lines, data = (
                [b"event: endpoint"],
                dice.choice([self.trap.encode(), b"/elsewhere?x", b"//x", b"file:///etc/passwd"]),
            )
            return b"\n".join([*lines, b"data: " + data, b"", b""])
        end = dice.choice([b"\n"] * 8 + [b"\r\n", b"\r"])
        lines = (
            [
                dice.choice(
                    [
                        b"id: 7",
                        b"id: a\0b",
                        b"retry: 0",
                        b"retry: x",
                        b"event: message",
                        b"event: endpoint",
                        b": hi",
                        b"\xff",
                    ]
                )
            ]
            if dice.often(0.3)
            else []
        )
        return end.join([*lines, b"data: " + data, b"", b""])

    def _misframed(self, body: bytes) -> Iterator[Step]:
        head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\n"
        odd = [
            head.encode() + b"content-length: 99999\r\n\r\n" + body,
            head.encode() + b"content-length: 3\r\n\r\n" + body,
            head.encode() + b"content-length: -5\r\n\r\n" + body,
            head.encode() + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + body,
            head.encode() + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + body,
            head.encode() + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % (len(body) + 9) + body,
            head.encode() + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
            head.encode() + b"\r\n" + body,
            head.encode() + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB) + BOMB,
            head.encode() + b"content-length: %d\r\n\r\n" % len(BOMB) + BOMB,
            b"HTTP/1.1 100 X\r\n\r\n" * 50 + plain(200, body, "application/json"),
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 200",
            head.encode() + b"x: y\r\n" * 300 + b"\r\n" + body,
            plain(200, body, "application/json") + plain(200, body, "application/json"),
        ]
        yield self.dice.choice(odd)
        yield self.dice.choice(["close", "reset"])

    def _torn(self, data: bytes) -> Iterator[Step]:
        yield self.dice.torn(data)
        if self.dice.often(0.1):
            yield 0.6
        yield "close"
