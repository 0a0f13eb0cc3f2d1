"""Budgets hold under pressure and across kill -9; identical calls in a row are refused to writers and told to readers."""

import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from e2e_clients import together
from e2e_kit import Gateway, HelpDesk, api_key, helpdesk_config, outcome, structured, text

PER_AGENT, PER_USER, CALLERS, REPEATS = 5, 3, 20, 3
DAY_MS = 24 * 3600 * 1000


def ticket(number: int) -> dict[str, Any]:
    return {"customer_id": 1, "subject": f"Number {number}", "body": "Counted."}


def executed(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer for answer in answers if not answer["result"].get("isError")]


def refusals(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [outcome(answer) for answer in answers if answer["result"].get("isError")]


def test_a_budget_lets_exactly_so_many_through_and_a_killed_process_does_not_forget_it(
    helpdesk: HelpDesk, new_gateway: Callable[..., Gateway]
) -> None:
    bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
    alice, alice_entry = api_key("alice-key", "ops-bot", "alice")
    elsewhere, elsewhere_entry = api_key("elsewhere-key", "support-bot", "alice")
    config = helpdesk_config(helpdesk.url, [bob_entry, alice_entry, elsewhere_entry])
    config["agents"]["support-bot"]["tools"].append("helpdesk/ticket_create")
    limits = {"agent": PER_AGENT, "user": PER_USER}
    config["budgets"] = [{"scope": scope, "window": "day", "limit": limit} for scope, limit in limits.items()]
    gateway = new_gateway(config)
    before = helpdesk.count("tickets")
    create = "helpdesk_ticket_create"
    keyed = {"headers": {"Idempotency-Key": "the-first-one"}}

    def storm(token: str, first: int) -> list[dict[str, Any]]:
        return together(
            partial(gateway.call, token, create, ticket(number)) for number in range(first, first + CALLERS)
        )

    first = gateway.call(bob, create, ticket(0), **keyed)
    of_bob, of_alice = storm(bob, 100), storm(alice, 200)

    assert len(executed([first, *of_bob])) == PER_USER
    assert len(executed(of_alice)) == PER_AGENT - PER_USER
    assert helpdesk.count("tickets") == before + PER_AGENT
    told = refusals([*of_bob, *of_alice])
    assert {(one["reason"], one["executed"], one["retry"]) for one in told} == {("budget-exhausted", "no", "after")}
    assert all(0 < one["retry_after_ms"] <= DAY_MS for one in told)
    assert executed([gateway.call(elsewhere, create, ticket(300))])
    assert refusals([gateway.call(elsewhere, create, ticket(301))])

    gateway.stop(signal.SIGKILL)
    gateway.start()
    for token in (bob, alice, elsewhere):
        answers = [gateway.call(token, create, ticket(400)), gateway.call(token, "helpdesk_ticket_get", {"id": 1})]
        assert [one["reason"] for one in refusals(answers)] == ["budget-exhausted"] * 2
    assert structured(gateway.call(bob, create, ticket(0), **keyed)) == structured(first)
    assert helpdesk.count("tickets") == before + PER_AGENT + 1


def test_identical_writes_are_capped_and_identical_reads_are_told(
    helpdesk: HelpDesk, new_gateway: Callable[..., Gateway]
) -> None:
    bob, entry = api_key("bob-key", "ops-bot", "bob")
    config = helpdesk_config(helpdesk.url, [entry])
    config["loops"] = {"in_a_row": REPEATS, "window": "15m", "reads": "hint"}
    gateway = new_gateway(config)
    create = partial(gateway.call, bob, "helpdesk_ticket_create")
    before = helpdesk.count("tickets")

    writes = [create({**ticket(7), "x_occurrence": number}) for number in range(1, 6)]
    assert helpdesk.count("tickets") == before + REPEATS - 1
    told = refusals(writes[REPEATS - 1 :])
    assert [(one["reason"], one["executed"]) for one in told] == [("loop-detected", "no")] * (6 - REPEATS)
    assert [one["retry_after_ms"] for one in told] == [30_000, 60_000, 120_000]
    assert executed([create(ticket(8))])
    again = create({**ticket(7), "x_occurrence": 2})
    assert structured(again) == structured(writes[1])
    assert "set x_occurrence to 3" in text(again)

    reads = [gateway.call(bob, "helpdesk_order_get", {"id": 1}) for _ in range(REPEATS + 1)]
    hints = ["io.sallyport/hint" in answer["result"]["_meta"] for answer in reads]
    assert hints == [False] * (REPEATS - 1) + [True, True]
    assert all(structured(answer)["id"] == 1 for answer in reads)
    keyed = {"headers": {"Idempotency-Key": "polled"}}
    polled = [create(ticket(9), **keyed) for _ in range(REPEATS + 2)]
    assert len(executed(polled)) == REPEATS + 2
    assert helpdesk.count("tickets") == before + REPEATS + 1
