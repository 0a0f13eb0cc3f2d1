"""What makes two calls the same, as agents meet it: business keys, keys that must be there, call ids, keys that are none."""

from collections.abc import Iterator
from typing import Any

import pytest
from e2e_kit import EFFECTS, Gateway, HelpDesk, House, api_key, helpdesk_config, outcome, structured, text

TOOLS = {
    **EFFECTS,
    "refund_create": {"effect": "mutating", "once": ["args.reason"]},
    "ticket_create": {"effect": "mutating", "key": "required"},
}
ID = "claudecode/toolUseId"
KEY = "io.sallyport/idempotency-key"
TICKET = {"customer_id": 1, "subject": "late", "body": "Where is it?"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, helpdesk: HelpDesk) -> Iterator[House]:
    alice, alice_entry = api_key("alice-key", "support-bot", "alice")
    bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
    config = helpdesk_config(helpdesk.url, [alice_entry, bob_entry], tools=TOOLS)
    config["idempotency"] = {"call_ids": [ID], "repeat_argument": "off"}
    gateway = Gateway(tmp_path_factory.mktemp("strict"), config)
    gateway.start()
    yield House(gateway, helpdesk, alice, bob)
    gateway.stop()


def refund(house: House, who: str, reason: str, cents: int = 100, **more: Any) -> dict[str, Any]:
    arguments = {"order_id": 5, "amount_cents": cents, "reason": reason}
    return house.gateway.call(who, "helpdesk_refund_create", arguments, **more)


def test_a_business_key_is_done_once_whoever_asks_and_the_second_is_told_nothing_of_the_first(strict: House) -> None:
    before = strict.helpdesk.count("refunds")
    first = refund(strict, strict.alice, "invoice 1")
    again = strict.gateway.rpc(
        strict.bob,
        "tools/call",
        {
            "name": "helpdesk_refund_create",
            "arguments": {"order_id": 5, "amount_cents": 100, "reason": "invoice 1"},
        },
        headers={"Idempotency-Key": "another"},
    )

    assert strict.helpdesk.count("refunds") == before + 1
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["result"]["content"] == first["result"]["content"]
    meta = again.json()["result"]["_meta"]
    assert (meta["io.sallyport/replayed"], "alice" in again.text, "support-bot" in again.text) == (True, False, False)
    record = strict.gateway.records(call=meta["io.sallyport/provenance"]["call_id"])[0]
    assert (record["key"]["source"], record["outcome"], record["user"]) == ("once", "replayed", "bob")
    assert record["key"]["original"] == meta["io.sallyport/original"]


def test_a_business_key_with_other_arguments_is_refused_by_name(strict: House) -> None:
    refund(strict, strict.alice, "invoice 2")
    before = strict.helpdesk.count("refunds")
    told = refund(strict, strict.bob, "invoice 2", 101)

    assert (outcome(told)["reason"], outcome(told)["executed"]) == ("key-reused", "no")
    assert "args.reason" in text(told)
    assert strict.helpdesk.count("refunds") == before


def test_a_tool_that_wants_a_key_tells_how_to_send_one(strict: House) -> None:
    before = strict.helpdesk.count("tickets")
    told = strict.gateway.call(strict.alice, "helpdesk_ticket_create", TICKET)

    assert (outcome(told)["reason"], outcome(told)["executed"]) == ("key-required", "no")
    assert KEY in text(told)
    (record,) = strict.gateway.records(call=outcome(told)["call_id"])
    assert (record["outcome"], record["executed"]) == ("refused", "no")
    assert strict.helpdesk.count("tickets") == before
    assert structured(strict.gateway.call(strict.alice, "helpdesk_ticket_create", TICKET, meta={KEY: "k"}))
    assert strict.helpdesk.count("tickets") == before + 1


def test_two_ids_at_once_and_one_id_twice_are_one_call_and_the_replay_names_the_way_to_repeat(strict: House) -> None:
    before = strict.helpdesk.count("outbox")
    arguments = {"to": "ada@example.com", "subject": "hello", "body": "once"}
    answers = [
        strict.gateway.call(strict.bob, "helpdesk_mail_send", arguments, meta={ID: name})
        for name in ("toolu_1", "toolu_2", "toolu_1")
    ]

    assert strict.helpdesk.count("outbox") == before + 1
    assert [structured(answer) for answer in answers] == [structured(answers[0])] * 3
    assert text(answers[1]).endswith("send it with a new idempotency key.")
    repeated = strict.gateway.call(strict.bob, "helpdesk_mail_send", {**arguments, "x_occurrence": 2})
    assert outcome(repeated)["reason"] == "invalid-arguments"
    assert strict.helpdesk.count("outbox") == before + 1


BAD: dict[str, dict[str, Any]] = {
    "256 characters": {"headers": {"Idempotency-Key": "k" * 256}},
    "empty": {"headers": {"Idempotency-Key": ""}},
    "an empty quoted one": {"headers": {"Idempotency-Key": '""'}},
    "no ASCII": {"headers": {"Idempotency-Key": "schlüssel".encode()}},
    "with a space": {"headers": {"Idempotency-Key": "a b"}},
    "256 characters in _meta": {"meta": {KEY: "k" * 256}},
    "empty in _meta": {"meta": {KEY: ""}},
    "no ASCII in _meta": {"meta": {KEY: "schlüssel"}},
    "a number in _meta": {"meta": {"idempotencyKey": 7}},
    "one in the header, another in _meta": {"headers": {"Idempotency-Key": "a"}, "meta": {KEY: "b"}},
    "two in _meta": {"meta": {KEY: "a", "idempotencyKey": "b"}},
}


@pytest.mark.parametrize("name", BAD)
def test_a_key_that_is_none_is_refused_recorded_and_sends_nothing(strict: House, name: str) -> None:
    before = strict.helpdesk.count("tickets")
    answer = strict.gateway.call(strict.alice, "helpdesk_ticket_create", TICKET, **BAD[name])

    told = outcome(answer)
    assert (answer["error"]["code"], told["reason"], told["executed"]) == (-32602, "invalid-params", "no")
    assert "dempotency" in answer["error"]["message"]
    (record,) = strict.gateway.records(call=told["call_id"])
    assert (record["outcome"], record["reason"], record["user"]) == ("rejected", "invalid-params", "alice")
    assert strict.helpdesk.count("tickets") == before
