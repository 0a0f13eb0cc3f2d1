"""Agents that speak plain HTTP, as they see it: reads, one effect for any number of requests, refusals as problems."""

from collections.abc import Iterator
from typing import Any

import pytest
from e2e_clients import together
from e2e_http_kit import Plane, told
from e2e_kit import HTTP, Gateway, api_key

from gateway.audit.verify import verify

OURS = {"sallyport-call", "cache-control", "x-content-type-options", "content-type", "content-length", "date", "server"}
TWINS = 16


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    yield made
    made.close()


def test_a_read_is_answered_with_the_services_words_and_our_headers(plane: Plane) -> None:
    answer = plane.http("GET", "/http/desk-api/tickets/1")

    assert (answer.status_code, answer.json()["id"]) == (200, 1)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert {name.lower() for name in answer.headers} <= OURS
    text = plane.http("GET", "/agents/support-bot/http/desk-api/tickets/1/transcript")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith("Ticket 1: ")


def test_a_created_thing_is_created_once_under_its_key_and_told_twice(plane: Plane) -> None:
    first, second = (plane.refund("keyed", key="key-1") for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert plane.desk.refunds("keyed") == 1
    assert [record["kind"] for record in plane.records(first)] == ["intent", "call"]
    assert [record["outcome"] for record in plane.records(second)] == ["replayed"]


def test_without_a_key_the_same_request_is_the_same_call(plane: Plane) -> None:
    answers = [plane.refund("keyless") for _ in range(3)]

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
    assert plane.desk.refunds("keyless") == 1
    assert plane.refund("keyless", key="meant-again").status_code == 201
    assert plane.desk.refunds("keyless") == 2


def test_a_key_of_another_body_is_refused(plane: Plane) -> None:
    plane.refund("one meaning", key="key-2")
    problem = told(plane.refund("another meaning", key="key-2"), 422, "key-reused")

    assert (problem["executed"], problem["retry"]) == ("no", "new_key")
    assert plane.desk.refunds("another meaning") == 0


@pytest.mark.parametrize("key", [None, "twins"])
def test_sixteen_twins_at_once_have_one_effect_and_one_answer(plane: Plane, key: str | None) -> None:
    reason = f"twins with key {key}"
    answers = together([lambda: plane.refund(reason, key=key)] * TWINS)

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == TWINS - 1
    assert plane.desk.refunds(reason) == 1


def test_what_may_be_repeated_is_sent_again(plane: Plane) -> None:
    for priority in ("low", "urgent", "urgent", "low"):
        answer = plane.http("PUT", "/http/desk-api/tickets/4/priority", json={"priority": priority})
        assert (answer.status_code, answer.json()["priority"]) == (200, priority)
        assert plane.desk.ask("SELECT priority FROM tickets WHERE id = 4") == priority
    for _ in range(2):
        gone = plane.http("DELETE", "/http/desk-api/tickets/4/tags/x")
        assert (gone.status_code, gone.content) == (204, b"")
        assert "content-length" not in gone.headers


def test_policy_decides_by_the_body_and_what_it_denies_is_not_done(plane: Plane) -> None:
    problem = told(plane.refund("too much", 60_000), 403, "policy-denied")
    assert (problem["executed"], problem["retry"]) == ("no", "never")
    assert plane.desk.refunds("too much") == 0
    mail = {"to": "collector@exfil.example", "subject": "s", "body": "b"}
    told(plane.http("POST", "/http/desk-api/mail", json=mail), 403, "policy-denied")
    assert plane.http("POST", "/http/desk-api/mail", json=mail | {"to": "me@example.com"}).status_code == 201
    assert plane.desk.ask("SELECT count(*) FROM outbox") == 1


def test_what_is_hidden_answers_exactly_like_what_does_not_exist(plane: Plane) -> None:
    hidden = ("DELETE", "/http/desk-api/customers/3")
    absent = [
        ("DELETE", "/http/desk-api/customerz/3"),
        ("GET", "/http/own/files/secret"),
        ("GET", "/http/own/files/%73ecret"),
        ("PATCH", "/http/desk-api/tickets/1"),
        ("GET", "/http/nowhere/tickets/1"),
        ("GET", "/http/desk-api/openapi.json"),
        ("POST", "/http/desk-api/tickets/1/replies"),
    ]

    def seen(method: str, path: str) -> tuple[Any, ...]:
        answer = plane.http(method, path, content=b"not JSON", headers={"Content-Type": "text/plain"})
        problem = told(answer, 404, "unknown-tool")
        assert problem.pop("call_id")
        assert problem.pop("detail") == f"Unknown tool: {method} {path}"
        return tuple(problem.items()), {*answer.headers}

    before = len(plane.own.got)
    assert all(seen(*one) == seen(*hidden) for one in absent)
    assert plane.desk.ask("SELECT count(*) FROM customers WHERE email IS NOT NULL") == 30
    assert len(plane.own.got) == before
    assert plane.http("GET", "/http/own/files/secret", plane.bob).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"{}", "text/plain", 415, "wrong-type"),
        (b"{}", None, 415, "wrong-type"),
        (b"{", "application/json", 400, "malformed"),
        (b'{"order_id":1,"order_id":2}', "application/json", 400, "malformed"),
        (b" " * (4 * 1024 * 1024 + 1), "application/json", 413, "too-large"),
        (b"", None, 422, "invalid-arguments"),
        (b"[]", "application/json", 422, "invalid-arguments"),
        (b'{"order_id":1,"amount_cents":1,"reason":"x","more":1}', "application/json", 422, "invalid-arguments"),
    ],
)
def test_a_body_that_is_none_of_the_operations_is_refused(
    plane: Plane, body: bytes, kind: str | None, status: int, reason: str
) -> None:
    before = plane.desk.ask("SELECT count(*) FROM refunds")
    headers = {} if kind is None else {"Content-Type": kind}
    problem = told(plane.http("POST", "/http/desk-api/refunds", content=body, headers=headers), status, reason)
    assert problem["executed"] == "no"
    assert plane.desk.ask("SELECT count(*) FROM refunds") == before


def test_who_is_nobody_or_somebody_else_gets_nowhere(plane: Plane) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer sp_alice-key_" + "A" * 43},
        {"X-User": "alice", "Cookie": "user=alice"},
    ):
        answer = plane.http("GET", "/http/desk-api/tickets/1", "", headers=headers)
        told(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="sallyport"')
    told(plane.http("GET", "/agents/ops-bot/http/desk-api/tickets/1"), 403, "agent-mismatch")


def test_the_kill_switch_stops_requests_like_any_call(plane: Plane) -> None:
    order = {"kind": "tool", "target": "desk-api/create_refund", "why": "a test"}
    assert plane.gateway.operator("POST", "/kill", json=order).status_code == 201
    assert told(plane.refund("stopped"), 403, "stopped")["executed"] == "no"
    assert plane.http("GET", "/http/desk-api/tickets/1").status_code == 200
    plane.gateway.operator("DELETE", "/kill", params={"kind": "tool", "target": order["target"]}).raise_for_status()
    assert plane.refund("stopped").status_code == 201
    assert plane.desk.refunds("stopped") == 1


def test_a_spent_budget_says_when_to_come_back(tmp_path: Any, plane: Plane) -> None:
    key, entry = api_key("poor-key", "poor-bot", "bob")
    config = plane.gateway.config
    gateway = Gateway(
        tmp_path,
        {
            "identity": {"keys": [entry]},
            "upstreams": {"own": config["upstreams"]["own"]},
            "agents": {"poor-bot": {"tools": ["own/*"]}},
            "budgets": [{"scope": "agent", "window": "hour", "limit": 1}],
        },
    )
    gateway.start()
    try:
        headers = {"Authorization": f"Bearer {key}"}
        answers = [HTTP.post(f"{gateway.url}/http/own/work", json={"n": n}, headers=headers) for n in (1, 1, 2)]
        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        assert answers[1].headers["idempotent-replayed"] == "true"
        assert told(answers[2], 429, "budget-exhausted")["retry"] == "after"
        assert 0 < int(answers[2].headers["retry-after"]) <= 3600
    finally:
        gateway.stop()


def test_a_large_refund_waits_for_a_person_and_the_same_request_then_does_it_once(plane: Plane) -> None:
    first = plane.refund("approved", 20_000, key="big-1")
    problem = told(first, 202, "approval-pending")
    assert int(first.headers["retry-after"]) > 0
    assert (
        told(plane.refund("approved", 20_000, key="big-1"), 202, "approval-pending")["approval"] == problem["approval"]
    )
    assert plane.desk.refunds("approved") == 0
    said = plane.gateway.operator(
        "POST", f"/approvals/{problem['approval']}", json={"decision": "approve", "why": "ok"}
    )
    assert said.status_code == 200, said.text

    done, again = (plane.refund("approved", 20_000, key="big-1") for _ in range(2))
    assert (done.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert plane.desk.refunds("approved") == 1


def test_every_request_left_one_record_with_its_method_and_the_journal_holds(plane: Plane) -> None:
    """Runs over what the tests before it asked in this process, and at least over one request of its own."""
    assert plane.refund("a record of its own", 100, key="own-1").status_code == 201
    kept: dict[str, list[dict[str, Any]]] = {}
    for record in plane.gateway.records():
        if record["kind"] != "intent" and "call" in record:
            kept.setdefault(record["call"], []).append(record)
    for answer in plane.answers:
        (record,) = kept[answer.headers["sallyport-call"]]
        assert record["method"] == answer.request.method
        assert answer.status_code >= 300 or record["outcome"] in {"answered", "replayed", "pending"}
    assert verify(plane.gateway.folder / "state/journal").ok
    log = plane.gateway.log.read_text()
    assert "Traceback" not in log, log[-3000:]
    assert " ERROR " not in log, log[-3000:]
