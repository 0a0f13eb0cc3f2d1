"""A real call through the whole house: both eras, curated, permitted, once, cleaned, written down."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from e2e_kit import House, outcome, structured, text
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


@contextlib.asynccontextmanager
async def client(house: House, token: str, mode: str, path: str = "/mcp") -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        async with Client(streamable_http_client(house.gateway.url + path, http_client=http), mode=mode) as session:
            yield session


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy", "auto"])
@pytest.mark.parametrize("path", ["/mcp", "/agents/support-bot/mcp"])
async def test_the_public_client_lists_and_calls_in_every_mode(house: House, mode: str, path: str) -> None:
    async with client(house, house.alice, mode, path) as session:
        names = {tool.name for tool in (await session.list_tools()).tools}
        answer = await session.call_tool("helpdesk_ticket_get", {"id": 1})

    assert "helpdesk_ticket_get" in names
    assert "helpdesk_customer_export_all" not in names
    assert answer.structured_content is not None
    assert answer.structured_content["id"] == 1


def test_each_pair_of_agent_and_user_sees_its_own_tools(house: House) -> None:
    def names(token: str) -> set[str]:
        return {tool["name"] for tool in house.gateway.rpc(token, "tools/list").json()["result"]["tools"]}

    alice, bob = names(house.alice), names(house.bob)

    assert "helpdesk_order_cancel" in bob
    assert "helpdesk_order_cancel" not in alice
    assert "helpdesk_customer_export_all" in bob
    assert len(bob) > len(alice)


def test_a_hidden_tool_answers_exactly_like_one_that_does_not_exist(house: House) -> None:
    hidden = house.gateway.call(house.alice, "helpdesk_order_cancel", {"order_id": 1})
    absent = house.gateway.call(house.alice, "helpdesk_order_cancem", {"order_id": 1})

    def without_ids(answer: dict[str, Any]) -> Any:
        error = answer["error"]
        told = {key: value for key, value in outcome(answer).items() if key != "call_id"}
        return error["code"], error["message"].replace("cancem", "cancel"), told

    assert without_ids(hidden) == without_ids(absent)
    assert hidden["error"]["code"] == -32602


def test_a_condition_on_the_arguments_decides(house: House) -> None:
    before = house.helpdesk.count("refunds")
    arguments = {"order_id": 10, "amount_cents": 200_000, "reason": "too much for support"}

    answer = house.gateway.call(house.alice, "helpdesk_refund_create", arguments)

    assert answer["result"]["isError"] is True
    assert outcome(answer)["reason"] == "policy-denied"
    assert outcome(answer)["executed"] == "no"
    assert house.helpdesk.count("refunds") == before


def test_a_mutating_call_repeated_under_its_key_happens_once_and_says_so(house: House) -> None:
    before = house.helpdesk.count("refunds")
    arguments = {"order_id": 5, "amount_cents": 100, "reason": "scratched"}
    key = {"Idempotency-Key": "order-5-scratch"}

    first = house.gateway.call(house.alice, "helpdesk_refund_create", arguments, headers=key)
    second = house.gateway.call(house.alice, "helpdesk_refund_create", arguments, headers=key)

    assert house.helpdesk.count("refunds") == before + 1
    assert structured(first) == structured(second)
    assert second["result"]["_meta"]["io.sallyport/replayed"] is True
    assert second["result"]["content"] == first["result"]["content"]


def test_a_mutating_call_repeated_without_a_key_is_replayed_visibly_and_an_ordinal_gets_through(house: House) -> None:
    before = house.helpdesk.count("refunds")
    arguments = {"order_id": 5, "amount_cents": 120, "reason": "dented"}

    first = house.gateway.call(house.alice, "helpdesk_refund_create", arguments)
    again = house.gateway.call(house.alice, "helpdesk_refund_create", arguments)
    meant = house.gateway.call(house.alice, "helpdesk_refund_create", {**arguments, "x_occurrence": 2})

    assert "Already done" in text(again)
    assert structured(again) == structured(first)
    assert structured(meant) != structured(first)
    assert house.helpdesk.count("refunds") == before + 2


def test_a_key_that_stands_for_other_arguments_is_refused(house: House) -> None:
    key = {"Idempotency-Key": "one-key-two-meanings"}
    arguments = {"order_id": 5, "amount_cents": 130, "reason": "late"}
    house.gateway.call(house.alice, "helpdesk_refund_create", arguments, headers=key)
    before = house.helpdesk.count("refunds")

    answer = house.gateway.call(house.alice, "helpdesk_refund_create", {**arguments, "amount_cents": 131}, headers=key)

    assert outcome(answer)["reason"] == "key-reused"
    assert house.helpdesk.count("refunds") == before


def test_the_poisoned_ticket_arrives_clean_and_its_secrets_stay_out_of_the_journal(house: House) -> None:
    answer = house.gateway.call(house.alice, "helpdesk_ticket_get", {"id": 13})

    seen = answer["result"]
    shown = text(answer) + str(seen["structuredContent"])
    hidden = [char for char in shown if char in "\u200b\u200c\u200d\u2060\x1b" or 0xE0000 <= ord(char) <= 0xE007F]
    assert not hidden
    assert "sk_live_" not in shown
    assert "[REDACTED:" in shown
    assert seen["_meta"]["io.sallyport/provenance"]["trust"] == "untrusted"
    assert seen["_meta"]["io.sallyport/provenance"]["findings"]
    journal = b"".join(path.read_bytes() for path in (house.gateway.folder / "state/journal").glob("*.log"))
    assert b"sk_live_" not in journal
    assert house.alice.encode() not in journal


def test_the_record_says_what_was_done_and_why_it_was_allowed(house: House) -> None:
    answer = house.gateway.call(house.alice, "helpdesk_ticket_get", {"id": 2})
    call_id = answer["result"]["_meta"]["io.sallyport/provenance"]["call_id"]

    records = house.gateway.operator("GET", f"/audit/{call_id}").json()["records"]

    assert len(records) == 1
    record = records[0]
    assert record["agent"] == "support-bot"
    assert record["agent_proof"] == "key:alice-key"
    assert record["user"] == "alice"
    assert record["tool"] == "helpdesk/ticket_get"
    assert record["rules"] == ["read-tickets"]
    assert record["decision"] == "allow"
    assert record["policy"]
    assert record["visible"]["count"] > 0
    assert record["arguments"] == {"id": 2}
    assert record["outcome"] == "answered"
    assert record["result"]["bytes"] > 0
    assert {"identity", "catalog", "policy", "ledger", "upstream", "sanitize", "total"} <= record["ms"].keys()


def test_a_mutating_call_has_its_intent_before_and_one_terminal_record_after(house: House) -> None:
    arguments = {"order_id": 5, "amount_cents": 140, "reason": "noisy"}
    answer = house.gateway.call(house.alice, "helpdesk_refund_create", arguments)
    call_id = answer["result"]["_meta"]["io.sallyport/provenance"]["call_id"]

    records = house.gateway.operator("GET", f"/audit/{call_id}").json()["records"]

    assert [record["kind"] for record in records] == ["intent", "call"]
    assert records[0]["key"]["record"] == records[1]["key"]["record"]
    assert records[1]["outcome"] == "answered"


def test_nobody_unproven_gets_in_and_the_attempt_is_written_down(house: House) -> None:
    before = len(house.gateway.records(reason="unauthenticated"))

    answers = [
        house.gateway.rpc(None, "tools/list"),
        house.gateway.rpc("sp_alice-key_" + "A" * 43, "tools/list"),
        house.gateway.rpc(None, "tools/list", headers={"X-User": "alice", "X-Agent": "support-bot"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert all("Bearer" in answer.headers["WWW-Authenticate"] for answer in answers)
    assert len(house.gateway.records(reason="unauthenticated")) == before + 3


def test_an_agents_credential_opens_neither_another_agents_url_nor_the_operator_plane(house: House) -> None:
    assert house.gateway.rpc(house.alice, "tools/list", path="/agents/ops-bot/mcp").status_code == 403
    headers = {"Authorization": f"Bearer {house.alice}"}
    assert httpx2.get(f"{house.gateway.operator_url}/audit", headers=headers).status_code == 401


def test_the_journals_chain_holds(house: House) -> None:
    from gateway.audit.verify import verify

    house.gateway.call(house.alice, "helpdesk_ticket_get", {"id": 3})

    assert verify(house.gateway.folder / "state/journal").ok
