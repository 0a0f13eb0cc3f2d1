"""What a bad upstream does with a call, as rows: name → (what it does, what became of the call)."""

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from bad_peer import EVENTS, OK, HangUp, Script, Seen, error, hang_up, last, reply, resets, result, says, sse

SECRET = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
UNSEEN = "\u200b\u202e\U000e0041\x1b[31m"


class Fate(Enum):
    """What became of a call; each value: reason for a read, reason for a mutating call, outcomes of both, executed, sent again."""

    UNSENT = ("upstream-unavailable", "upstream-unavailable", "failed", "failed", "no", True)
    REFUSED = ("upstream-refused", "upstream-refused", "failed", "failed", "no", True)
    LOST = ("upstream-invalid", "outcome-unknown", "failed", "in-doubt", "unknown", False)
    LATE = ("upstream-timeout", "outcome-unknown", "failed", "in-doubt", "unknown", False)
    WITHHELD = ("result-withheld", "result-withheld", "withheld", "withheld", "yes", False)
    FAILED = (None, None, "answered-error", "answered-error", "yes", False)
    ANSWERED = (None, None, "answered", "answered", "yes", False)


Row = tuple[Script, Fate]


def resets_after_reading(_seen: Seen, sock: socket.socket) -> None:
    resets(sock)


def hangs(_seen: Seen, sock: socket.socket) -> None:
    sock.settimeout(2)
    with contextlib.suppress(TimeoutError):
        sock.recv(1)  # until the gateway has had enough
    raise HangUp


def then_hangs(make: Callable[[Seen], bytes]) -> Script:
    def script(seen: Seen, sock: socket.socket) -> None:
        sock.sendall(make(seen))
        hangs(seen, sock)

    return script


def drips(head: bytes, drop: bytes) -> Script:
    """An answer that is always about to end."""

    def script(_seen: Seen, sock: socket.socket) -> None:
        sock.sendall(head)
        for _ in range(200):
            sock.sendall(drop)
            time.sleep(0.01)
        raise HangUp

    return script


def answers(value: Any) -> Script:
    """A result."""
    return last(lambda seen: reply(200, result(seen, value)))


def fails(code: int, message: str = "theirs", status: int = 200, **data: Any) -> Script:
    """A JSON-RPC error."""
    return last(lambda seen: reply(status, error(seen.id, code, message, **data)))


def raw(text: str) -> Script:
    """A body, in which ID stands for the id that was asked."""
    return last(lambda seen: reply(200, text.replace("ID", json.dumps(seen.id)).encode()))


def status(code: int, body: bytes = b"<html>no</html>", **headers: str) -> Script:
    return last(lambda _: reply(code, body, kind="text/html", **headers))


def stream(*messages: Any, ends: bool = True) -> Script:
    """An event stream; a callable makes its message from what was asked."""

    def made(seen: Seen) -> bytes:
        return sse(*(message(seen) if callable(message) else message for message in messages))

    return last(made) if ends else then_hangs(made)


def as_long_as(size: int) -> Script:
    return last(lambda seen: reply(200, result(seen), content_length=str(size)))


CHUNKED = b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
ASKED_BACK = {"jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": {}}
PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
GIANT = b'{"jsonrpc":"2.0","id":1,"result":{"x":"' + b"x" * 20_000_000 + b'"}}'
BOMB = gzip.compress(b" " * 50_000_000)
JSON = '{"jsonrpc":"2.0","id":ID,"result":%s}'

TRANSPORT: dict[str, Row] = {
    "resets after reading": (resets_after_reading, Fate.LOST),
    "hangs up after reading": (hang_up, Fate.LOST),
    "hangs": (hangs, Fate.LATE),
    "hangs in its head": (then_hangs(lambda _: b"HTTP/1.1 200 X\r\ncontent-"), Fate.LATE),
    "hangs in its body": (then_hangs(lambda seen: reply(200, result(seen))[:-9]), Fate.LATE),
    "drips its body": (drips(reply(200, content_length="9999"), b"x"), Fate.LATE),
    "half a head": (last(lambda _: b"HTTP/1.1 200"), Fate.LOST),
    "half a body": (last(lambda seen: reply(200, result(seen))[:-9]), Fate.LOST),
    "less than announced": (as_long_as(3000), Fate.LOST),
    "more than announced": (as_long_as(9), Fate.LOST),
    "announces a giant": (as_long_as(99_999_999_999), Fate.LOST),
    "a negative length": (as_long_as(-5), Fate.LOST),
    "no HTTP": (last(lambda _: b"SSH-2.0-x\r\n\r\n"), Fate.LOST),
    "no chunks": (last(lambda _: CHUNKED + b"zz\r\n"), Fate.LOST),
    "half a chunk": (last(lambda _: CHUNKED + b"ff\r\n{"), Fate.LOST),
    "a header of 20 KB": (last(lambda seen: reply(200, result(seen), x="x" * 20_000)), Fate.LOST),
    "200 headers": (last(lambda seen: reply(200, result(seen), **{f"x{n}": "y" for n in range(200)})), Fate.LOST),
    "20 MB": (last(lambda _: reply(200, GIANT)), Fate.LOST),
    "20 MB in chunks": (last(lambda _: CHUNKED + b"%x\r\n" % len(GIANT) + GIANT + b"\r\n0\r\n\r\n"), Fate.LOST),
    "a bomb": (last(lambda _: reply(200, BOMB, content_encoding="gzip")), Fate.LOST),
    "a bomb that is not announced": (last(lambda _: reply(200, BOMB)), Fate.LOST),
    "an empty answer": (status(200, b""), Fate.LOST),
    "accepted, no answer": (status(202, b""), Fate.LOST),
    "elsewhere": (status(307, b"", location="/elsewhere"), Fate.LOST),
    **{f"HTTP {code}": (status(code), Fate.REFUSED) for code in (401, 403, 405, 413, 415)},
    "HTTP 429": (status(429), Fate.UNSENT),
    **{f"HTTP {code}": (status(code), Fate.LOST) for code in (400, 404, 500, 502, 503, 504)},
    **{f"HTTP {code} and JSON-RPC": (fails(-32603, status=code), Fate.FAILED) for code in (400, 500, 503)},
    **{f"HTTP {code} and JSON-RPC": (fails(-32603, status=code), Fate.REFUSED) for code in (401, 403, 404)},
    "HTTP 429 and JSON-RPC": (fails(-32603, status=429), Fate.UNSENT),
    "interim answers without end": (drips(b"", b"HTTP/1.1 100 X\r\n\r\n"), Fate.LATE),
    "another protocol": (status(101, b"", upgrade="x", connection="upgrade"), Fate.LOST),
    "an answer nobody asked for behind the answer": (says(lambda seen: reply(200, result(seen)) + reply(200, {"jsonrpc": "2.0", "id": seen.id + 1, "result": {"content": []}})), Fate.ANSWERED),
    "HTTP 500 and a result": (last(lambda seen: reply(500, result(seen))), Fate.ANSWERED),
}  # fmt: skip

ENVELOPE: dict[str, Row] = {
    "another id": (last(lambda _: reply(200, {"jsonrpc": "2.0", "id": 999_999, "result": OK})), Fate.LOST),
    "the id as text": (last(lambda seen: reply(200, {"jsonrpc": "2.0", "id": str(seen.id), "result": OK})), Fate.LOST),
    "the id as a fraction": (last(lambda seen: reply(200, {"jsonrpc": "2.0", "id": float(seen.id), "result": OK})), Fate.LOST),
    "no id": (raw('{"jsonrpc":"2.0","result":{"content":[]}}'), Fate.LOST),
    "no JSON-RPC": (raw('{"id":ID,"result":{"content":[]}}'), Fate.LOST),
    "a batch": (raw("[" + JSON % '{"content":[]}' + "]"), Fate.LOST),
    "a call": (raw('{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{}}'), Fate.LOST),
    "a result and an error": (raw('{"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":""}}'), Fate.LOST),
    "an error of no kind": (raw('{"jsonrpc":"2.0","id":ID,"error":"no"}'), Fate.LOST),
    "an error for nobody": (raw('{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":""}}'), Fate.LOST),
    "half a JSON": (raw('{"jsonrpc":"2.0","id":ID,"result":'), Fate.LOST),
    "NaN": (raw(JSON % '{"content":[],"x":NaN}'), Fate.LOST),
    "the same key twice": (raw(JSON % '{"content":[],"content":[]}'), Fate.LOST),
    "half a surrogate pair": (raw(JSON % '{"content":[],"x":"\\ud800"}'), Fate.LOST),
    "100 levels": (raw(JSON % ('{"x":' + "[" * 100 + "]" * 100 + "}")), Fate.LOST),
    "a million levels": (raw("[" * 1_000_000), Fate.LOST),
    "a number of 5,000 digits": (raw(JSON % ('{"content":[],"x":' + "9" * 5_000 + "}")), Fate.LOST),
    "no UTF-8": (last(lambda seen: reply(200, b'{"jsonrpc":"2.0","id":%d,"result":{"x":"\xff"}}' % seen.id)), Fate.LOST),
    "a list for a result": (answers([]), Fate.LOST),
    "null for a result": (answers(None), Fate.LOST),
    "an error before execution": (fails(-32601), Fate.REFUSED),
    "an error of its own": (fails(-32603), Fate.FAILED),
    "invalid params": (fails(-32602), Fate.FAILED),
    "a code beyond numbers": (fails(-(10**30)), Fate.FAILED),
    "noise for events": (stream(b"\xff\xfe{"), Fate.LOST),
    "no answer among the events": (stream(PROGRESS, ASKED_BACK), Fate.LOST),
    "an answer to another": (stream({"jsonrpc": "2.0", "id": 999_999, "result": OK}), Fate.LOST),
    "events without end": (drips(EVENTS, b": still here\n\n"), Fate.LATE),
    "a line without end": (drips(EVENTS + b"data: ", b"x"), Fate.LATE),
    "questions without end": (drips(EVENTS, b"data: " + json.dumps(ASKED_BACK).encode() + b"\n\n"), Fate.LATE),
    "an event of 20 MB": (stream(GIANT), Fate.LOST),
    "questions, then the answer": (stream(PROGRESS, ASKED_BACK, result), Fate.ANSWERED),
    "the answer twice": (stream(result, result, ends=False), Fate.ANSWERED),
}  # fmt: skip

RESULTS: dict[str, Row] = {
    "content that is no list": (answers({"content": {}}), Fate.WITHHELD),
    "content of no blocks": (answers({"content": ["x"]}), Fate.WITHHELD),
    "a block of no type": (answers({"content": [{"text": "x"}]}), Fate.WITHHELD),
    "a text without text": (answers({"content": [{"type": "text"}]}), Fate.WITHHELD),
    "a resource that is none": (answers({"content": [{"type": "resource", "resource": []}]}), Fate.WITHHELD),
    "too many values": (answers({"content": [], "x": [0] * 200_000}), Fate.WITHHELD),
    "no content": (answers({}), Fate.ANSWERED),
    "a failure it tells of": (answers({"content": [], "isError": True}), Fate.FAILED),
    "what its schema forbids": (answers({"content": [], "structuredContent": {"n": "no number"}}), Fate.ANSWERED),
    "a text of two million characters": (answers({"content": [{"type": "text", "text": "x" * 2_000_000}]}), Fate.ANSWERED),
    "a secret and hidden characters": (answers({"content": [{"type": "text", "text": f"{SECRET} {UNSEEN}"}]}), Fate.ANSWERED),
    "text in the place of bytes": (answers({"content": [{"type": "image", "data": f"{SECRET} {UNSEEN}", "mimeType": "image/png"}]}), Fate.ANSWERED),
    "an error with a secret": (fails(-32000, f"key {SECRET}{UNSEEN}", note=f"{SECRET} {UNSEEN}"), Fate.FAILED),
    "an error of 20,000 lines": (fails(-32000, "no\n" * 20_000), Fate.FAILED),
}  # fmt: skip
