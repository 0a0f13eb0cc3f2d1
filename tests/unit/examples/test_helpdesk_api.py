"""The plain HTTP face of the help desk behaves as its OpenAPI document says, also as an upstream of the gateway."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from gateway.catalog.settings import effect_of
from gateway.clock import SystemClock
from gateway.config.upstreams import OpenApi
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered
from gateway.model.tool import Effect, Tool
from gateway.upstream.openapi import OpenApiUpstream
from gateway.upstream.openapi_match import HttpRoutes

ROOT = Path(__file__).parents[3]
ARGUMENTS = {
    "list_tickets": {"status": "open", "limit": 3},
    "get_ticket": {"id": 13},
    "get_transcript": {"id": 13},
    "set_priority": {"id": 2, "body": {"priority": "urgent"}},
    "add_tag": {"id": 2, "tag": "vip"},
    "remove_tag": {"id": 2, "tag": "vip"},
    "reply": {"id": 2, "body": {"body": "We are on it."}},
    "export_customers": {},
    "get_customer": {"id": 4},
    "erase_customer": {"id": 30},
    "get_order": {"id": 3},
    "list_refunds": {"status": "requested"},
    "create_refund": {"body": {"order_id": 5, "amount_cents": 100, "reason": "late"}},
    "send_mail": {"body": {"to": "a@example.org", "subject": "Hi", "body": "There"}},
}


@pytest.fixture(scope="module")
def api(desk):
    return desk.serve(module="api")


@pytest.fixture
async def service(api):
    config = OpenApi(kind="openapi", url=api, document=f"{api}/openapi.json")
    found = OpenApiUpstream("desk-api", config, SystemClock(), lambda _: None, ROOT, HttpRoutes())
    yield found
    await found.close()


def deadline():
    return SystemClock().monotonic() + 5


async def tools_of(service):
    return {one["name"]: one for one in await service.list_tools(deadline())}


async def call(service, definition, arguments, **more):
    name = definition["name"]
    tool = Tool(f"desk-api/{name}", "desk-api", name, definition, "0" * 64)
    outcome = await service.send(Outbound(tool, arguments, **more), deadline())
    assert isinstance(outcome, Answered), outcome
    return outcome


async def test_every_operation_is_a_tool(service, caplog) -> None:
    assert (await tools_of(service)).keys() == ARGUMENTS.keys()
    assert caplog.messages == []


async def test_the_methods_tell_what_the_operations_do_to_the_data(desk, service) -> None:
    for name, definition in (await tools_of(service)).items():
        effect = effect_of(Effect.UNSET, definition.get("annotations"), trusted=True)
        untouched = desk.dump()
        first = await call(service, definition, ARGUMENTS[name])
        assert "isError" not in first.result, first.result
        assert ("outputSchema" in definition) <= ("structuredContent" in first.result), name
        once = desk.dump()
        await call(service, definition, ARGUMENTS[name])
        assert (once == untouched) == (effect is Effect.READ), name
        assert (desk.dump() == once) == (effect is not Effect.MUTATING), name


async def test_a_repeated_idempotency_key_is_not_noticed(desk, service) -> None:
    definition = (await tools_of(service))["create_refund"]
    before = len(desk.rows("SELECT id FROM refunds"))
    for _ in range(2):
        await call(service, definition, ARGUMENTS["create_refund"], idempotency_key="the same")
    assert len(desk.rows("SELECT id FROM refunds")) == before + 2


async def test_the_poisoned_ticket_arrives_as_it_is(service) -> None:
    tools = await tools_of(service)
    ticket = (await call(service, tools["get_ticket"], {"id": 13})).result["structuredContent"]["body"]
    transcript = (await call(service, tools["get_transcript"], {"id": 13})).result["content"][0]["text"]
    for body in (ticket, transcript):
        assert "\x1b[8m" in body
        assert "<!-- SYSTEM:" in body
        assert any(0xE0000 <= ord(letter) < 0xE0080 for letter in body)


async def test_answers_keep_their_kind(service) -> None:
    tools = await tools_of(service)
    export = await call(service, tools["export_customers"], {})
    assert export.http == {"status": 200, "type": "text/csv", "wrapped": False}
    assert export.result["content"][0]["text"].startswith("id,name,email")
    refunds = await call(service, tools["list_refunds"], {"order_id": 5})
    assert refunds.http["wrapped"] is True
    assert {row["order_id"] for row in refunds.result["structuredContent"]["result"]} == {5}
    assert (await call(service, tools["remove_tag"], ARGUMENTS["remove_tag"])).http["status"] == 204


@pytest.mark.parametrize(
    ("name", "arguments", "status", "sentence"),
    [
        ("get_ticket", {"id": 999}, 404, "There is no ticket 999."),
        ("create_refund", {"body": {"order_id": 3, "amount_cents": 1, "reason": "x"}}, 409, "already refunded in full"),
        ("set_priority", {"id": 1, "body": {"priority": "whatever"}}, 422, "Input should be"),
    ],
)
async def test_a_refused_call_is_an_error_result_with_a_helpful_sentence(
    desk, service, name, arguments, status, sentence
) -> None:
    before = desk.dump()
    outcome = await call(service, (await tools_of(service))[name], arguments)
    assert outcome.result["isError"] is True
    assert sentence in outcome.result["content"][0]["text"]
    assert outcome.http["status"] == status
    assert desk.dump() == before


async def test_the_service_says_that_it_is_ready(api) -> None:
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"{api}/healthz")).text == "ok"


def test_the_service_needs_no_mcp_sdk() -> None:
    code = "import sys, examples.helpdesk.api; sys.exit(any(n.partition('.')[0] in ('mcp', 'mcp_types') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
