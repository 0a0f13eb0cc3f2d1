"""Plain HTTP, from a request to the call it becomes, and from the call's ending to a response."""

import asyncio

import pytest
from listener_http_kit import HTTP_LINES, META, TYPED, FakeTools, HttpRoad, answering, ask, http_plane, http_scope
from listener_kit import Exchange

from gateway.model.call import Asked, Reply, ReplyError


def served(status: object = 200, kind: object = "application/json", wrapped: bool = False, **marks: object):
    return {META: {"status": status, "type": kind, "wrapped": wrapped}, **marks}


async def test_a_request_walks_the_road_as_the_published_tool_of_its_operation() -> None:
    road = HttpRoad()
    lines = [*TYPED, ("X-Team", " a"), ("x-team", "b "), ("cookie", "c=1"), ("Proxy-Authorization", "x")]
    answer = await ask(http_plane(road), "POST", "/http/helpdesk/tickets?a=%20b&a=2", {"n": 10**30}, lines)
    assert answer.status == 200
    [asked] = road.calls
    assert (asked.name, asked.era, asked.version, asked.key) == ("helpdesk_open", "modern", "http", None)
    assert (asked.arguments["query"], asked.arguments["body"]) == ("a=%20b&a=2", {"n": 10**30})
    fields = asked.arguments["headers"]
    assert fields["x-team"] == "a, b"
    assert not {"authorization", "cookie", "proxy-authorization"} & set(fields), "credentials are no arguments"
    assert (road.records[0].notes["method"], road.records[0].notes["asked"]) == ("POST", "helpdesk_open")
    assert (road.sealed, road.refused) == (1, [])


async def test_a_path_is_matched_as_it_was_sent() -> None:
    road, tools = HttpRoad(), FakeTools()
    answer = await ask(http_plane(road, http=tools), "GET", "/http/helpdesk/files/a%2Fb")
    assert (answer.status, tools.asked) == (200, [("helpdesk", "GET", "/files/a%2Fb")])
    assert road.calls[0].arguments["body"] is None


@pytest.mark.parametrize("sent", ["k-1", '"k-1"', ' "k-1" '])
async def test_key_deadline_and_trace_come_from_headers(sent) -> None:
    road = HttpRoad()
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    lines = [*HTTP_LINES, ("idempotency-key", sent), ("x-request-timeout", "1.5"), ("traceparent", trace)]
    await ask(http_plane(road), "GET", "/http/helpdesk/tickets/7", b"", lines)
    [asked] = road.calls
    assert (asked.key, asked.key_source, asked.deadline_ms) == ("k-1", "header", 1500)
    assert (asked.trace.id, asked.trace.parent) == ("a" * 32, "b" * 16)


async def test_the_url_of_an_agent_tells_identity_which() -> None:
    road = HttpRoad()
    assert (await ask(http_plane(road), "GET", "/agents/support-bot/http/helpdesk/tickets/7")).status == 200
    assert road.opened[0].endpoint_agent == "support-bot"


async def test_head_is_a_get_whose_body_stays_here() -> None:
    road, tools = answering({"structuredContent": {"a": 1}, "_meta": served()}), FakeTools()
    answer = await ask(http_plane(road, http=tools), "HEAD", "/http/helpdesk/tickets/7")
    assert (answer.status, answer.body, answer.headers["content-length"], answer.done) == (200, b"", "7", True)
    assert [method for _, method, _ in tools.asked] == ["HEAD", "GET"]
    assert road.records[0].notes["method"] == "HEAD"


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        ({"structuredContent": {"a": 1}, "_meta": served(201)}, 201, "application/json", b'{"a":1}'),
        ({"structuredContent": {"result": [1]}, "_meta": served(wrapped=True)}, 200, "application/json", b"[1]"),
        ({"structuredContent": {"result": None}, "_meta": served(wrapped=True)}, 200, "application/json", b"null"),
        ({"structuredContent": {"result": [1]}, "_meta": served()}, 200, "application/json", b'{"result":[1]}'),
        (
            {"structuredContent": {"x": 1}, "isError": True, "_meta": served(404, "application/problem+json")},
            404, "application/problem+json", b'{"x":1}',
        ),
        (
            {"content": [{"type": "text", "text": "grüß"}, {"type": "text", "text": "hint"}], "_meta": served(200, "Text/CSV; x=1")},
            200, "text/csv; charset=utf-8", "grüß".encode(),
        ),
        ({"content": [], "_meta": served(204, "")}, 204, None, b""),
        ({"content": [{"type": "text", "text": "x"}], "_meta": served(304)}, 304, None, b""),
        ({"content": [], "_meta": served(202, None)}, 202, None, b""),
        ({"structuredContent": [1]}, 200, "application/json", b"[1]"),
        ({"content": [{"type": "text", "text": "x"}]}, 200, "application/json", b'{"content":[{"type":"text","text":"x"}]}'),
        ({"structuredContent": {}, "isError": True}, 502, "application/json", b"{}"),
        ({"structuredContent": {}, "_meta": served(101)}, 200, "application/json", b"{}"),
        ({"structuredContent": {}, "_meta": served("200")}, 200, "application/json", b"{}"),
        ({"structuredContent": {}, "_meta": served(200, "a/b\r\nset-cookie: x")}, 200, "application/json", b"{}"),
        ({"structuredContent": {}, "_meta": {META: "x"}}, 200, "application/json", b"{}"),
    ],
)  # fmt: skip
async def test_a_result_becomes_the_response_it_was(result, status, kind, body) -> None:
    answer = await ask(http_plane(answering(result)), "GET", "/http/helpdesk/tickets/7")
    assert (answer.status, answer.headers.get("content-type"), answer.body) == (status, kind, body)
    assert answer.headers.get("content-length") == (None if status in (204, 304) else str(len(body)))
    assert answer.headers["sallyport-call"] == "call-1"
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert not {"idempotent-replayed", "sallyport-hint", "age", "set-cookie"} & set(answer.headers)


async def test_a_replay_and_a_hint_are_said_in_headers() -> None:
    marks = {"io.sallyport/replayed": True, "io.sallyport/hint": "Stop\r\nSet-Cookie: ä\x00 " + "x" * 900}
    answer = await ask(http_plane(answering({"_meta": served(**marks)})), "GET", "/http/helpdesk/tickets/7")
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.headers["sallyport-hint"].startswith("Stop Set-Cookie: x")
    assert len(answer.headers["sallyport-hint"]) <= 500
    assert "set-cookie" not in answer.headers


async def test_a_last_good_result_says_its_age() -> None:
    stale = {"io.sallyport/stale": {"at": "x", "age_s": 42, "reason": "upstream-timeout"}}
    answer = await ask(http_plane(answering({"_meta": served(**stale)})), "GET", "/http/helpdesk/tickets/7")
    assert answer.headers["age"] == "42"


async def test_a_relayed_error_is_a_bad_gateway_that_says_it_ran() -> None:
    async def walk(asked: Asked) -> ReplyError:
        return ReplyError(-32000, "no\nsuch", {"why": 1}, meta={"io.sallyport/replayed": True})

    answer = await ask(http_plane(HttpRoad(walk=walk)), "GET", "/http/helpdesk/tickets/7")
    assert (answer.status, answer.headers["content-type"]) == (502, "application/problem+json")
    assert answer.headers["idempotent-replayed"] == "true"
    assert (answer.json["detail"], answer.json["data"], answer.json["executed"]) == ("no\nsuch", {"why": 1}, "yes")


async def test_delivery_is_told_once_and_only_when_the_caller_was_there() -> None:
    told: list[int] = []
    road = answering({"structuredContent": {}, "_meta": served()}, lambda: told.append(1))
    await ask(http_plane(road), "GET", "/http/helpdesk/tickets/7")
    assert told == [1]
    await ask(http_plane(road), "GET", "/http/helpdesk/tickets/7", closes=True)
    assert told == [1]


async def test_leaving_cancels_the_call_and_sends_nothing() -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def walk(asked: Asked) -> Reply:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    exchange = Exchange([b"{}"])
    app = http_plane(HttpRoad(walk=walk))
    task = asyncio.ensure_future(
        app(http_scope("POST", "/http/helpdesk/tickets", TYPED), exchange.receive, exchange.send)
    )
    async with asyncio.timeout(5):
        await entered.wait()
        exchange.gone.set()
        await task
    assert cancelled.is_set()
    assert exchange.status == 0
