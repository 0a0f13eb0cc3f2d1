"""Refusals of the HTTP plane: every rung of the ladder, RFC 9457 bodies, and paths that must not be what they look like."""

import json

import pytest
from listener_http_kit import HTTP_LINES, TYPED, FakeTools, HttpRoad, ask, http_plane, refusing
from listener_kit import Exchange, send

from gateway.listener import http_answers
from gateway.listener.door import Metadata, Service, place
from gateway.listener.limits import Limits
from gateway.model.refusal import TABLE, Reason, Refusal

SMALL = Limits(headers=12, header_bytes=600, body_bytes=64, body_s=0.02)
OPEN = "/http/helpdesk/tickets"


def replaced(name: str, value: str) -> list[tuple[str, str]]:
    return [(key, value if key == name else held) for key, held in TYPED]


def without(name: str) -> list[tuple[str, str]]:
    return [line for line in TYPED if line[0] != name]


TABLE_OF_BAD = [
    ("foreign host", "POST", OPEN, b"{}", replaced("host", "evil.example"), 421, Reason.BAD_HOST),
    ("foreign origin", "POST", OPEN, b"{}", [*TYPED, ("origin", "https://evil.example")], 403, Reason.BAD_ORIGIN),
    ("OPTIONS", "OPTIONS", OPEN, b"", TYPED, 405, Reason.WRONG_METHOD),
    ("TRACE", "TRACE", OPEN, b"", TYPED, 405, Reason.WRONG_METHOD),
    ("CONNECT", "CONNECT", OPEN, b"", TYPED, 405, Reason.WRONG_METHOD),
    ("many headers", "POST", OPEN, b"{}", [*TYPED, *[("x", "y")] * 20], 413, Reason.TOO_LARGE),
    ("a large header", "POST", OPEN, b"{}", [*TYPED, ("x", "y" * 700)], 413, Reason.TOO_LARGE),
    ("a very long path", "GET", "/http/helpdesk/" + "a" * 700, b"", TYPED, 413, Reason.TOO_LARGE),
    ("a very long query", "GET", OPEN + "?" + "a" * 700, b"", TYPED, 413, Reason.TOO_LARGE),
    ("nobody", "POST", OPEN, b"{}", without("authorization"), 401, Reason.UNAUTHENTICATED),
    ("a Basic credential", "POST", OPEN, b"{}", replaced("authorization", "Basic YQ=="), 401, Reason.UNAUTHENTICATED),
    ("two credentials", "POST", OPEN, b"{}", [*TYPED, TYPED[1]], 401, Reason.UNAUTHENTICATED),
    ("nobody, broken body", "POST", OPEN, b"{", without("authorization"), 401, Reason.UNAUTHENTICATED),
    ("a form", "POST", OPEN, b"a=1", replaced("content-type", "application/x-www-form-urlencoded"), 415, Reason.WRONG_TYPE),
    ("no type", "POST", OPEN, b"{}", HTTP_LINES, 415, Reason.WRONG_TYPE),
    ("no type, announced", "POST", OPEN, b"{}", [*HTTP_LINES, ("content-length", "2")], 415, Reason.WRONG_TYPE),
    ("no type, chunked", "POST", OPEN, b"{}", [*HTTP_LINES, ("transfer-encoding", "chunked")], 415, Reason.WRONG_TYPE),
    ("two types", "POST", OPEN, b"{}", [*TYPED, TYPED[2]], 415, Reason.WRONG_TYPE),
    ("gzip", "POST", OPEN, b"{}", [*TYPED, ("content-encoding", "gzip")], 415, Reason.WRONG_TYPE),
    ("latin-1", "POST", OPEN, b'"\xe4"', replaced("content-type", "application/json; charset=latin-1"), 400, Reason.MALFORMED),
    ("utf-16", "POST", OPEN, "{}".encode("utf-16"), TYPED, 400, Reason.MALFORMED),
    ("half a body", "POST", OPEN, b'{"a":', TYPED, 400, Reason.MALFORMED),
    ("two equal keys", "POST", OPEN, b'{"a":1,"a":2}', TYPED, 400, Reason.MALFORMED),
    ("a large body", "POST", OPEN, b'"' + b"a" * 80 + b'"', TYPED, 413, Reason.TOO_LARGE),
    ("a large announced body", "POST", OPEN, b"{}", [*TYPED, ("content-length", "65")], 413, Reason.TOO_LARGE),
    ("two keys", "POST", OPEN, b"{}", [*TYPED, *[("idempotency-key", "a")] * 2], 400, Reason.INVALID_PARAMS),
    ("an empty key", "POST", OPEN, b"{}", [*TYPED, ("idempotency-key", "")], 400, Reason.INVALID_PARAMS),
    ("a key of 256 characters", "POST", OPEN, b"{}", [*TYPED, ("idempotency-key", "k" * 256)], 400, Reason.INVALID_PARAMS),
    ("a key that is no ASCII", "POST", OPEN, b"{}", [*TYPED, ("idempotency-key", "schl\xfcssel")], 400, Reason.INVALID_PARAMS),
    ("half a quoted key", "POST", OPEN, b"{}", [*TYPED, ("idempotency-key", '"a')], 400, Reason.INVALID_PARAMS),
    ("wrong arguments", "POST", "/http/helpdesk/picky", b"{}", TYPED, 422, Reason.INVALID_ARGUMENTS),
]  # fmt: skip


def is_problem(answer: Exchange, status: int, reason: Reason) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.headers["cache-control"], answer.headers["sallyport-call"]) == ("no-store", "call-1")
    told = answer.json
    assert (told["type"], told["title"], told["status"]) == (f"urn:sallyport:refusal:{reason}", reason.value, status)
    assert (told["reason"], told["code"], told["call_id"]) == (reason.value, TABLE[reason].code, "call-1")
    assert told["detail"]
    assert told["remedy"] == TABLE[reason].remedy


@pytest.mark.parametrize(
    ("method", "target", "body", "lines", "status", "reason"),
    [row[1:] for row in TABLE_OF_BAD],
    ids=[row[0] for row in TABLE_OF_BAD],
)
async def test_bad_input_gets_its_row_of_the_refusal_table(method, target, body, lines, status, reason) -> None:
    road = HttpRoad()
    app = http_plane(road, limits=SMALL)
    answer = await ask(app, method, target, body, lines)
    is_problem(answer, status, reason)
    assert ([refusal.reason for refusal in road.refused], road.calls) == ([reason], [])
    assert (road.sealed, len(road.opened)) == (1, 1)
    assert road.records[0].notes["method"] == method
    assert (await ask(app, "POST", OPEN, {})).status == 200, "the process keeps serving"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/http/helpdesk/absent"),
        ("PUT", "/http/helpdesk/tickets/7"),
        ("DELETE", "/http/helpdesk/tickets/7"),
        ("HEAD", "/http/helpdesk/tickets"),
        ("GET", "/http/nowhere/tickets/7"),
        ("GET", "/http/helpdesk/" + "a" * 300),
    ],
    ids=["no path", "no method", "hidden", "no GET behind HEAD", "no upstream", "longer than a name"],
)
async def test_absent_hidden_and_foreign_operations_are_refused_by_the_road_in_the_same_words(method, target) -> None:
    road = HttpRoad()
    answer = await ask(http_plane(road), method, target, b'{"broken"', TYPED)
    assert answer.status == 404
    if method != "HEAD":
        assert (answer.json["reason"], answer.json["detail"]) == ("unknown-tool", "There is no such tool.")
        assert answer.json["remedy"].startswith("Use a method and path")
    assert (len(road.calls), road.refused) == (1, [])
    assert road.calls[0].name == f"{method} {target}"[:256]
    assert road.calls[0].arguments == {}


async def test_without_http_tools_no_path_has_an_operation() -> None:
    answer = await ask(http_plane(HttpRoad(), http=None), "GET", "/http/helpdesk/tickets/7")
    assert (answer.status, answer.json["reason"]) == (404, "unknown-tool")


NOWHERE = [
    "/http/x/../mcp", "/http/x/..", "/http/x/./y", "/http/x/%2e%2e/mcp", "/http/x/%2E/y", "/http/x/.%2e", "/http//x",
    "/http/x//y", "/http/x/y//", "/http/", "/http/x", "/http", "/http/X/y", "/http/../mcp", "/http/x/a\\b", "/http/x/a b",
    "/http/x/%", "/http/x/%zz", "/http/x/\xe4", "/http/x/a\x00", "/http/x/a\n", "//http/x/y", "/HTTP/x/y", "/%68ttp/x/y",
    "/http%2Fx/y", "/agents//http/x/y", "/agents/A/http/x/y", "/agents/a/b/http/x/y", "/mcp/http/x/y", "/http/" + "x" * 41 + "/y",
    "",
]  # fmt: skip


@pytest.mark.parametrize("target", NOWHERE)
async def test_a_path_that_two_readers_could_read_differently_leads_nowhere(target) -> None:
    road, tools = HttpRoad(), FakeTools()
    answer = await ask(http_plane(road, http=tools), "POST", target.encode("latin-1"), b"{}")
    assert (answer.status, tools.asked, road.calls) == (404, [], [])
    assert [refusal.reason for refusal in road.refused] == [Reason.NOT_FOUND]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/http/x/", Service("/http/x", None, "x", "/")),
        ("/http/x/a/b/", Service("/http/x", None, "x", "/a/b/")),
        ("/http/x/...", Service("/http/x", None, "x", "/...")),
        ("/http/x/..a", Service("/http/x", None, "x", "/..a")),
        ("/http/x/a%2F..;b", Service("/http/x", None, "x", "/a%2F..;b")),
        ("/agents/a/http/x-1/y", Service("/agents/a/http/x-1", "a", "x-1", "/y")),
    ],
)
def test_what_follows_the_upstream_is_kept_as_sent(target, found) -> None:
    assert place("decoded", target) == found


def test_the_resource_of_an_upstream_has_a_document() -> None:
    base = "/.well-known/oauth-protected-resource"
    assert place(f"{base}/http/x") == Metadata("/http/x")
    assert place(f"{base}/agents/a/http/x") == Metadata("/agents/a/http/x")
    assert place(f"{base}/http/x/tickets") is None


async def test_a_challenge_names_the_document_of_the_upstream_not_of_the_path() -> None:
    app = http_plane(HttpRoad(), issuers=["https://issuer.example"])
    answer = await ask(app, "POST", "/agents/a/http/helpdesk/tickets", b"{}", without("authorization"))
    path = "/.well-known/oauth-protected-resource/agents/a/http/helpdesk"
    challenge = f'Bearer realm="sallyport", resource_metadata="http://127.0.0.1:8080{path}"'
    assert answer.headers["www-authenticate"] == challenge
    document = await send(app, b"", [HTTP_LINES[0]], "GET", path)
    assert document.json["resource"] == "http://127.0.0.1:8080/agents/a/http/helpdesk"


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    answer = await ask(http_plane(HttpRoad()), "OPTIONS", OPEN)
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"


async def test_a_body_that_does_not_come_is_refused_at_its_deadline() -> None:
    road = HttpRoad()
    answer = await ask(http_plane(road, limits=SMALL), "POST", OPEN, b"{", stalls=True)
    is_problem(answer, 408, Reason.TOO_SLOW)
    assert answer.headers["connection"] == "close"
    assert road.sealed == 1


async def test_a_body_of_a_kind_that_is_not_read_is_not_waited_for() -> None:
    form = replaced("content-type", "text/plain")
    for lines in (form, [*HTTP_LINES, ("content-length", "2")]):
        is_problem(await ask(http_plane(HttpRoad()), "POST", OPEN, b"{", lines, stalls=True), 415, Reason.WRONG_TYPE)


async def test_a_body_needs_neither_length_nor_type_where_it_is_empty() -> None:
    for lines in (HTTP_LINES, [*HTTP_LINES, ("content-length", "0")], TYPED):
        road = HttpRoad()
        assert (await ask(http_plane(road), "POST", OPEN, b"", lines)).status == 200
        assert road.calls[0].arguments["body"] is None


@pytest.mark.parametrize(
    ("reason", "after_ms", "status", "retry_after"),
    [
        (Reason.APPROVAL_PENDING, 5_000, 202, "5"),
        (Reason.KEY_IN_FLIGHT, 1_001, 409, "2"),
        (Reason.BUDGET_EXHAUSTED, 60_000, 429, "60"),
        (Reason.UPSTREAM_UNAVAILABLE, 9_001, 503, "10"),
        (Reason.UPSTREAM_REFUSED, None, 502, None),
        (Reason.KEY_REUSED, None, 422, None),
        (Reason.POLICY_DENIED, None, 403, None),
        (Reason.OUTCOME_UNKNOWN, None, 504, None),
        (Reason.RESULT_WITHHELD, None, 502, None),
    ],
)
async def test_what_the_road_refuses_is_a_problem_and_sealed_by_the_road(reason, after_ms, status, retry_after) -> None:
    road = refusing(reason, retry_after_ms=after_ms)
    answer = await ask(http_plane(road), "GET", "/http/helpdesk/tickets/7")
    is_problem(answer, status, reason)
    assert answer.headers.get("retry-after") == retry_after
    assert answer.json.get("retry_after_ms") == after_ms
    assert road.refused == []


@pytest.mark.parametrize("reason", [reason for reason in Reason if TABLE[reason].status == 503])
def test_a_503_of_which_nobody_knows_when_it_ends_is_not_asked_again_at_once(reason) -> None:
    answer = http_answers.problem(Refusal(reason, "What, where, why."), "c1")
    assert (b"retry-after", b"1") in answer.headers
    assert json.loads(answer.body)["retry_after_ms"] == 1_000


@pytest.mark.parametrize("reason", Reason)
def test_every_row_of_the_table_has_its_status_here(reason) -> None:
    refusal = Refusal(reason, "What, where, why.")
    answer = http_answers.problem(refusal, "c1")
    told = json.loads(answer.body)
    assert answer.status == told.pop("status") == TABLE[reason].status
    expected = refusal.told("c1")
    if reason is Reason.UNKNOWN_TOOL:  # the table's next step is one of MCP
        expected["remedy"] = "Use a method and path that you may call; ask the operator for them."
    assert expected.items() <= told.items()
    assert "tools/list" not in told["remedy"]


async def test_a_defect_is_internal_and_shows_nothing_of_itself(caplog) -> None:
    road = HttpRoad()
    answer = await ask(http_plane(road), "POST", "/http/helpdesk/broken", {})
    is_problem(answer, 500, Reason.INTERNAL)
    assert b"42" not in answer.body
    assert road.sealed == 1
    assert "call-1" in caplog.text


async def test_when_the_refusal_cannot_be_written_the_caller_is_told_that() -> None:
    answer = await ask(http_plane(HttpRoad(unwritable=True)), "OPTIONS", OPEN)
    is_problem(answer, 503, Reason.AUDIT_UNAVAILABLE)


async def test_a_websocket_is_closed() -> None:
    sent: list[str] = []

    async def receive():
        return {"type": "websocket.connect"}

    async def out(message) -> None:
        sent.append(message["type"])

    await http_plane(HttpRoad())({"type": "websocket", "path": OPEN}, receive, out)
    assert sent == ["websocket.close"]
