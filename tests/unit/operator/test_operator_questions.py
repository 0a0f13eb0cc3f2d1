"""Looking at the house: records, tools, agents, policy, stops, keys, health, metrics, and the API's own description."""

import json

import pytest
from operator_kit import NOON, RECORD, Office, Visitor, detail

from gateway.audit.query import PARAMETERS
from gateway.model.stop import Stop
from gateway.operator.audit_routes import NDJSON, AuditQuery


async def test_records_come_as_they_are_kept_with_the_cursor_of_the_next_page(visitor: Visitor) -> None:
    answer = await visitor.ask("ivy", "GET", "/audit")

    assert json.loads(answer.content) == {"records": [RECORD], "next": "next-page"}


async def test_every_filter_reaches_the_desk_and_none_is_invented(visitor: Visitor, office: Office) -> None:
    asked = {name: f"a {name}" for name in PARAMETERS}

    await visitor.ask("ivy", "GET", "/audit", params=asked)
    await visitor.ask("ivy", "GET", "/audit")

    assert office.acts == [("query", asked), ("query", {})]


def test_the_api_takes_exactly_the_parameters_the_room_knows() -> None:
    assert AuditQuery.model_fields.keys() == set(PARAMETERS)


async def test_a_misspelt_filter_does_not_answer_with_everything(visitor: Visitor, office: Office) -> None:
    assert "query.tol: " in detail(await visitor.ask("ivy", "GET", "/audit?tol=x"), 422)
    assert office.acts == []


@pytest.mark.parametrize("accept", ["application/json", NDJSON])
async def test_a_question_that_makes_no_sense_is_told_why(visitor: Visitor, office: Office, accept: str) -> None:
    office.fails["query"] = ValueError("limit: a number from 1 to 1000")

    answer = await visitor.ask("ivy", "GET", "/audit?limit=0", headers={"Accept": accept})

    assert detail(answer, 400) == "limit: a number from 1 to 1000"


async def test_ndjson_streams_every_match_one_a_line(visitor: Visitor, office: Office) -> None:
    office.records = [{**RECORD, "id": f"id-{number}"} for number in range(3)]

    answer = await visitor.ask("ivy", "GET", "/audit?kind=call", headers={"Accept": NDJSON})

    assert answer.headers["content-type"] == NDJSON
    assert answer.content.endswith(b"}\n")
    assert [json.loads(line) for line in answer.content.splitlines()] == office.records
    assert office.acts[-1] == ("all", {"kind": "call"})


async def test_a_call_is_shown_with_all_its_entries(visitor: Visitor, office: Office) -> None:
    office.records = [RECORD, {**RECORD, "kind": "intent"}, {**RECORD, "call": "another"}]

    found = (await visitor.ask("ivy", "GET", "/audit/call-1")).json()

    assert [record["kind"] for record in found["records"]] == ["call", "intent"]


async def test_an_unknown_call_is_not_found(visitor: Visitor) -> None:
    assert detail(await visitor.ask("ivy", "GET", "/audit/nope"), 404).startswith("no call 'nope' in the journal")


async def test_tools_show_what_a_pair_sees_and_why_the_rest_is_hidden(visitor: Visitor, office: Office) -> None:
    answer = await visitor.ask("ivy", "GET", "/tools?agent=support-bot&user=alice&tenant=acme")

    assert office.acts == [("tools", "support-bot", "alice", "acme")]
    assert answer.json()[1] == {
        "tool": "helpdesk/mail_send",
        "published": None,
        "effect": "mutating",
        "why": "hidden: no rule permits it",
        "kind": "tool",
    }
    assert [one["kind"] for one in answer.json()] == ["tool", "tool", "prompt"]


async def test_tools_of_an_agent_that_is_not_configured_are_not_found(visitor: Visitor) -> None:
    answer = await visitor.ask("ivy", "GET", "/tools?agent=nobody")

    assert detail(answer, 404) == "no agent 'nobody' in the configuration"


async def test_tools_need_an_agent(visitor: Visitor) -> None:
    assert detail(await visitor.ask("ivy", "GET", "/tools"), 422) == "query.agent: Field required"


async def test_agents_policy_keys_and_stops_are_listed(visitor: Visitor, office: Office) -> None:
    office.rows = [Stop("agent", "support-bot", "it loops", "olga", NOON)]

    found = {path: (await visitor.ask("ivy", "GET", path)).json() for path in ("/agents", "/policy", "/keys", "/kill")}

    assert found["/agents"][0]["id"] == "support-bot"
    assert found["/policy"] == {"version": "v1", "refused": []}
    assert found["/keys"] == office.ls()
    assert found["/kill"] == [
        {"kind": "agent", "target": "support-bot", "why": "it loops", "by": "olga", "at": NOON, "mode": "stop"},
    ]


async def test_ready_says_what_is_well(visitor: Visitor) -> None:
    answer = await visitor.ask(None, "GET", "/readyz")

    assert (answer.status_code, answer.json()) == (200, {"journal": "ok", "store": "ok"})


async def test_not_ready_names_the_component_and_what_is_wrong(visitor: Visitor, office: Office) -> None:
    office.parts["journal"] = "cannot be written: No space left on device"

    answer = await visitor.ask(None, "GET", "/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"journal": "cannot be written: No space left on device", "store": "ok"}


async def test_starting_is_no_failure_to_live(visitor: Visitor, office: Office) -> None:
    office.ready, office.parts["store"] = False, "cannot be written"

    assert (await visitor.ask(None, "GET", "/startupz")).status_code == 503
    assert (await visitor.ask(None, "GET", "/livez")).status_code == 200
    office.ready = True
    assert (await visitor.ask(None, "GET", "/startupz")).json() == {"status": "ok"}


async def test_metrics_are_prometheus_text(visitor: Visitor) -> None:
    answer = await visitor.ask(None, "GET", "/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"sallyport_policy_stale" in answer.content


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/kill", 405)])
async def test_a_path_or_method_that_is_not_there_has_the_one_error_shape(
    visitor: Visitor, method: str, path: str, status: int
) -> None:
    assert detail(await visitor.ask("olga", method, path), status)


async def test_the_description_names_every_path_with_a_summary_and_a_sentence(visitor: Visitor) -> None:
    described = (await visitor.ask(None, "GET", "/openapi.json")).json()["paths"]

    assert described.keys() == {
        "/livez", "/readyz", "/startupz", "/metrics", "/audit", "/audit/{call}", "/tools", "/agents", "/policy", "/kill",
        "/keys", "/keys/{key_id}", "/usage", "/explain", "/upstreams", "/approvals", "/approvals/{id}", "/store", "/store/accept-loss",
        "/doubts", "/doubts/{call}",
    }  # fmt: skip
    for path, methods in described.items():
        for method in methods.values():
            assert method["summary"], path
            assert method.get("description") or method["tags"] == ["health"], path
