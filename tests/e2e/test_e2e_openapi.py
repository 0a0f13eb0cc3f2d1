"""An OpenAPI document as tools on `/mcp`: as published, permitted by their bodies, once, cleaned, and kept up to date."""

from collections.abc import Iterator
from typing import Any

import pytest
from bad_peer import reply
from e2e_clients import sdk
from e2e_http_kit import FINE, OWN, Json, Plane, document, names, once, operation, upstream
from e2e_kit import outcome, structured, text, wait_for

HIDDEN = {*"\u200b\u200c\u200d\u2060\x1b"} | {chr(code) for code in range(0xE0000, 0xE0080)}
REFUND = "request_refund"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("openapi"))
    yield made
    made.close()


def call(plane: Plane, name: str, arguments: Json | None = None, **more: Any) -> Json:
    return plane.gateway.call(plane.alice, name, arguments, **more)


def refund(plane: Plane, reason: str, cents: int = 100, **more: Any) -> Json:
    body = {"order_id": 30, "amount_cents": cents, "reason": reason}
    return call(plane, REFUND, {"body": body, **more.pop("arguments", {})}, **more)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy", "auto"])
async def test_the_public_client_lists_reads_and_changes_in_every_mode(plane: Plane, mode: str) -> None:
    async with sdk(plane.gateway, plane.alice, mode) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        ticket = await session.call_tool("desk-api_get_ticket", {"id": 1})
        body = {"order_id": 30, "amount_cents": 100, "reason": f"by {mode}"}
        paid = await session.call_tool(REFUND, {"body": body})
        urgent = await session.call_tool("desk-api_set_priority", {"id": 5, "body": {"priority": "urgent"}})
        gone = await session.call_tool("desk-api_remove_tag", {"id": 5, "tag": "x"})
        words = await session.call_tool("desk-api_get_transcript", {"id": 1})

    assert {"desk-api_get_ticket", REFUND, "own_look"} <= tools.keys()
    assert not {"desk-api_erase_customer", "desk-api_export_customers", "desk-api_reply", "own_secret"} & tools.keys()
    assert ticket.structured_content is not None
    assert ticket.structured_content["id"] == 1
    assert paid.structured_content is not None
    assert paid.structured_content["reason"] == f"by {mode}"
    assert plane.desk.refunds(f"by {mode}") == 1
    assert not urgent.is_error
    assert plane.desk.ask("SELECT priority FROM tickets WHERE id = 5") == "urgent"
    assert (gone.is_error, gone.structured_content) == (False, None)
    assert words.content[0].text.startswith("Ticket 1: ")


def test_a_tool_is_published_as_its_operation_curated(plane: Plane) -> None:
    tools = {tool["name"]: tool for tool in plane.gateway.rpc(plane.alice, "tools/list").json()["result"]["tools"]}
    get, pay, put, listed = (
        tools[name] for name in ("desk-api_get_ticket", REFUND, "desk-api_set_priority", "desk-api_list_tickets")
    )

    assert get["inputSchema"]["properties"] == {"id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}}
    assert get["inputSchema"]["required"] == ["id"]
    assert get["annotations"]["readOnlyHint"] is True
    assert get["description"].startswith("Read one ticket with its tags.")
    assert get["outputSchema"]["type"] == "object"
    assert pay["description"] == "Give money back."
    assert {*pay["inputSchema"]["properties"]} == {"body", "x_occurrence"}
    body = pay["inputSchema"]["$defs"]["NewRefund"]
    assert body["additionalProperties"] is False
    assert body["properties"]["amount_cents"]["maximum"] == 1_000_000
    assert put["annotations"]["idempotentHint"] is True
    assert "x_occurrence" not in put["inputSchema"]["properties"]
    assert {*listed["inputSchema"]["properties"]} == {"priority", "limit", "offset"}
    assert "desk-api_create_refund" not in tools


def test_a_fixed_argument_is_sent_and_a_caller_cannot_send_another(plane: Plane) -> None:
    found = structured(call(plane, "desk-api_list_tickets", {"limit": 100}))["tickets"]
    assert {ticket["status"] for ticket in found} == {"open"}
    refused = call(plane, "desk-api_list_tickets", {"status": "closed"})
    assert outcome(refused)["reason"] == "invalid-arguments"
    assert call(plane, "desk-api_create_refund", {"body": {}})["error"]["code"] == -32602


def test_policy_reads_the_body(plane: Plane) -> None:
    too_much = refund(plane, "far too much", 60_000)
    assert too_much["result"]["isError"] is True
    assert (outcome(too_much)["reason"], outcome(too_much)["executed"]) == ("policy-denied", "no")
    assert outcome(refund(plane, "large", 20_000))["reason"] == "approval-pending"
    assert plane.desk.refunds("far too much") == plane.desk.refunds("large") == 0


def test_a_change_happens_once_whichever_way_it_is_asked_for(plane: Plane) -> None:
    first, again = refund(plane, "once"), refund(plane, "once")
    assert "Already done" in text(again)
    assert structured(first) == structured(again)
    assert plane.refund("once").headers["idempotent-replayed"] == "true"
    assert plane.desk.refunds("once") == 1
    assert structured(refund(plane, "once", arguments={"x_occurrence": 2})) != structured(first)
    keyed = [refund(plane, "keyed", headers={"Idempotency-Key": "mcp-1"}) for _ in range(2)]
    assert keyed[1]["result"]["_meta"]["io.sallyport/replayed"] is True
    assert plane.refund("keyed", key="mcp-1").content == plane.refund("keyed", key='"mcp-1"').content
    assert (plane.desk.refunds("once"), plane.desk.refunds("keyed")) == (2, 1)


def test_a_no_of_the_service_is_told_in_its_words(plane: Plane) -> None:
    missing = call(plane, "desk-api_get_ticket", {"id": 9999})
    refused = refund(
        plane, "order 3 is refunded", arguments={"body": {"order_id": 3, "amount_cents": 1, "reason": "x"}}
    )
    for answer, words, status in ((missing, "There is no ticket 9999.", 404), (refused, "refund", 409)):
        assert answer["result"]["isError"] is True
        assert "structuredContent" not in answer["result"]
        assert words in text(answer).splitlines()[0]
        assert f"The service answered HTTP {status}." in text(answer)
        assert "io.sallyport/outcome" not in answer["result"]["_meta"]
    plane.own.script = once(lambda _: reply(422, {"detail": [{"msg": "no such colour"}]}, connection="close"))
    try:
        unfit = call(plane, "own_work", {"body": {"colour": "x"}})
        assert "no such colour" in text(unfit)
        assert plane.http("POST", "/http/own/work", json={"colour": "x"}).status_code == 422
    finally:
        plane.own.script = FINE


def test_the_poisoned_ticket_arrives_clean_on_both_ways(plane: Plane) -> None:
    answer = call(plane, "desk-api_get_ticket", {"id": 13})
    plain = plane.http("GET", "/http/desk-api/tickets/13").text
    words = plane.http("GET", "/http/desk-api/tickets/13/transcript").text

    for shown in (text(answer), str(structured(answer)), plain, words):
        assert not HIDDEN & {*shown}
        assert not [leak for leak in ("sk_live_", "AKIA", "\\u200b", "\\u001b", "\\udb40") if leak in shown]
        assert "[REDACTED:" in shown
    assert answer["result"]["_meta"]["io.sallyport/provenance"]["findings"]
    journal = b"".join(path.read_bytes() for path in (plane.gateway.folder / "state/journal").glob("*.log"))
    assert b"sk_live_" not in journal
    assert plane.alice.encode() not in journal


def test_an_argument_cannot_make_a_call_another_one(plane: Plane) -> None:
    before = len(plane.own.got)
    for name in ("secret", "..", "a/b", "a\\b", ""):
        answer = call(plane, "own_file", {"name": name})
        assert answer["result"]["isError"] is True, name
        assert (outcome(answer)["reason"], outcome(answer)["executed"]) == ("invalid-arguments", "no")
    assert len(plane.own.got) == before
    assert call(plane, "own_file", {"name": "a?b#c%2f\n\u00fc"})["result"]["structuredContent"] == {
        "path": "/files/a%3Fb%23c%252f%0A%C3%BC"
    }


def test_a_document_that_changes_changes_the_tools(plane: Plane) -> None:
    moved = {**OWN["paths"], "/new/look": {"get": operation("look")}, "/more": {"get": operation("more")}}
    del moved["/look"], moved["/work"]
    plane.own.publishes("own", document(moved))
    wait_for(lambda: "own_work" not in names(plane.gateway, plane.alice), "the new tools", 10)

    assert structured(call(plane, "own_look")) == {"path": "/new/look"}
    assert plane.http("GET", "/http/own/new/look").json() == {"path": "/new/look"}
    assert plane.http("GET", "/http/own/look").status_code == 404
    assert plane.http("POST", "/http/own/work", json={}).status_code == 404
    assert call(plane, "own_work", {"body": {}})["error"]["code"] == -32602
    assert "own_more" in names(plane.gateway, plane.bob)

    plane.own.publishes("own", b"<!DOCTYPE html><html><body>down for maintenance</body></html>")
    fault = wait_for(lambda: upstream(plane.gateway, "own")["fault"], "the fault", 10)
    assert "cannot be used" in fault
    assert fault in plane.gateway.log.read_text()
    assert structured(call(plane, "own_look")) == {"path": "/new/look"}

    plane.own.publishes("own", OWN)
    wait_for(lambda: "own_work" in names(plane.gateway, plane.alice), "the old tools", 10)
    assert upstream(plane.gateway, "own")["fault"] is None
    assert plane.http("GET", "/http/own/look").json() == {"path": "/look"}
