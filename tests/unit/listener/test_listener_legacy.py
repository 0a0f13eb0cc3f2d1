"""The legacy conversation, from bytes to bytes."""

import asyncio
from dataclasses import replace

import pytest
from listener_kit import LINES, Exchange, FakeClock, FakeRoad, initialize, plane, scope, send

from gateway.listener.limits import Limits
from gateway.model.call import Asked, Reply
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc

CALL = jsonrpc.request(3, "tools/call", {"name": "helpdesk_echo", "arguments": {"text": "hi"}})


@pytest.mark.parametrize(
    ("wanted", "agreed"),
    [*((version, version) for version in jsonrpc.LEGACY), ("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25")],
)
async def test_initialize_agrees_on_a_legacy_version_and_never_on_a_modern_one(wanted, agreed) -> None:
    road = FakeRoad()
    params = {"protocolVersion": wanted, "clientInfo": {"name": "t", "version": "1"}, "capabilities": {}}
    answer = await send(plane(road), jsonrpc.request(0, "initialize", params))
    result = answer.json["result"]
    assert (result["protocolVersion"], result["serverInfo"]["name"]) == (agreed, "sallyport")
    assert "tools" in result["capabilities"]
    assert "resultType" not in result
    assert answer.headers["mcp-session-id"].isascii()
    assert (road.forgotten, road.refused, road.listed) == (1, [], 0)


async def test_initialize_is_legacy_whatever_its_header_says() -> None:
    params = {"protocolVersion": "2025-11-25", "clientInfo": {}, "capabilities": {}}
    lines = [*LINES, ("mcp-protocol-version", jsonrpc.MODERN)]
    answer = await send(plane(FakeRoad()), jsonrpc.request(0, "initialize", params), lines)
    assert answer.json["result"]["protocolVersion"] == "2025-11-25"


async def test_a_session_pings_sets_its_log_level_and_notifies() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app)
    assert (await send(app, jsonrpc.request("p", "ping"), session)).json == {"jsonrpc": "2.0", "id": "p", "result": {}}
    level = jsonrpc.request(2, "logging/setLevel", {"level": "warning"})
    assert (await send(app, level, session)).json["result"] == {}
    assert (await send(app, jsonrpc.notification("notifications/initialized"), session)).status == 202
    assert (await send(app, jsonrpc.result(9, {}), session)).status == 202
    assert (road.forgotten, road.refused) == (5, [])


async def test_a_session_lists_and_calls_without_modern_members() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app, "2025-06-18")
    listed = (await send(app, jsonrpc.request(2, "tools/list"), session)).json["result"]
    assert set(listed) == {"tools"}
    assert "outputSchema" not in listed["tools"][0], "an array schema means nothing to 2025-06-18"
    result = (await send(app, CALL, session)).json["result"]
    assert (result["content"][0]["text"], "resultType" in result, "_meta" in result) == ("hi", False, False)
    assert (road.calls[0].era, road.calls[0].version) == ("legacy", "2025-06-18")


@pytest.mark.parametrize("version", [None, *jsonrpc.LEGACY])
async def test_a_live_session_takes_any_known_legacy_version_header_or_none(version) -> None:
    app = plane(FakeRoad())
    session = await initialize(app, "2025-03-26")
    lines = session if version is None else [*session, ("mcp-protocol-version", version)]
    assert (await send(app, CALL, lines)).status == 200


async def test_a_json_rpc_error_in_a_session_is_a_200() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app)
    answer = await send(app, jsonrpc.request(2, "tasks/list"), session)
    assert (answer.status, answer.json["error"]["code"]) == (200, -32601)
    assert (await send(app, jsonrpc.request(2, "logging/setLevel", {"level": 7}), session)).status == 200
    assert [refusal.reason for refusal in road.refused] == [Reason.UNKNOWN_METHOD, Reason.INVALID_PARAMS]


async def test_a_session_of_another_principal_does_not_exist() -> None:
    app = plane(FakeRoad())
    session = await initialize(app)
    stolen = [line if line[0] != "authorization" else ("authorization", "Bearer mallory") for line in session]
    answer = await send(app, CALL, stolen)
    assert (answer.status, answer.json["error"]) == (404, "session-ended")


async def test_a_session_is_readable_by_another_process_with_the_same_secret() -> None:
    session = await initialize(plane(FakeRoad()))
    assert (await send(plane(FakeRoad()), CALL, session)).status == 200


async def test_delete_ends_a_session_for_good() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app)
    assert (await send(app, b"", session, method="DELETE")).status == 204
    for method in ("POST", "DELETE", "GET"):
        assert (await send(app, CALL, session, method=method)).status == 404
    assert [refusal.reason for refusal in road.refused] == [Reason.SESSION_ENDED] * 3


async def test_every_request_of_a_session_is_authenticated() -> None:
    app = plane(FakeRoad())
    session = [line for line in await initialize(app) if line[0] != "authorization"]
    assert (await send(app, CALL, session)).status == 401
    assert (await send(app, b"", session, method="GET")).status == 401


async def test_a_refusal_the_model_can_act_on_is_a_tool_result_without_modern_members() -> None:
    async def walk(asked: Asked) -> Reply:
        raise Refused(Reason.STOPPED, "An operator stopped this tool.")

    app = plane(FakeRoad(walk=walk))
    answer = await send(app, CALL, await initialize(app))
    assert (answer.status, answer.json["result"]["isError"], answer.outcome["code"]) == (200, True, 40305)
    assert "resultType" not in answer.json["result"]


async def opened(app, session, **how) -> tuple[Exchange, asyncio.Task[None]]:
    exchange = Exchange([], **how)
    task = asyncio.ensure_future(app(scope(session, "GET"), exchange.receive, exchange.send))
    async with asyncio.timeout(5):
        await exchange.started.wait()
    return exchange, task


async def ends(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(5):
        await task


async def test_a_stream_stays_open_and_breathes_until_its_caller_leaves() -> None:
    road = FakeRoad()
    app = plane(road, limits=Limits(keep_alive_s=0.001))
    exchange, task = await opened(app, await initialize(app))
    async with asyncio.timeout(5):
        while exchange.body.count(b": still here\n\n") < 3:
            await asyncio.sleep(0)
    assert (exchange.status, exchange.headers["content-type"]) == (200, "text/event-stream")
    assert not exchange.done
    exchange.gone.set()
    await ends(task)
    assert (road.forgotten, road.refused) == (2, [])


async def test_a_session_has_one_stream_at_a_time() -> None:
    road = FakeRoad()
    app = plane(road)
    session = await initialize(app)
    exchange, task = await opened(app, session)
    second = await send(app, b"", session, method="GET")
    assert (second.status, second.json["error"]) == (409, "stream-taken")
    exchange.gone.set()
    await ends(task)
    exchange, task = await opened(app, session)
    exchange.gone.set()
    await ends(task)
    assert [refusal.reason for refusal in road.refused] == [Reason.STREAM_TAKEN]


async def test_a_stream_ends_with_its_session_and_with_the_gateway() -> None:
    app = plane(FakeRoad())
    session = await initialize(app)
    exchange, task = await opened(app, session)
    await send(app, b"", session, method="DELETE")
    await ends(task)
    assert exchange.done
    exchange, task = await opened(app, await initialize(app))
    app.close()
    await ends(task)
    assert exchange.done
    assert (await send(app, b"", await initialize(app), method="GET")).done


async def test_a_stream_ends_when_the_credential_that_opened_it_does(monkeypatch) -> None:
    import listener_kit

    clock = FakeClock()
    monkeypatch.setattr(listener_kit, "ALICE", replace(listener_kit.ALICE, expires_at=clock.now() + 60))
    app = plane(FakeRoad(), limits=Limits(keep_alive_s=0.001), clock=clock)
    exchange, task = await opened(app, await initialize(app))
    clock.at += 61
    await ends(task)
    assert exchange.done


async def test_open_streams_are_bounded_and_are_no_requests_in_flight() -> None:
    road = FakeRoad()
    app = plane(road, limits=Limits(streams=1, in_flight=1))
    exchange, task = await opened(app, await initialize(app))
    assert (await send(app, b"", await initialize(app), method="GET")).json["error"] == "sessions-full"
    exchange.gone.set()
    await ends(task)


async def test_initialize_that_says_too_much_of_itself_is_refused() -> None:
    params = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "x" * 5_000}, "capabilities": {}}
    answer = await send(plane(FakeRoad()), jsonrpc.request(0, "initialize", params), LINES)
    assert (answer.status, answer.json["error"]["code"]) == (200, -32602)
