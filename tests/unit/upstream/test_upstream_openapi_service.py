"""A plain HTTP service as an upstream: where its document comes from, what goes out, and what never does."""

import json
import logging

import pytest
from openapi_kit import PETS, call, document, get, parameter, service
from upstream_kit import RealClock, peer, reply, soon

from gateway.config.upstreams import OpenApi
from gateway.model.operation import HttpOperation, HttpTools
from gateway.model.outcome import Answered, Unsent
from gateway.ports import Upstream, UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream import openapi
from gateway.upstream.make import make_upstream
from gateway.upstream.openapi_match import HttpRoutes

_TRACE = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "tracestate": "bad\r\nx: y", "other": "no"}


async def _answer(_seen, writer):
    writer.write(reply(200, {}, set_cookie="a=b"))


async def tools(up):
    return {one["name"]: one for one in await up.list_tools(soon())}


async def test_a_call_goes_out_as_its_operation_below_the_base_url(tmp_path) -> None:
    headers = {"Authorization": "Bearer s", "accept": "x", "X-Region": "fixed"}
    async with peer(_answer) as server, service(server.url + "/v1/?x=1", tmp_path, headers=headers) as up:
        known = await tools(up)
        arguments = {"petId": "a b/ü".replace("/", ""), "body": {"name": "Rex", "n": 10**30}}
        await up.send(call(known["replacePet"], arguments, meta=_TRACE, idempotency_key="k1"), soon())
        await up.send(call(known["listPets"], {"tags": ["a&b", "+"]}, meta=_TRACE), soon())
        assert "X-Region" not in known["listPets"]["inputSchema"]["properties"]
    put, listing = server.seen
    assert put.head.startswith("PUT /mcp/v1/pets/a%20b%C3%BC HTTP/1.1\r\n")
    assert put.message == {"name": "Rex", "n": 10**30}
    assert put.headers["content-type"] == "application/json"
    assert put.headers["idempotency-key"] == "k1"
    assert put.headers["authorization"] == "Bearer s"
    assert put.headers["traceparent"] == _TRACE["traceparent"]
    assert "tracestate" not in put.headers
    assert "other" not in put.headers
    assert listing.head.startswith("GET /mcp/v1/pets?tags=a%26b&tags=%2B HTTP/1.1\r\n")
    assert listing.headers["accept"] == "application/json, text/plain, text/csv, text/markdown"
    assert listing.headers["accept-encoding"] == "identity"
    assert listing.headers["x-region"] == "fixed"
    assert not {"content-type", "idempotency-key", "cookie"} & listing.headers.keys()


async def test_crash_points_stand_around_the_write_of_a_request_without_a_body_too(tmp_path) -> None:
    points = []
    async with peer(_answer) as server:

        def reached(point):
            points.append((point, len(server.seen)))

        async with service(server.url, tmp_path, reached=reached) as up:
            await up.send(call((await tools(up))["delete_pets_petId"], {"petId": "7"}), soon())
    assert points == [("upstream.before-send", 0), ("upstream.after-send", 0), ("upstream.answered", 1)]


@pytest.mark.parametrize("tool", ["getPet", "delete_pets_petId", "replacePet"])
async def test_a_request_that_met_a_closing_warm_connection_is_never_sent_again(tmp_path, tool) -> None:
    async def script(_seen, writer):
        if len(server.seen) == 1:
            writer.write(reply(200, {}))
        else:
            writer.transport.abort()

    async with peer(script) as server, service(server.url, tmp_path) as up:
        known = await tools(up)
        assert isinstance(await up.send(call(known[tool], {"petId": "7"}), soon()), Answered)
        await up.send(call(known[tool], {"petId": "7"}), soon())
        assert [seen.connection for seen in server.seen] == [1, 1]


async def test_an_argument_cannot_turn_a_call_into_another_operation(tmp_path) -> None:
    async with peer(_answer) as server, service(server.url, tmp_path) as up:
        outcome = await up.send(call((await tools(up))["getPet"], {"petId": "mine"}), soon())
        assert outcome == Unsent("an argument would turn it into another operation", cause="unfit")
        assert server.seen == []


async def test_an_argument_cannot_reach_a_hidden_operation_either(tmp_path) -> None:
    item = {"get": {"operationId": "one", "parameters": [parameter("id", place="path", required=True)]}}
    hidden = {"get": {"requestBody": {"required": True, "content": {"text/xml": {}}}}}
    async with (
        peer(_answer) as server,
        service(server.url, tmp_path, document({"/a/{id}": item, "/a/admin": hidden})) as up,
    ):
        assert isinstance(await up.send(call((await tools(up))["one"], {"id": "admin"}), soon()), Unsent)
        assert server.seen == []


async def test_arguments_that_cannot_be_carried_are_not_sent_and_the_fault_is_theirs(tmp_path) -> None:
    async with service("http://127.0.0.1:1", tmp_path) as up:
        outcome = await up.send(call((await tools(up))["getPet"], {"petId": ".."}), soon())
    assert isinstance(outcome, Unsent)
    assert outcome.cause == "unfit"


async def test_a_call_of_a_definition_that_has_changed_is_not_sent(tmp_path) -> None:
    async with peer(_answer) as server, service(server.url, tmp_path) as up:
        old = (await tools(up))["getPet"]
        paths = {"/pets/{petId}": {"delete": PETS["paths"]["/pets/{petId}"]["get"]}}
        paths["/pets/{petId}"]["parameters"] = PETS["paths"]["/pets/{petId}"]["parameters"]
        (tmp_path / "pets.json").write_text(json.dumps({**PETS, "paths": paths}))
        assert list(await tools(up)) == ["getPet"]
        assert await up.send(call(old, {"petId": "7"}), soon()) == Unsent("its document has changed")
        assert await up.send(call({**old, "name": "gone"}), soon()) == Unsent("its document has changed")
        assert server.seen == []


async def test_problems_are_logged_once_and_a_bad_document_keeps_the_last_good_one(tmp_path, caplog) -> None:
    caplog.set_level(logging.WARNING, "sallyport.upstream")
    many = document({f"/p{number}": {"trace": {}} for number in range(60)} | {"/a": {"get": {"operationId": "things"}}})
    async with service("http://127.0.0.1:1", tmp_path, many) as up:
        for _ in range(2):
            await up.list_tools(soon())
        assert len(caplog.messages) == 51
        assert caplog.messages[-1] == "upstream pets: and 10 more like these"
        (tmp_path / "pets.json").write_text("{")
        with pytest.raises(UpstreamFault, match="The document of upstream pets cannot be used: it is not JSON"):
            await up.list_tools(soon())
        assert up._operations.keys() == {"things"}
        (tmp_path / "pets.json").unlink()
        with pytest.raises(UpstreamFault, match="cannot be read from its file"):
            await up.list_tools(soon())


async def test_a_document_that_cannot_be_used_is_read_once_and_one_that_can_is_taken(tmp_path, monkeypatch) -> None:
    read, found = [], openapi._found
    monkeypatch.setattr(openapi, "_found", lambda data, configured: read.append(data) or found(data, configured))
    good, bad = json.dumps(PETS).encode(), b"{"
    async with service("http://127.0.0.1:1", tmp_path) as up:
        for written in (bad, bad, good, bad, bad, good):
            (tmp_path / "pets.json").write_bytes(written)
            if written == good:
                assert await up.list_tools(soon())
                continue
            with pytest.raises(UpstreamFault, match="cannot be used: it is not JSON"):
                await up.list_tools(soon())
    assert read == [bad, good, bad]


async def test_the_http_plane_finds_the_operations_as_soon_as_they_are_known(tmp_path) -> None:
    routes = HttpRoutes()
    tools_of_all: HttpTools = routes
    async with service("http://127.0.0.1:1", tmp_path, routes=routes) as up:
        assert tools_of_all.serves("pets")
        assert tools_of_all.match("pets", "GET", "/pets/7") is None
        await up.list_tools(soon())
        operation: HttpOperation | None = tools_of_all.match("pets", "GET", "/pets/7")
        assert operation is not None
        assert operation.tool == "pets/getPet"


async def test_a_document_may_be_fetched_with_the_headers_only_its_own_service_gets(tmp_path) -> None:
    async def script(_seen, writer):
        writer.write(reply(200, PETS))

    headers = {"Authorization": "Bearer s"}
    async with peer(script) as own, peer(script) as other:
        for place, sent in ((own.url + "/openapi.json", "Bearer s"), (other.url, None)):
            async with service(own.url, tmp_path, place, headers=headers) as up:
                assert len(await up.list_tools(soon())) == 7
            server = own if sent else other
            assert server.seen[-1].headers.get("authorization") == sent
            assert server.seen[-1].head.startswith("GET ")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(404, {}), "HTTP 404"),
        (reply(302, location="http://127.0.0.1:1/"), "HTTP 302"),
        (reply(200, b"{}", content_length="99999999"), "an answer of more than 10485760 bytes"),
        (b"nonsense\r\n\r\n", "the connection broke before the answer was complete"),
    ],
)
async def test_a_document_that_cannot_be_fetched_is_a_fault_that_says_why(tmp_path, answer, why) -> None:
    async def script(_seen, writer):
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with peer(script) as server, service(server.url, tmp_path, server.url) as up:
        with pytest.raises(UpstreamFault) as fault:
            await up.list_tools(soon())
    assert str(fault.value) == f"The document of upstream pets could not be fetched: {why}."


async def test_a_document_at_no_url_is_a_fault(tmp_path) -> None:
    async with service("http://127.0.0.1:1", tmp_path, "http://[") as up:
        with pytest.raises(UpstreamFault, match="is not at a URL"):
            await up.list_tools(soon())


async def test_the_kind_openapi_makes_one_that_reads_beside_the_configuration(tmp_path) -> None:
    (tmp_path / "pets.yaml").write_text("openapi: 3.1.0\npaths: {/a: {get: {operationId: a}}}\n")
    config = OpenApi(kind="openapi", url="http://u:p@127.0.0.1:1/v1?q=1", document="pets.yaml")
    routes = HttpRoutes()
    tasks = Tasks()
    up: Upstream = make_upstream("pets", config, RealClock(), tasks, print, tmp_path, routes)
    assert up.address == "http://127.0.0.1:1/v1"
    assert [one["name"] for one in await up.list_tools(soon())] == ["a"]
    assert routes.match("pets", "GET", "/a") is not None
    await up.close()


async def test_slots_are_limited_like_any_upstreams(tmp_path) -> None:
    async with service("http://127.0.0.1:1", tmp_path, get(), max_in_flight=1) as up:
        with await up.permit(soon(), "bot"):
            assert up.try_permit("bot") is None
        assert up.try_permit("bot") is not None
