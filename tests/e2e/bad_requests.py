"""What a bad agent sends, as rows: name → (raw request, HTTP status, reason). What is about sessions stands in their test."""

import json
from typing import Any

from bad_wire import LEGACY, MODERN, Headers, call, lines_of, modern, replaced, without, written

from gateway.model.refusal import Reason as R
from gateway.wire import jsonrpc

BODY, HEAD = call("desk_echo", {"text": "a"})
RAW = json.dumps(BODY).encode()
LIST, LIST_HEAD = modern("tools/list")
SMALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":%s}'

Row = tuple[bytes, int, R]


def chunked(*parts: bytes, headers: Headers = HEAD, end: bytes = b"0\r\n\r\n", **more: str) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end
    return written(body, [*headers, ("Transfer-Encoding", "chunked")], **more)


def params(value: bytes) -> bytes:
    return written(SMALL % value, LIST_HEAD)


def meta(value: Any) -> bytes:
    return written({**LIST, "params": {"_meta": value}}, LIST_HEAD)


VERSION, CAPABILITIES = jsonrpc.META_VERSION, jsonrpc.META_CAPABILITIES
OTHER = modern("tools/list", meta={VERSION: "2099-01-01"})[0]
KEY, DEADLINE, RUN = jsonrpc.META_IDEMPOTENCY_KEY, "io.sallyport/deadline-ms", "io.sallyport/run"

DOOR: dict[str, Row] = {
    "no Host": (written(BODY, without(HEAD, "host")), 421, R.BAD_HOST),
    "an empty Host": (written(BODY, replaced(HEAD, "Host", "")), 421, R.BAD_HOST),
    "a rebound Host": (written(BODY, replaced(HEAD, "Host", "evil.example:8080")), 421, R.BAD_HOST),
    "two Hosts": (written(BODY, [*HEAD, ("Host", "localhost")]), 421, R.BAD_HOST),
    "a Host with a user": (written(BODY, replaced(HEAD, "Host", "localhost@evil.example")), 421, R.BAD_HOST),
    "a Host with a path": (written(BODY, replaced(HEAD, "Host", "localhost/evil")), 421, R.BAD_HOST),
    "HTTP/0.9": (b"GET /mcp\r\n\r\n", 421, R.BAD_HOST),
    "a foreign Origin": (written(BODY, [*HEAD, ("Origin", "https://evil.example")]), 403, R.BAD_ORIGIN),
    "a null Origin": (written(BODY, [*HEAD, ("Origin", "null")]), 403, R.BAD_ORIGIN),
    "an empty Origin": (written(BODY, [*HEAD, ("Origin", "")]), 403, R.BAD_ORIGIN),
    "two Origins": (written(BODY, [*HEAD, *[("Origin", "http://localhost")] * 2]), 403, R.BAD_ORIGIN),
    "the root": (written(BODY, HEAD, target="/"), 404, R.NOT_FOUND),
    "a path of the operators": (written(BODY, HEAD, target="/audit"), 404, R.NOT_FOUND),
    "a slash more": (written(BODY, HEAD, target="/mcp/"), 404, R.NOT_FOUND),
    "two slashes": (written(BODY, HEAD, target="//mcp"), 404, R.NOT_FOUND),
    "a way up": (written(BODY, HEAD, target="/agents/../mcp"), 404, R.NOT_FOUND),
    "a NUL in the path": (written(BODY, HEAD, target="/mcp%00"), 404, R.NOT_FOUND),
    "no UTF-8 in the path": (written(BODY, HEAD, target="/mcp%ff"), 404, R.NOT_FOUND),
    "the asterisk": (written(b"", HEAD, method="OPTIONS", target="*"), 404, R.NOT_FOUND),
    "no issuer to tell of": (written(b"", HEAD, method="GET", target="/.well-known/oauth-protected-resource"), 404, R.NOT_FOUND),
    "GET": (written(b"", HEAD, method="GET"), 405, R.WRONG_METHOD),
    "DELETE": (written(b"", HEAD, method="DELETE"), 405, R.WRONG_METHOD),
    "PUT": (written(BODY, HEAD, method="PUT"), 405, R.WRONG_METHOD),
    "TRACE": (written(b"", HEAD, method="TRACE"), 405, R.WRONG_METHOD),
    "CONNECT": (written(b"", HEAD, method="CONNECT"), 405, R.WRONG_METHOD),
    "a websocket": (written(b"", [*HEAD, ("Connection", "Upgrade"), ("Upgrade", "websocket")], method="GET"), 405, R.WRONG_METHOD),
    "101 headers more": (written(BODY, [*HEAD, *[("X", "y")] * 101]), 413, R.TOO_LARGE),
    "a header of 100 KB": (written(BODY, [*HEAD, ("X", "y" * 100_000)]), 413, R.TOO_LARGE),
    "a credential of 100 KB": (written(BODY, replaced(HEAD, "Authorization", "Bearer " + "y" * 100_000)), 413, R.TOO_LARGE),
    "trailers that change the Host": (chunked(RAW, end=b"0\r\nHost: evil.example\r\n\r\n"), 421, R.BAD_HOST),
}  # fmt: skip

CALLER: dict[str, Row] = {
    "no credential": (written(BODY, without(HEAD, "authorization")), 401, R.UNAUTHENTICATED),
    "a name instead of a proof": (written(BODY, [*without(HEAD, "authorization"), ("X-User", "alice"), ("X-Agent", "support-bot")]), 401, R.UNAUTHENTICATED),
    "a key nobody has": (written(BODY, lines_of("nobody")), 401, R.UNAUTHENTICATED),
    "two credentials": (written(BODY, [*HEAD, HEAD[3]]), 401, R.UNAUTHENTICATED),
    "Basic": (written(BODY, replaced(HEAD, "Authorization", "Basic YQ==")), 401, R.UNAUTHENTICATED),
    "an empty Bearer": (written(BODY, replaced(HEAD, "Authorization", "Bearer ")), 401, R.UNAUTHENTICATED),
    "a torn token": (written(BODY, replaced(HEAD, "Authorization", "Bearer a.b.c")), 401, R.UNAUTHENTICATED),
    "noise for a credential": (written(BODY, replaced(HEAD, "Authorization", b"Bearer \xff\xfe\x80")), 401, R.UNAUTHENTICATED),
    "the URL of another agent": (written(BODY, HEAD, target="/agents/ops-bot/mcp"), 403, R.AGENT_MISMATCH),
    "the URL of no agent": (written(BODY, HEAD, target="/agents/nobody/mcp"), 403, R.AGENT_MISMATCH),
}  # fmt: skip

BODIES: dict[str, Row] = {
    "no content type": (written(BODY, without(HEAD, "content-type")), 415, R.WRONG_TYPE),
    "a page's form": (written(BODY, replaced(HEAD, "Content-Type", "text/plain")), 415, R.WRONG_TYPE),
    "two types": (written(BODY, [("Content-Type", "text/plain"), *HEAD]), 415, R.WRONG_TYPE),
    "compressed": (written(BODY, [*HEAD, ("Content-Encoding", "gzip")]), 415, R.WRONG_TYPE),
    "compressed, or not": (written(BODY, [*HEAD, ("Content-Encoding", "gzip"), ("Content-Encoding", "identity")]), 415, R.WRONG_TYPE),
    "an announced giant": (written(b"", [*HEAD, ("Content-Length", "99999999")]), 413, R.TOO_LARGE),
    "a giant": (written(b" " * (4 * 1024 * 1024 + 1), HEAD), 413, R.TOO_LARGE),
    "a giant in chunks": (chunked(*[b" " * 65_536] * 65), 413, R.TOO_LARGE),
    "less than announced": (written(RAW, [*HEAD, ("Content-Length", str(len(RAW) + 1))]), 408, R.TOO_SLOW),
    "chunks that never end": (chunked(RAW, end=b""), 408, R.TOO_SLOW),
    "nothing": (written(b"", HEAD), 400, R.MALFORMED),
    "no JSON": (written(b"hello", HEAD), 400, R.MALFORMED),
    "half a JSON": (written(RAW[:-1], HEAD), 400, R.MALFORMED),
    "two JSONs": (written(RAW + RAW, HEAD), 400, R.MALFORMED),
    "no UTF-8": (written(b'{"a":"\xff"}', HEAD), 400, R.MALFORMED),
    "UTF-16": (written(json.dumps(BODY).encode("utf-16"), HEAD), 400, R.MALFORMED),
    "a byte order mark": (written(b"\xef\xbb\xbf" + RAW, HEAD), 400, R.MALFORMED),
    "the same key twice": (written(RAW[:-1] + b',"method":"tools/list"}', HEAD), 400, R.MALFORMED),
    "the same key twice, escaped": (written(RAW[:-1] + b',"meth\\u006fd":"tools/list"}', HEAD), 400, R.MALFORMED),
    "NaN": (params(b'{"a":NaN}'), 400, R.MALFORMED),
    "Infinity": (params(b'{"a":-Infinity}'), 400, R.MALFORMED),
    "a number out of range": (params(b'{"a":1e999}'), 400, R.MALFORMED),
    "a number of 5,000 digits": (params(b'{"a":%s}' % (b"9" * 5_000)), 400, R.MALFORMED),
    "half a surrogate pair": (params(b'{"a":"\\ud800"}'), 400, R.MALFORMED),
    "a raw control character": (params(b'{"a":"\x00"}'), 400, R.MALFORMED),
    "70 levels": (params(b'{"a":' + b"[" * 70 + b"]" * 70 + b"}"), 400, R.MALFORMED),
    "a million levels": (params(b'{"a":' + b"[" * 1_000_000 + b"}"), 400, R.MALFORMED),
    "gzip in truth": (chunked(b"\x1f\x8b\x08\x00\x00"), 400, R.MALFORMED),
    "more than announced": (written(RAW, [*HEAD, ("Content-Length", str(len(RAW) - 1))]), 400, R.MALFORMED),
    "a body lost to an upgrade": (written(BODY, [*HEAD, ("Connection", "Upgrade"), ("Upgrade", "h2c")]), 400, R.MALFORMED),
    "chunks in HTTP/1.0": (chunked(b"hello", version="HTTP/1.0"), 400, R.MALFORMED),
}  # fmt: skip

MESSAGES: dict[str, Row] = {
    "a batch": (written([BODY, BODY], HEAD), 400, R.INVALID_REQUEST),
    "an empty batch": (written([], HEAD), 400, R.INVALID_REQUEST),
    "a text": (written(b'"x"', HEAD), 400, R.INVALID_REQUEST),
    "null": (written(b"null", HEAD), 400, R.INVALID_REQUEST),
    "no JSON-RPC": (written({"id": 1, "method": "tools/list"}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "JSON-RPC 1.0": (written({**LIST, "jsonrpc": "1.0"}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "a null id": (written({**LIST, "id": None}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "a fraction for an id": (written({**LIST, "id": 1.5}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "true for an id": (written({**LIST, "id": True}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "a number for a method": (written({**LIST, "method": 1}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "a call and a response": (written({**LIST, "result": {}}, LIST_HEAD), 400, R.INVALID_REQUEST),
    "a posted response": (written(jsonrpc.result(1, {}), lines_of(MCP_Protocol_Version=MODERN)), 400, R.INVALID_REQUEST),
    "a list for params": (written({**LIST, "params": []}, LIST_HEAD), 400, R.INVALID_PARAMS),
    "null for params": (written({**LIST, "params": None}, LIST_HEAD), 400, R.INVALID_PARAMS),
    "no envelope": (meta({}), 400, R.INVALID_PARAMS),
    "half an envelope": (meta({VERSION: MODERN}), 400, R.INVALID_PARAMS),
    "an envelope of no kind": (meta([]), 400, R.INVALID_PARAMS),
    "a version of no kind": (meta({VERSION: 1, CAPABILITIES: {}}), 400, R.INVALID_PARAMS),
    "capabilities of no kind": (meta({VERSION: MODERN, CAPABILITIES: 1}), 400, R.INVALID_PARAMS),
    "a version nobody speaks": (written(OTHER, replaced(LIST_HEAD, "MCP-Protocol-Version", "2099-01-01")), 400, R.UNSUPPORTED_VERSION),
    "a legacy version without a session": (written(modern("tools/list", meta={VERSION: LEGACY})[0], replaced(LIST_HEAD, "MCP-Protocol-Version", LEGACY)), 400, R.UNSUPPORTED_VERSION),
    "no version header": (written(BODY, without(HEAD, "mcp-protocol-version")), 400, R.HEADER_MISMATCH),
    "another version in the header": (written(BODY, replaced(HEAD, "MCP-Protocol-Version", LEGACY)), 400, R.HEADER_MISMATCH),
    "no method header": (written(BODY, without(HEAD, "mcp-method")), 400, R.HEADER_MISMATCH),
    "another method in the header": (written(BODY, replaced(HEAD, "Mcp-Method", "tools/list")), 400, R.HEADER_MISMATCH),
    "a method header twice": (written(BODY, [*HEAD, ("mcp-method", "tools/call")]), 400, R.HEADER_MISMATCH),
    "no name header": (written(BODY, without(HEAD, "mcp-name")), 400, R.HEADER_MISMATCH),
    "another name in the header": (written(BODY, replaced(HEAD, "Mcp-Name", "desk_pay")), 400, R.HEADER_MISMATCH),
    "a torn name in the header": (written(BODY, replaced(HEAD, "Mcp-Name", "=?base64?!?=")), 400, R.HEADER_MISMATCH),
    "a name of noise in the header": (written(BODY, replaced(HEAD, "Mcp-Name", b"desk_echo\xff")), 400, R.HEADER_MISMATCH),
    "no param header": (written(*call("desk_region", {"region": "eu"})), 400, R.HEADER_MISMATCH),
    "another param in the header": (written(*call("desk_region", {"region": "eu"}, Mcp_Param_Region="us")), 400, R.HEADER_MISMATCH),
    "a param header for nothing": (written(*call("desk_region", {}, Mcp_Param_Region="us")), 400, R.HEADER_MISMATCH),
    "an unknown method": (written(*modern("tools/destroy")), 404, R.UNKNOWN_METHOD),
    "a removed method": (written(*modern("ping")), 404, R.UNKNOWN_METHOD),
    "a foreign cursor": (written(*modern("tools/list", {"cursor": "7"})), 400, R.INVALID_PARAMS),
}  # fmt: skip

CALLS: dict[str, Row] = {
    "a hidden tool": (written(*call("desk_hidden", {})), 400, R.UNKNOWN_TOOL),
    "no such tool": (written(*call("desk_hiddem", {})), 400, R.UNKNOWN_TOOL),
    "the canonical id": (written(*call("desk/echo", {})), 400, R.UNKNOWN_TOOL),
    "another spelling": (written(*call("DESK_ECHO", {})), 400, R.UNKNOWN_TOOL),
    "a tool of another agent": (written(*call("steady_echo", {})), 400, R.UNKNOWN_TOOL),
    "no name": (written(*modern("tools/call", {"arguments": {}})), 400, R.INVALID_PARAMS),
    "an empty name": (written(*call("", {})), 400, R.INVALID_PARAMS),
    "a name of 257 characters": (written(*call("x" * 257, {})), 400, R.INVALID_PARAMS),
    "a list of arguments": (written(*call("desk_echo", [])), 400, R.INVALID_PARAMS),
    "null for arguments": (written(*call("desk_echo", None)), 400, R.INVALID_PARAMS),
    "two key headers": (written(BODY, [*HEAD, *[("Idempotency-Key", "a")] * 2]), 400, R.INVALID_PARAMS),
    "conflicting keys": (written(*call("desk_pay", {"to": "x", "cents": 1}, meta={KEY: "b"}, Idempotency_Key="a")), 400, R.INVALID_PARAMS),
    "a key with a space": (written(*call("desk_pay", {"to": "x", "cents": 1}, meta={KEY: "a b"})), 400, R.INVALID_PARAMS),
    "a key of no kind": (written(*call("desk_pay", {"to": "x", "cents": 1}, meta={KEY: 7})), 400, R.INVALID_PARAMS),
    "an unclosed key": (written(*call("desk_pay", {"to": "x", "cents": 1}, Idempotency_Key='"a')), 400, R.INVALID_PARAMS),
    "a deadline of no kind": (written(*call("desk_echo", {}, meta={DEADLINE: "soon"})), 400, R.INVALID_PARAMS),
    "a deadline in the past": (written(*call("desk_echo", {}, meta={DEADLINE: -1})), 400, R.INVALID_PARAMS),
    "a run without end": (written(*call("desk_echo", {}, meta={RUN: "r" * 257})), 400, R.INVALID_PARAMS),
    "an argument too few": (written(*call("desk_pay", {"to": "x"})), 200, R.INVALID_ARGUMENTS),
    "an argument too many": (written(*call("desk_pay", {"to": "x", "cents": 1, "force": True})), 200, R.INVALID_ARGUMENTS),
    "an argument of another type": (written(*call("desk_pay", {"to": "x", "cents": "1"})), 200, R.INVALID_ARGUMENTS),
    "an argument out of range": (written(*call("desk_pay", {"to": "x", "cents": -(10**300)})), 200, R.INVALID_ARGUMENTS),
    "an occurrence of no kind": (written(*call("desk_pay", {"to": "x", "cents": 1, "x_occurrence": True})), 200, R.INVALID_ARGUMENTS),
    "an occurrence without end": (written(*call("desk_pay", {"to": "x", "cents": 1, "x_occurrence": 101})), 200, R.INVALID_ARGUMENTS),
    "an occurrence of a read": (written(*call("desk_echo", {"x_occurrence": 2})), 200, R.INVALID_ARGUMENTS),
    "what policy denies": (written(*call("desk_denied", {"text": "no"})), 200, R.POLICY_DENIED),
    "what policy cannot judge": (written(*call("desk_denied", {})), 200, R.POLICY_DENIED),
}  # fmt: skip
