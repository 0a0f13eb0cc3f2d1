"""What a legacy session may use beside tools: prompts, resources, completion, levels, subscriptions."""

import pytest
from listener_kit import ALICE, LINES, MALLORY, FakeRoad, initialize, plane, send
from listener_legacy_kit import ABLE, begin, call, events, held

from gateway.listener.limits import Limits
from gateway.model.call import Asked, Reply, ReplyError
from gateway.model.dialogue import SILENT_IN_SESSION
from gateway.model.news import Updated
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc

DOC = {"uri": "doc://a", "name": "a"}
BESIDE = {
    "prompts": [{"name": "helpdesk_greet", "icons": [{"src": "x"}]}],
    "resources": [DOC],
    "templates": [{"uriTemplate": "doc://{name}", "name": "doc"}],
}


async def test_initialize_declares_everything_a_legacy_client_may_use() -> None:
    params = {"protocolVersion": "2025-11-25", "clientInfo": {}, "capabilities": {}}
    answer = await send(plane(FakeRoad()), jsonrpc.request(0, "initialize", params))
    assert answer.json["result"]["capabilities"] == {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "completions": {},
        "logging": {},
    }


@pytest.mark.parametrize(
    ("method", "member", "kind"),
    [
        ("prompts/list", "prompts", "prompts"),
        ("resources/list", "resources", "resources"),
        ("resources/templates/list", "resourceTemplates", "templates"),
    ],
)
async def test_what_is_beside_tools_is_listed_as_it_is(method, member, kind) -> None:
    app = plane(FakeRoad(beside=BESIDE))
    answer = await send(app, jsonrpc.request(1, method), await initialize(app))
    assert answer.json["result"] == {member: BESIDE[kind]}


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("prompts/get", {"name": "helpdesk_greet", "arguments": {"who": "Ann"}}, {"messages": []}),
        ("resources/read", {"uri": "doc://a"}, {"contents": [{"uri": "doc://a", "text": "x"}]}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "helpdesk_greet"}, "argument": {"name": "who", "value": "A"}},
            {"completion": {"values": ["Ann"]}},
        ),
    ],
)
async def test_what_walks_the_road_comes_back_without_modern_members(method, params, result) -> None:
    async def walk(asked: Asked) -> Reply:
        return Reply({**result, "resultType": "complete", "ttlMs": 5, "cacheScope": "private", "x": 10**30})

    road = FakeRoad(walk=walk)
    app = plane(road)
    answer = await send(app, jsonrpc.request(1, method, params), await initialize(app))
    assert answer.json["result"] == {**result, "x": 10**30}
    assert [asked.method for asked in road.calls] == [method]


@pytest.mark.parametrize(
    ("method", "code", "told"),
    [("resources/read", -32602, -32002), ("tools/call", -32602, -32602), ("tools/call", -32021, -32600)],
)
async def test_codes_of_the_stateless_revision_become_older_ones(method, code, told) -> None:
    async def walk(asked: Asked) -> ReplyError:
        return ReplyError(code, "no", {"uri": "doc://x"})

    app = plane(FakeRoad(walk=walk))
    answer = await send(app, call(method=method, uri="doc://x"), await initialize(app))
    assert answer.json["error"] == {"code": told, "message": "no", "data": {"uri": "doc://x"}}


async def test_a_resource_that_is_refused_has_the_older_code_too() -> None:
    async def walk(asked: Asked) -> Reply:
        raise Refused(Reason.UNKNOWN_RESOURCE, "There is no such resource.")

    app = plane(FakeRoad(walk=walk))
    answer = await send(app, jsonrpc.request(1, "resources/read", {"uri": "doc://x"}), await initialize(app))
    assert (answer.status, answer.json["error"]["code"], answer.outcome["reason"]) == (200, -32002, "unknown-resource")


async def test_a_result_that_asks_a_client_which_cannot_be_asked_is_an_error() -> None:
    async def walk(asked: Asked) -> Reply:
        return Reply({"resultType": "input_required", "requestState": "secret"})

    app = plane(FakeRoad(walk=walk))
    answer = await send(app, call(), await initialize(app))
    assert answer.json["error"]["code"] == -32600
    assert b"secret" not in answer.body


async def test_a_subscription_wants_the_resource_and_its_end_does_not() -> None:
    road = FakeRoad(beside=BESIDE)
    app = plane(road)
    wanted: list[object] = []
    app.hub.wanted = wanted.append
    session = await initialize(app)
    for _ in range(2):
        answer = await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": "doc://a"}), session)
        assert answer.json["result"] == {}
    assert wanted == [{"helpdesk": frozenset({"doc://a"})}]
    for uri in ("doc://a", "doc://never"):
        answer = await send(app, jsonrpc.request(1, "resources/unsubscribe", {"uri": uri}), session)
        assert answer.json["result"] == {}
    assert wanted[1:] == [{}]
    await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": "doc://a"}), session)
    await send(app, b"", session, method="DELETE")
    assert wanted[3:] == [{}], "DELETE ends subscriptions"


async def test_a_hidden_resource_cannot_be_subscribed_to_and_is_refused_like_an_absent_one() -> None:
    road = FakeRoad(beside=BESIDE)
    app = plane(road)
    mallory = [line if line[0] != "authorization" else ("authorization", "Bearer mallory") for line in LINES]
    told = []
    for lines, who, uri in ((LINES, ALICE, "doc://b"), (mallory, MALLORY, "doc://a")):
        session = await initialize(app, lines=lines)
        answer = await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": uri}), session)
        told.append((answer.json["error"]["code"], answer.json["error"]["message"]))
        assert held(app, session, who) is None
    assert told == [(-32002, "There is no such resource.")] * 2
    assert [refusal.reason for refusal in road.refused] == [Reason.UNKNOWN_RESOURCE] * 2


@pytest.mark.parametrize("uri", [None, 7, "", "x" * 5_000])
async def test_a_subscription_needs_a_uri(uri) -> None:
    app = plane(FakeRoad())
    session = await initialize(app)
    for method in ("resources/subscribe", "resources/unsubscribe"):
        answer = await send(app, jsonrpc.request(1, method, {"uri": uri}), session)
        assert answer.json["error"]["code"] == -32602


@pytest.mark.parametrize("limits", [Limits(subscriptions=3), Limits(subscribed_chars=3 * len("doc://0"))])
async def test_subscriptions_of_a_session_are_bounded(limits) -> None:
    road = FakeRoad(beside={"resources": [{"uri": f"doc://{n}"} for n in range(4)]})
    app = plane(road, limits=limits)
    session = await initialize(app)
    answers = [
        await send(app, jsonrpc.request(1, "resources/subscribe", {"uri": f"doc://{n}"}), session) for n in range(4)
    ]
    assert ["result" in answer.json for answer in answers] == [True, True, True, False]
    [ear] = app.hub._ears
    assert ear.resources == {Updated("helpdesk", f"doc://{n}") for n in range(3)}


@pytest.mark.parametrize(
    ("capabilities", "meta", "level", "takes_events", "silent"),
    [
        ({}, {}, None, True, True),
        ({"experimental": {}}, {}, None, True, True),
        ({}, {"progressToken": True}, None, True, True),
        (ABLE, {"progressToken": "p"}, "debug", False, True),
        (ABLE, {}, None, True, False),
        ({}, {"progressToken": 0}, None, True, False),
        ({}, {}, "error", True, False),
    ],
)
async def test_only_a_client_that_can_hear_or_be_asked_has_a_dialogue(
    capabilities, meta, level, takes_events, silent
) -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app, capabilities=capabilities)
    if level is not None:
        await send(app, jsonrpc.request(1, "logging/setLevel", {"level": level}), session)
    stream = begin(app, call(_meta=meta), events(session) if takes_events else session)
    await stream.end()
    assert (road.calls[0].dialogue is SILENT_IN_SESSION) is silent
    assert stream.exchange.headers["content-type"] == "application/json", "nothing was said, so nothing is streamed"
    assert stream.exchange.json["result"]["content"][0]["text"] == "None"
    assert (len(app._legacy._table) == 0) is (silent and level is None), "a plain call leaves nothing behind"


async def test_a_dialogue_knows_its_session_and_what_its_client_declared_and_no_more() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(
        app, "2025-06-18", {"elicitation": {"url": {}}, "tasks": {}, "roots": {"listChanged": True}}
    )
    await send(app, jsonrpc.request(1, "logging/setLevel", {"level": "notice"}), session)
    await begin(app, call(_meta={"progressToken": "p"}), events(session)).end()
    talk = road.calls[0].dialogue
    assert talk.capabilities == {"elicitation": {}, "roots": {"listChanged": True}}
    assert (talk.log_level, talk.progress_token, talk.stateless) == ("notice", "p", False)
    other = await initialize(app, capabilities=ABLE)
    await begin(app, call(), events(other)).end()
    assert talk.session not in (None, road.calls[1].dialogue.session)
