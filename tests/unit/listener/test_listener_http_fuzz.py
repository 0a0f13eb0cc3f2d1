"""No bytes crash the HTTP plane: whatever is sent gets one answer below 500 in the words of the plane, and one account."""

import asyncio
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from listener_http_kit import HTTP_LINES, OPERATIONS, HttpRoad, http_plane, http_scope
from listener_kit import Exchange

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"])
PIECES = st.sampled_from(
    [b"/", b"http", b"agents", b"helpdesk", b"tickets", b"7", b"mcp", b"..", b".", b"%2e", b"%2F", b"%00", b"%", b"?", b"a=1",
     b"&", b"#", b";", b"\\", b"\xff", b"@", b":"]
)  # fmt: skip
SOUND = st.sampled_from(
    [f"/http/{upstream}{path}".encode() for upstream, _, path in OPERATIONS if path != "/broken"]
    + [b"/agents/a/http/helpdesk/tickets/7"]
)
TAILS = st.lists(PIECES | st.binary(max_size=4), max_size=8).map(b"".join)
TARGETS = TAILS | st.tuples(SOUND, TAILS).map(b"".join) | TAILS.map(lambda tail: b"/http/helpdesk/" + tail)
NAMES = st.sampled_from(
    [b"host", b"origin", b"authorization", b"content-type", b"content-length", b"content-encoding", b"transfer-encoding",
     b"idempotency-key", b"x-request-timeout", b"traceparent", b"tracestate", b"cookie", b"expect", b"upgrade",
     b"sallyport-user", b"mcp-method"]
)  # fmt: skip
VALUES = st.sampled_from([b"application/json", b"gzip", b"chunked", b'"k"', b'"', b"1", b"0", b"", b"websocket"])
HEADERS = st.lists(
    st.tuples(NAMES | st.binary(min_size=1, max_size=8).map(bytes.lower), VALUES | st.binary(max_size=20)), max_size=5
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
BODIES = st.lists(JSON | st.binary(max_size=30), max_size=3)


@settings(max_examples=200, deadline=None)
@given(METHODS, TARGETS, HEADERS, BODIES, st.booleans())
@example("POST", b"/http/helpdesk/tickets", [(b"content-type", b"application/json")], [b"{}"], True)
@example("GET", b"/http/helpdesk/tickets/7?" + b"\xff" * 9, [], [], True)
def test_no_noise_crashes_it(method, target, headers, chunks, proven) -> None:
    road = HttpRoad()
    exchange = Exchange(list(chunks) or [b""])
    scope = http_scope(method, target, HTTP_LINES if proven else HTTP_LINES[:1])
    scope["headers"] += headers
    app = http_plane(road)

    async def run() -> None:
        async with asyncio.timeout(5):
            await app(scope, exchange.receive, exchange.send)
        assert len(asyncio.all_tasks()) <= 2

    asyncio.run(run())
    assert 200 <= exchange.status < 500, exchange.body
    assert exchange.done
    assert (len(road.opened), road.sealed) == (1, 1)
    if exchange.status >= 400 and method != "HEAD":
        assert exchange.json["call_id"] == "call-1"
