"""No bytes crash the listener: whatever is sent gets one answer below 500, and one account of itself."""

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from listener_kit import LINES, Exchange, FakeRoad, call, modern, plane

from gateway.wire import jsonrpc

NAMES = st.sampled_from(
    [
        "host", "origin", "authorization", "content-type", "content-length", "content-encoding", "mcp-protocol-version",
        "mcp-method", "mcp-name", "mcp-session-id", "mcp-param-region", "mcp-", "idempotency-key", "traceparent",
        "tracestate", "x-request-timeout", "x-other",
    ]
)  # fmt: skip
KNOWN = st.sampled_from(
    [
        "2026-07-28",
        "2025-11-25",
        "tools/call",
        "tools/list",
        "helpdesk_echo",
        "=?base64?Zm9v?=",
        "=?base64?%?=",
        "",
        "1",
    ]
)
VALUES = KNOWN.map(str.encode) | st.binary(max_size=40)
HEADERS = st.lists(st.tuples(NAMES.map(str.encode) | st.binary(max_size=12), VALUES), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | KNOWN
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
META = st.dictionaries(
    st.sampled_from(
        [jsonrpc.META_VERSION, jsonrpc.META_CAPABILITIES, jsonrpc.META_IDEMPOTENCY_KEY, "io.sallyport/deadline-ms",
         "io.sallyport/run", "traceparent", "tracestate", "idempotencyKey"]
    ),
    ANYTHING,
    max_size=5,
)  # fmt: skip
PARAMS = ANYTHING | st.fixed_dictionaries(
    {},
    optional={
        "name": ANYTHING, "arguments": ANYTHING, "cursor": ANYTHING, "_meta": META, "protocolVersion": ANYTHING,
        "clientInfo": ANYTHING, "capabilities": ANYTHING, "level": ANYTHING, "requestId": ANYTHING,
    },
)  # fmt: skip
METHODS = st.sampled_from(
    ["tools/call", "tools/list", "server/discover", "initialize", "ping", "logging/setLevel",
     "notifications/cancelled", "notifications/initialized", "x"]
)  # fmt: skip
MESSAGES = ANYTHING | st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={"id": ANYTHING, "method": METHODS | ANYTHING, "params": PARAMS, "result": ANYTHING, "error": ANYTHING},
)
NOISE = st.binary(max_size=60)


def answered(chunks: list[bytes], headers: list[tuple[bytes, bytes]], method: str = "POST", path: str = "/mcp") -> None:
    road = FakeRoad()
    exchange = Exchange(chunks)
    scope = {"type": "http", "method": method, "path": path, "scheme": "http", "client": None, "headers": headers}
    app = plane(road)

    async def run() -> None:
        async with asyncio.timeout(5):
            await app(scope, exchange.receive, exchange.send)
        assert len(asyncio.all_tasks()) <= 2

    asyncio.run(run())
    assert 200 <= exchange.status < 500, exchange.body
    assert exchange.done
    assert (len(road.opened), road.sealed) == (1, 1)
    if exchange.body:
        json.loads(exchange.body)


def raw(lines: Any) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in lines]


@settings(max_examples=120, deadline=None)
@given(
    HEADERS,
    st.lists(NOISE, min_size=1, max_size=3),
    st.sampled_from(["POST", "GET", "DELETE", "PUT"]),
    st.text(max_size=10) | st.just("/mcp"),
)
def test_no_noise_crashes_it(headers, chunks, method, path) -> None:
    if method == "GET" and any(name == b"mcp-session-id" for name, _ in headers):
        headers = [(name, value) for name, value in headers if name != b"mcp-session-id"]
    answered(chunks, headers, method, path)


@settings(max_examples=150, deadline=None)
@given(MESSAGES, HEADERS)
def test_no_message_crashes_it(message, headers) -> None:
    answered([json.dumps(message).encode()], [*raw(LINES), *headers])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([call(), modern("tools/list"), modern("server/discover")]), META, HEADERS, PARAMS)
def test_no_change_of_a_good_request_crashes_it(good, meta, headers, params) -> None:
    body, lines = good
    mixed = {**(params if isinstance(params, dict) else {}), **body["params"]}
    mixed["_meta"] = {**body["params"]["_meta"], **meta}
    answered([json.dumps({**body, "params": mixed}).encode()], [*raw(lines), *headers])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_torn_or_split_body_crashes_it(data) -> None:
    body, lines = call()
    whole = json.dumps(body).encode()
    cut = data.draw(st.integers(0, len(whole)))
    chunks = [whole[:cut], whole[cut:]] if data.draw(st.booleans()) else [whole[:cut]]
    answered(chunks, raw(lines))
