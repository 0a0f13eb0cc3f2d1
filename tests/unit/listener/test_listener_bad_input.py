"""Bad input as one truth table: status, code, shape, and that exactly one refusal was sealed."""

import json
from typing import Any

import pytest
from listener_kit import LINES, Exchange, FakeRoad, call, initialize, modern, plane, scope, send

from gateway.listener.limits import Limits
from gateway.model.refusal import Reason, Shape
from gateway.wire import jsonrpc

SMALL = Limits(body_bytes=2_000, body_s=0.02, header_bytes=4_000)


def without(lines: Any, *names: str) -> Any:
    return [line for line in lines if line[0] not in names]


def replaced(lines: Any, name: str, value: str) -> Any:
    return [*without(lines, name), (name, value)]


BODY, AGREEING = call()
RAW = json.dumps(BODY).encode()
DEEP = b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"[" * 70 + b"]" * 70 + b"}}"
OTHER_VERSION = modern("tools/list", meta={jsonrpc.META_VERSION: "2099-01-01"})[0]
NO_CAPABILITIES = jsonrpc.request(1, "tools/list", {"_meta": {jsonrpc.META_VERSION: jsonrpc.MODERN}})
REGION = modern("tools/call", {"name": "helpdesk_echo", "arguments": {"region": "eu"}})

TABLE: list[tuple[str, Any, Any, str, str, int, Reason]] = [
    # what, body, headers, HTTP method, path, status, reason
    ("no Host", BODY, without(AGREEING, "host"), "POST", "/mcp", 421, Reason.BAD_HOST),
    ("a rebound Host", BODY, replaced(AGREEING, "host", "evil.example:8080"), "POST", "/mcp", 421, Reason.BAD_HOST),
    ("two Hosts", BODY, [("host", "localhost"), *AGREEING], "POST", "/mcp", 421, Reason.BAD_HOST),
    ("a foreign Origin", BODY, [("origin", "https://evil.example"), *AGREEING], "POST", "/mcp", 403, Reason.BAD_ORIGIN),
    ("a null Origin", BODY, [("origin", "null"), *AGREEING], "POST", "/mcp", 403, Reason.BAD_ORIGIN),
    ("an unknown path", BODY, AGREEING, "POST", "/", 404, Reason.NOT_FOUND),
    ("a path above", BODY, AGREEING, "POST", "/agents/../mcp", 404, Reason.NOT_FOUND),
    ("a GET without session", b"", LINES, "GET", "/mcp", 405, Reason.WRONG_METHOD),
    ("a DELETE without session", b"", LINES, "DELETE", "/mcp", 405, Reason.WRONG_METHOD),
    ("a PUT", BODY, AGREEING, "PUT", "/mcp", 405, Reason.WRONG_METHOD),
    ("101 headers", BODY, [*AGREEING, *[("x", "y")] * 101], "POST", "/mcp", 413, Reason.TOO_LARGE),
    ("huge headers", BODY, [*AGREEING, ("x", "y" * 4_000)], "POST", "/mcp", 413, Reason.TOO_LARGE),
    ("no credential", BODY, without(AGREEING, "authorization"), "POST", "/mcp", 401, Reason.UNAUTHENTICATED),
    ("two credentials", BODY, [*AGREEING, LINES[1]], "POST", "/mcp", 401, Reason.UNAUTHENTICATED),
    ("Basic", BODY, replaced(AGREEING, "authorization", "Basic YQ=="), "POST", "/mcp", 401, Reason.UNAUTHENTICATED),
    ("an empty Bearer", BODY, replaced(AGREEING, "authorization", "Bearer "), "POST", "/mcp", 401, Reason.UNAUTHENTICATED),
    ("no content type", BODY, without(AGREEING, "content-type"), "POST", "/mcp", 415, Reason.WRONG_TYPE),
    ("a form", BODY, replaced(AGREEING, "content-type", "text/plain"), "POST", "/mcp", 415, Reason.WRONG_TYPE),
    ("gzip", BODY, [*AGREEING, ("content-encoding", "gzip")], "POST", "/mcp", 415, Reason.WRONG_TYPE),
    ("an announced giant", BODY, [*AGREEING, ("content-length", "99999")], "POST", "/mcp", 413, Reason.TOO_LARGE),
    ("a giant", b" " * 2_001, AGREEING, "POST", "/mcp", 413, Reason.TOO_LARGE),
    ("no body", b"", AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("no JSON", b"hello", AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("half a JSON", RAW[:-1], AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("no UTF-8", b'"\xff"', AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("the same key twice", b'{"a":1,"a":1}', AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("NaN", b'{"a":NaN}', AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("half a surrogate", b'{"a":"\\ud800"}', AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("a deep nest", DEEP, AGREEING, "POST", "/mcp", 400, Reason.MALFORMED),
    ("a batch", [BODY, BODY], AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("an empty batch", [], AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("a string", "x", AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("no JSON-RPC", {"id": 1, "method": "ping"}, AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("a null id", {**BODY, "id": None}, AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("a list as params", {**BODY, "params": []}, AGREEING, "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("a posted response", jsonrpc.result(1, {}), AGREEING, "POST", "/mcp", 400, Reason.INVALID_REQUEST),
    ("a method header twice", BODY, [*AGREEING, ("mcp-method", "x")], "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("a param header twice", BODY, [*AGREEING, *[("mcp-param-a", "x")] * 2], "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("no version header", BODY, without(AGREEING, "mcp-protocol-version"), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("a legacy header", BODY, replaced(AGREEING, "mcp-protocol-version", "2025-11-25"), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("no method header", BODY, without(AGREEING, "mcp-method"), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("another method", BODY, replaced(AGREEING, "mcp-method", "tools/list"), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("another name", BODY, replaced(AGREEING, "mcp-name", "other"), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("a torn name", BODY, replaced(AGREEING, "mcp-name", "=?base64?!?="), "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("no param header", *REGION, "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("another param", REGION[0], [*REGION[1], ("mcp-param-region", "us")], "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("a param of nothing", BODY, [*AGREEING, ("mcp-param-region", "eu")], "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("no envelope", jsonrpc.request(1, "tools/list", {}), modern("tools/list")[1], "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("half an envelope", NO_CAPABILITIES, modern("tools/list")[1], "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("an unknown version", OTHER_VERSION, replaced(modern("tools/list")[1], "mcp-protocol-version", "2099-01-01"), "POST", "/mcp", 400, Reason.UNSUPPORTED_VERSION),
    ("an unknown version told", jsonrpc.notification("x"), [*LINES, ("mcp-protocol-version", "1")], "POST", "/mcp", 400, Reason.UNSUPPORTED_VERSION),
    ("an unknown method", *modern("tools/destroy"), "POST", "/mcp", 404, Reason.UNKNOWN_METHOD),
    ("a removed method", *modern("ping"), "POST", "/mcp", 404, Reason.UNKNOWN_METHOD),
    ("a foreign cursor", *modern("tools/list", {"cursor": "7"}), "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("a cursor of no type", *modern("tools/list", {"cursor": 0}), "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("arguments as a list", *modern("tools/call", {"name": "helpdesk_echo", "arguments": []}), "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("two keys", BODY, [*AGREEING, *[("idempotency-key", "a")] * 2], "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("conflicting keys", call(**{jsonrpc.META_IDEMPOTENCY_KEY: "b"})[0], [*AGREEING, ("idempotency-key", "a")], "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("a deadline of no kind", *call(**{"io.sallyport/deadline-ms": "soon"}), "POST", "/mcp", 400, Reason.INVALID_PARAMS),
    ("legacy without session", jsonrpc.request(1, "tools/list"), LINES, "POST", "/mcp", 400, Reason.SESSION_MISSING),
    ("two sessions", jsonrpc.request(1, "ping"), [*LINES, *[("mcp-session-id", "AAAA")] * 2], "POST", "/mcp", 400, Reason.HEADER_MISMATCH),
    ("a made-up session", jsonrpc.request(1, "ping"), [*LINES, ("mcp-session-id", "AAAA")], "POST", "/mcp", 404, Reason.SESSION_ENDED),
    ("a legacy response without session", jsonrpc.result(1, {}), LINES, "POST", "/mcp", 400, Reason.SESSION_MISSING),
    ("initialize without version", jsonrpc.request(1, "initialize", {}), LINES, "POST", "/mcp", 200, Reason.INVALID_PARAMS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "lines", "method", "path", "status", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
async def test_bad_input_gets_its_row_of_the_refusal_table(body, lines, method, path, status, reason) -> None:
    road = FakeRoad()
    app = plane(road, limits=SMALL)
    answer = await send(app, body, lines, method, path)
    assert (answer.status, [refusal.reason for refusal in road.refused]) == (status, [reason])
    row = road.refused[0].row
    if row.shape is Shape.BARE:
        assert answer.json["error"] == reason.value
        assert answer.json["call_id"] == "call-1"
    else:
        assert answer.json["error"]["code"] == row.code
        assert answer.outcome["reason"] == reason.value
    assert not road.calls
    assert road.sealed == len(road.opened) == 1
    assert answer.done
    assert (await send(app, *call())).json["result"]["content"][0]["text"] == "hi", "the process keeps serving"


async def test_a_broken_credential_does_not_turn_its_caller_into_an_anonymous_one() -> None:
    app = plane(FakeRoad(anonymous=True))
    assert (await send(app, BODY, without(AGREEING, "authorization"))).status == 200
    for broken in ("Basic YQ==", "Bearer", "Bearer a b", "alice"):
        assert (await send(app, BODY, replaced(AGREEING, "authorization", broken))).status == 401
    assert (await send(app, BODY, [*AGREEING, LINES[1]])).status == 401


async def test_a_refusal_answers_the_id_it_could_read_and_null_otherwise() -> None:
    app = plane(FakeRoad())
    assert (await send(app, b"{")).json["id"] is None
    assert (await send(app, {"id": "seven", "method": "x"})).json["id"] == "seven"
    assert (await send(app, *modern("nothing", number="eight"))).json["id"] == "eight"


async def test_a_body_that_does_not_come_is_refused_at_its_deadline() -> None:
    road = FakeRoad()
    answer = await send(plane(road, limits=SMALL), b"{", stalls=True)
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert [refusal.reason for refusal in road.refused] == [Reason.TOO_SLOW]


async def test_a_caller_that_leaves_before_its_body_is_complete_leaves_one_record() -> None:
    road = FakeRoad()
    app = plane(road)
    exchange = Exchange([b"{"], stalls=True)
    exchange.gone.set()
    await app(scope(LINES), exchange.receive, exchange.send)
    assert [refusal.reason for refusal in road.refused] == [Reason.CANCELLED]


async def test_an_unsupported_version_is_told_what_is_supported() -> None:
    answer = await send(
        plane(FakeRoad()), OTHER_VERSION, replaced(modern("tools/list")[1], "mcp-protocol-version", "2099-01-01")
    )
    data = answer.json["error"]["data"]
    assert data["requested"] == "2099-01-01"
    assert data["supported"] == ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    app = plane(FakeRoad())
    assert (await send(app, b"", method="GET")).headers["allow"] == "POST"
    session = await initialize(app)
    assert (await send(app, b"", session, method="PUT")).headers["allow"] == "POST, GET, DELETE"


async def test_a_request_beyond_the_limit_is_turned_away_and_recorded() -> None:
    road = FakeRoad()
    answer = await send(plane(road, limits=Limits(in_flight=0)), *call())
    assert (answer.status, answer.json["error"]["code"], answer.headers["retry-after"]) == (503, 50301, "1")
    assert [refusal.reason for refusal in road.refused] == [Reason.OVERLOADED]


async def test_bodies_beyond_the_space_for_all_of_them_are_turned_away() -> None:
    road = FakeRoad()
    assert (await send(plane(road, limits=Limits(held_bytes=10)), *call())).status == 503


async def test_when_the_refusal_cannot_be_written_the_caller_is_told_that() -> None:
    answer = await send(plane(FakeRoad(unwritable=True)), b"{")
    assert (answer.status, answer.json["error"]["code"]) == (503, 50302)


async def test_a_defect_is_internal_and_shows_nothing_of_itself(caplog) -> None:
    road = FakeRoad()

    async def broken(asked: Any) -> Any:
        raise RuntimeError("the secret is 42")

    road.walk = broken
    answer = await send(plane(road), *call())
    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (500, -32603, 1)
    assert b"42" not in answer.body
    assert [refusal.reason for refusal in road.refused] == [Reason.INTERNAL]
    assert "call-1" in caplog.text
