"""Plain HTTP under attack: what reaches a service, what comes back, paths of two readings, outages, callers that leave."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from bad_peer import HangUp, reply, resets
from bad_wire import Answer, line, written
from e2e_http_kit import FINE, Got, Plane, once, told
from e2e_kit import wait_for

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("wire"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_but_ours_is_told(plane: Plane) -> Iterator[None]:
    plane.own.got.clear()
    yield
    plane.own.script = FINE
    assert "Traceback" not in plane.gateway.log.read_text()


def raw(plane: Plane, target: str, method: str = "GET", body: bytes = b"", **lines: str) -> Answer:
    """One request as written, on a connection of its own."""
    headers = {"Host": "localhost", "Authorization": f"Bearer {plane.alice}", **lines}
    with line(plane.gateway.agent_port) as wire:
        wire.say(written(body, list(headers.items()), method=method, target=target))
        answer = wire.answer()
    assert answer is not None
    return answer


def work(plane: Plane, number: int | str, **more: Any) -> httpx2.Response:
    return plane.http("POST", "/http/own/work", json={"n": number}, **more)


def test_a_trace_goes_on_to_the_service(plane: Plane) -> None:
    headers = {"traceparent": TRACE, "tracestate": "vendor=1"}
    answer = plane.http("GET", "/http/own/look", headers=headers)
    work(plane, 0, headers=headers)

    assert [got.headers["traceparent"] for got in plane.own.got] == [TRACE, TRACE]
    assert plane.own.got[0].headers["tracestate"] == "vendor=1"
    (record,) = plane.records(answer)
    assert (record["trace"]["id"], record["trace"]["parent"]) == ("a" * 32, "b" * 16)


def test_nothing_of_the_caller_reaches_the_service_but_the_arguments(plane: Plane) -> None:
    sent = {
        "Cookie": "session=secret",
        "Proxy-Authorization": "Basic secret",
        "X-Api-Key": "secret",
        "X-Forwarded-For": "10.1.1.1",
        "X-Desk-Key": "secret of the caller",
        "Idempotency-Key": "secret-key",
        "User-Agent": "secret agent",
        "Accept": "text/secret",
        "X-Reason": "because",
        "X-HTTP-Method-Override": "DELETE",
    }
    assert plane.http("GET", "/http/own/look?q=%20a%26b%3Dc", headers=sent).status_code == 200
    assert (
        plane.http("PUT", "/http/own/files/a%20b%3Fc", json={"x": 1.0, "big": 2**70}, headers=sent).status_code == 200
    )

    look, put = plane.own.got
    ours = {"host", "x-desk-key", "accept", "accept-encoding", "user-agent", "content-length", "x-request-timeout"}
    assert {*look.headers} <= ours | {"x-reason"}
    assert {*put.headers} <= ours | {"content-type", "idempotency-key"}
    for got in (look, put):
        assert not [value for value in got.headers.values() if "secret" in value or plane.alice in value]
        assert got.headers["x-desk-key"] == "the operator's own"
        assert got.headers["host"] == f"127.0.0.1:{plane.own.port}"
    assert (look.method, look.target, look.body) == ("GET", "/look?q=%20a%26b%3Dc", b"")
    assert (put.method, put.target, put.body) == ("PUT", "/files/a%20b%3Fc", b'{"x":1.0,"big":1180591620717411303424}')
    assert 0 < float(look.headers["x-request-timeout"]) < 10, "what is left of the tool's own time"
    assert len(put.headers["idempotency-key"]) == 64


def test_nothing_of_the_service_reaches_the_caller_but_status_type_and_body(plane: Plane) -> None:
    leaks = {
        "Set_Cookie": "a=b", "Server": "leaky/1.0", "X_Powered_By": "x", "Location": "http://evil.example/",
        "Access_Control_Allow_Origin": "*", "Sallyport_Call": "forged", "Idempotent_Replayed": "true", "Age": "7",
        "WWW_Authenticate": "Basic", "Retry_After": "9", "Sallyport_Hint": "forged", "Link": "<x>", "connection": "close",
    }  # fmt: skip
    for status in (200, 201, 404, 409):
        plane.own.script = once(lambda _, status=status: reply(status, {"ok": status}, **leaks))
        answer = plane.http("GET", f"/http/own/look?q={status}")
        assert (answer.status_code, answer.json()) == (status, {"ok": status})
        names = {name.lower() for name in answer.headers}
        assert names <= {"sallyport-call", "cache-control", "x-content-type-options", "content-type", "content-length"}
        assert answer.headers["sallyport-call"] != "forged"


@pytest.mark.parametrize(
    ("answer", "status", "kind", "body"),
    [
        (reply(200, b"a,b\n", kind="text/csv"), 200, "text/csv; charset=utf-8", b"a,b\n"),
        (reply(200, b"[1,2]"), 200, "application/json", b"[1,2]"),
        (reply(200, b"5"), 200, "application/json", b"5"),
        (reply(202, b""), 202, "text/plain; charset=utf-8", b""),
        (reply(200, b"<b>no</b>", kind="text/html"), 502, "application/problem+json", None),
        (reply(200, b"\x89PNG", kind="image/png"), 502, "application/problem+json", None),
        (reply(200, b"{", kind="application/json"), 502, "application/problem+json", None),
        (reply(404, b"<b>no</b>", kind="text/html"), 404, "application/json", None),
        (reply(302, location="/elsewhere"), 502, "application/problem+json", None),
        (reply(200, b"\x1f\x8b", content_encoding="gzip"), 502, "application/problem+json", None),
        (reply(500, {"secret": "stack trace"}), 502, "application/problem+json", None),
    ],
)
def test_what_may_pass_passes_as_it_was_and_the_rest_does_not(
    plane: Plane, answer: bytes, status: int, kind: str, body: bytes | None
) -> None:
    plane.own.script = lambda _got, sock: (sock.sendall(answer), sock.close())  # type: ignore[assignment]
    found = plane.http("GET", "/http/own/look")
    assert (found.status_code, found.headers.get("content-type")) == (status, kind)
    assert body is None or found.content == body
    assert not [word for word in (b"<b>", b"PNG", b"stack", b"elsewhere") if word in found.content]


def test_head_is_a_get_without_its_body_and_options_is_told_what_there_is(plane: Plane) -> None:
    get, head = (plane.http(method, "/http/own/look") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))
    assert [got.method for got in plane.own.got] == ["GET", "GET"]
    for method in ("OPTIONS", "TRACE"):
        answer = raw(plane, "/http/own/look", method)
        assert (answer.status, answer.headers.get("allow")) == (405, "GET, HEAD, POST, PUT, PATCH, DELETE"), method


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/http/own/files/a%2Fsecret", 422),
        ("/http/own/files/..%2Fsecret", 422),
        ("/http/own/files/%2e%2e%2Flook", 422),
        ("/http/own/files/a%5Csecret", 422),
        ("/http/own/files/../look", 404),
        ("/http/own/files/%2e%2E/look", 404),
        ("/http/own/./look", 404),
        ("/http/own//look", 404),
        ("//http/own/look", 404),
        ("/http/own/look/", 404),
        ("/http//own/look", 404),
        ("/HTTP/own/look", 404),
        ("/http/own/files\\look", 404),
        ("/http/own/files/%ff", 404),
        ("/http/own/files/%zz", 404),
        ("/http/own/files/secret;x", 200),
        ("/http/own/files/%252e%252e%252Flook", 200),
        ("/http/own/files/a%00b", 200),
        ("/http/own/look?q=1&q=2", 422),
        ("/http/own/look?unknown=1", 422),
        ("/http/own/look?q=%ff", 422),
        ("/http/own/look?q=a+b", 200),
        ("http://localhost/http/own/look", 200),
        ("/http/desk-api/tickets/1.0", 422),
        ("/http/desk-api/tickets/01", 422),
        ("/http/desk-api/tickets/-1", 422),
        ("/http/desk-api/tickets/99999999999999999999", 422),
        ("/http/own/files/" + "%41" * 9_000, 200),
        ("/http/own/files/" + "a" * 40_000, 413),
    ],
)
def test_a_path_has_one_reading_or_leads_nowhere(plane: Plane, target: str, status: int) -> None:
    answer = raw(plane, target)
    assert answer.status == status, answer.raw[:1000]
    assert len(plane.own.got) == (status == 200)
    for got in plane.own.got:
        path = got.target.split("?")[0]
        assert path.startswith(("/files/", "/look"))
        assert path.count("/") <= 2


def test_only_known_hosts_and_no_foreign_pages_are_answered(plane: Plane) -> None:
    target = "/http/own/look"
    assert raw(plane, target, Host="evil.example").status == 421
    assert raw(plane, target, Origin="http://evil.example").status == 403
    assert raw(plane, target, Origin="null").status == 403
    assert raw(plane, target, "OPTIONS", Origin="http://evil.example").status == 403
    assert plane.own.got == []
    assert raw(plane, target, Host=f"127.0.0.1:{plane.gateway.agent_port}", Origin="http://localhost").status == 403
    assert raw(plane, target, Origin="http://localhost").status == 200


def test_a_service_that_is_not_there_got_nothing_and_the_same_request_works_later(plane: Plane) -> None:
    plane.own.deaf()
    try:
        answer = work(plane, 1)
        problem = told(answer, 503, "upstream-unavailable")
        assert (problem["executed"], problem["retry"]) == ("no", "after")
        assert int(answer.headers["retry-after"]) > 0
        assert plane.records(answer)[-1]["outcome"] == "failed"
        assert plane.own.got == []
    finally:
        plane.own.listen()
    assert work(plane, 1).status_code == 200
    assert len(plane.own.got) == 1


DEATHS: dict[str, Any] = {
    "reset": lambda _got, sock: resets(sock),
    "short-body": once(lambda _: b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"),
    "short-chunk": once(lambda _: b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"),
    "status-500": once(lambda _: reply(500, {"detail": "oh"}, connection="close")),
    "html": once(lambda _: reply(200, b"<html>", kind="text/html", connection="close")),
}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "died"}], ids=["derived", "keyed"])
def test_what_was_sent_and_not_answered_is_never_sent_again(plane: Plane, death: str, headers: dict[str, str]) -> None:
    plane.own.script = DEATHS[death]
    headers = {name: f"{value}-of-{death}" for name, value in headers.items()}
    first = work(plane, f"{death} {headers}", headers=headers)
    plane.own.script = FINE
    for answer in (first, *(work(plane, f"{death} {headers}", headers=headers) for _ in range(2))):
        problem = told(answer, 504, "outcome-unknown")
        assert (problem["executed"], problem["retry"]) == ("unknown", "never")
        assert "retry-after" not in answer.headers
    assert len(plane.own.got) == 1
    assert plane.records(first)[-1]["outcome"] == "in-doubt"


def test_a_caller_may_wait_less_than_the_operator_allows(plane: Plane) -> None:
    over = threading.Event()
    plane.own.script = lambda _got, _sock: over.wait(5)  # type: ignore[assignment]
    hurry = {"X-Request-Timeout": "0.2"}
    told(plane.http("GET", "/http/own/look", headers=hurry), 504, "upstream-timeout")
    assert told(work(plane, "slow", headers=hurry), 504, "outcome-unknown")["executed"] == "unknown"
    over.set()


def test_the_last_good_read_is_served_with_its_age(plane: Plane) -> None:
    good = plane.http("GET", "/http/own/files/kept")
    assert "age" not in good.headers
    plane.own.script = once(lambda _: reply(500, connection="close"))
    stale = plane.http("GET", "/http/own/files/kept")

    assert (stale.status_code, stale.content) == (200, good.content)
    assert 0 <= int(stale.headers["age"]) < 60
    assert plane.records(stale)[0]["fallback"]["reason"] == "upstream-invalid"
    told(plane.http("GET", "/http/own/files/never-seen"), 502, "upstream-invalid")
    told(plane.http("GET", "/http/own/files/kept", plane.bob), 502, "upstream-invalid")


def test_who_hangs_up_leaves_a_call_that_happens_once_and_can_be_asked_for(plane: Plane) -> None:
    go_on = threading.Event()

    def slow(got: Got, sock: Any) -> None:
        go_on.wait(5)
        FINE(got, sock)

    plane.own.script = slow  # type: ignore[assignment]
    with pytest.raises(httpx2.ReadTimeout):
        work(plane, 7, timeout=0.2, headers={"Idempotency-Key": "left"})
    go_on.set()
    answer = work(plane, 7, headers={"Idempotency-Key": "left"})

    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
    assert len(plane.own.got) == 1


def test_who_hangs_up_on_a_read_cancels_it(plane: Plane) -> None:
    left = threading.Event()

    def waits(_got: Got, sock: Any) -> None:
        sock.settimeout(5)
        if sock.recv(1) == b"":
            left.set()
        raise HangUp

    plane.own.script = waits  # type: ignore[assignment]
    before = len(plane.gateway.records(outcome="cancelled"))
    with pytest.raises(httpx2.ReadTimeout):
        plane.http("GET", "/http/own/look", timeout=0.2)

    assert left.wait(5)
    records = wait_for(lambda: plane.gateway.records(outcome="cancelled")[before:], "the record of who left", 5)
    assert [(record["method"], record["tool"]) for record in records] == [("GET", "own/look")]
