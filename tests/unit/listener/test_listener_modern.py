"""The modern conversation, from bytes to bytes."""

from typing import Any

import pytest
from listener_kit import ECHO, LINES, FakeRoad, call, modern, plane, send

from gateway.listener.visit import PAGE
from gateway.model.call import Asked, Reply, ReplyError
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc

SERVER = {"name": "sallyport", "version": "9.9"}


async def test_discovery_names_every_version_served_and_who_answers() -> None:
    road = FakeRoad()
    answer = await send(plane(road), *modern("server/discover", number="d"))
    result = answer.json["result"]
    assert (answer.status, answer.headers["content-type"], answer.json["id"]) == (200, "application/json", "d")
    assert result["supportedVersions"][0] == jsonrpc.MODERN
    assert set(jsonrpc.LEGACY) < set(result["supportedVersions"])
    assert result["capabilities"] == {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "completions": {},
        "logging": {},
    }
    assert (result["cacheScope"], result["resultType"]) == ("private", "complete")
    assert result["ttlMs"] >= 0
    assert result["_meta"][jsonrpc.META_SERVER_INFO] == SERVER
    assert (road.forgotten, road.refused) == (1, [])


async def test_a_list_shows_definitions_untouched_and_private() -> None:
    road = FakeRoad()
    result = (await send(plane(road), *modern("tools/list"))).json["result"]
    assert result["tools"] == [ECHO]
    assert (result["cacheScope"], result["resultType"]) == ("private", "complete")
    assert "nextCursor" not in result
    assert (road.listed, road.forgotten) == (1, 0)


async def test_a_long_list_comes_in_pages_that_miss_nothing() -> None:
    app = plane(FakeRoad(tools=[{"name": f"t{n}", "inputSchema": {}} for n in range(2 * PAGE + 1)]))
    seen: list[Any] = []
    params: dict[str, Any] = {}
    while True:
        result = (await send(app, *modern("tools/list", params))).json["result"]
        seen += result["tools"]
        if "nextCursor" not in result:
            break
        params = {"cursor": result["nextCursor"]}
    assert [tool["name"] for tool in seen] == [f"t{n}" for n in range(2 * PAGE + 1)]


async def test_a_call_reaches_the_road_and_its_result_comes_back_marked() -> None:
    road = FakeRoad()
    answer = await send(plane(road), *call("hi"))
    result = answer.json["result"]
    assert (answer.status, result["content"][0]["text"], result["x"]) == (200, "hi", 10**30)
    assert (result["resultType"], result["_meta"][jsonrpc.META_SERVER_INFO]) == ("complete", SERVER)
    [asked] = road.calls
    assert (asked.name, asked.arguments, asked.era, asked.version) == (
        "helpdesk_echo", {"text": "hi"}, "modern", jsonrpc.MODERN,
    )  # fmt: skip
    assert road.sealed == 1


async def test_headers_are_compared_after_their_outer_whitespace_is_gone() -> None:
    body, lines = call()
    padded = [(name, f" \t{value} \t" if name.startswith("mcp-") else value) for name, value in lines]
    assert (await send(plane(FakeRoad()), body, padded)).status == 200


async def test_a_parameter_header_that_agrees_passes() -> None:
    body, lines = modern("tools/call", {"name": "helpdesk_echo", "arguments": {"region": "Zürich"}})
    lines.append(("mcp-param-region", "=?base64?WsO8cmljaA==?="))
    assert (await send(plane(FakeRoad()), body, lines)).status == 200


async def test_the_body_decides_the_era_and_an_old_session_header_is_ignored() -> None:
    body, lines = call()
    assert (await send(plane(FakeRoad()), body, [*lines, ("mcp-session-id", "whatever")])).status == 200


async def test_a_notification_is_accepted_and_forgotten() -> None:
    road = FakeRoad()
    lines = [*LINES, ("mcp-protocol-version", jsonrpc.MODERN)]
    answer = await send(plane(road), jsonrpc.notification("notifications/whatever"), lines)
    assert (answer.status, answer.body, road.forgotten, road.refused) == (202, b"", 1, [])


async def test_a_hidden_and_an_absent_tool_are_refused_in_the_same_words() -> None:
    app = plane(FakeRoad())
    answer = await send(app, *modern("tools/call", {"name": "absent", "arguments": {}}))
    assert (answer.status, answer.json["error"]["code"], answer.outcome["reason"]) == (400, -32602, "unknown-tool")


async def test_a_refusal_the_model_can_act_on_is_a_tool_result() -> None:
    async def walk(asked: Asked) -> Reply:
        raise Refused(Reason.POLICY_DENIED, "user:alice may not refund.")

    answer = await send(plane(FakeRoad(walk=walk)), *call())
    result = answer.json["result"]
    assert (answer.status, result["isError"], result["resultType"]) == (200, True, "complete")
    assert result["content"][0]["text"].startswith("user:alice may not refund. ")
    assert answer.outcome == {
        "reason": "policy-denied",
        "code": 40302,
        "executed": "no",
        "retry": "never",
        "call_id": "call-1",
        "remedy": "Ask the owner of the policy if this should be permitted.",
    }
    assert "structuredContent" not in result


@pytest.mark.parametrize(("code", "status"), [(-32602, 400), (-32021, 400), (-32601, 200), (-32000, 200), (7, 200)])
async def test_an_upstreams_error_is_relayed_with_the_status_of_its_code(code, status) -> None:
    async def walk(asked: Asked) -> ReplyError:
        return ReplyError(code, "no", {"why": 1}, meta={"io.sallyport/provenance": {}})

    road = FakeRoad(walk=walk)
    answer = await send(plane(road), *call())
    assert answer.status == status
    assert answer.json["error"] == {"code": code, "message": "no", "data": {"why": 1, "io.sallyport/provenance": {}}}
    assert road.refused == []


@pytest.mark.parametrize(("theirs", "ours", "status"), [(-32002, -32602, 400), (-32042, -32603, 200)])
async def test_codes_of_older_servers_become_codes_of_this_era(theirs, ours, status) -> None:
    async def walk(asked: Asked) -> ReplyError:
        return ReplyError(theirs, "no", {"uri": "test://one"})

    answer = await send(plane(FakeRoad(walk=walk)), *modern("resources/read", {"uri": "test://one"}))
    assert (answer.status, answer.json["error"]["code"]) == (status, ours)


async def test_an_endpoint_of_an_agent_tells_identity_which() -> None:
    road = FakeRoad()
    await send(plane(road), *call(), path="/agents/support-bot/mcp")
    assert (road.opened[0].endpoint_agent, road.opened[0].credential, road.opened[0].peer) == (
        "support-bot", "alice", "127.0.0.1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "kind", "member"),
    [
        ("prompts/list", "prompts", "prompts"),
        ("resources/list", "resources", "resources"),
        ("resources/templates/list", "templates", "resourceTemplates"),
    ],
)
async def test_what_stands_beside_tools_is_listed_too(method, kind, member) -> None:
    entries = [{"name": "one", "uri": "test://one", "x": 1}]
    result = (await send(plane(FakeRoad(beside={kind: entries})), *modern(method))).json["result"]
    assert (result[member], result["cacheScope"], result["resultType"]) == (entries, "private", "complete")
    assert isinstance(result["ttlMs"], int)


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("prompts/get", {"name": "greet", "arguments": {"who": "you"}}, "greet"),
        ("resources/read", {"uri": "test://one"}, "test://one"),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "y"}},
            "greet",
        ),
    ],
)
async def test_what_stands_beside_tools_walks_the_road_too(method, params, name) -> None:
    async def walk(asked: Asked) -> Reply:
        return Reply({"x": 10**30})

    road = FakeRoad(walk=walk)
    answer = await send(plane(road), *modern(method, params))
    assert (answer.status, answer.json["result"]["x"]) == (200, 10**30)
    [asked] = road.calls
    assert (asked.method, asked.name) == (method, name)


@pytest.mark.parametrize(
    ("theirs", "ours"), [({}, 0), ({"ttlMs": 7}, 7), ({"ttlMs": -1}, 0), ({"ttlMs": True}, 0), ({"ttlMs": 1.5}, 0)]
)
async def test_a_resource_may_be_kept_as_long_as_its_server_says_and_by_its_reader_alone(theirs, ours) -> None:
    async def walk(asked: Asked) -> Reply:
        return Reply({"contents": [], "cacheScope": "public", **theirs})

    result = (await send(plane(FakeRoad(walk=walk)), *modern("resources/read", {"uri": "test://one"}))).json["result"]
    assert (result["ttlMs"], result["cacheScope"]) == (ours, "private")


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "unknown/method"],
)
async def test_methods_that_were_removed_are_unknown(method) -> None:
    answer = await send(plane(FakeRoad()), *modern(method, number="r"))
    assert (answer.status, answer.json["error"]["code"], answer.json["id"]) == (404, -32601, "r")
