"""A call that policy wants approved: the agent waits or comes back, a person answers, and one yes is one execution."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from e2e_approvals import ORDER, REFUND, Asking, pending
from e2e_clients import sdk, together
from e2e_kit import HTTP, HelpDesk, outcome, structured, text, wait_for

TWINS = 16


@pytest.fixture(scope="module")
def asking(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """The agent is soon told that nobody has answered."""
    made = Asking(tmp_path_factory.mktemp("asking"), helpdesk, hold="300ms")
    yield made
    made.gateway.stop()


@pytest.fixture(scope="module")
def patient(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """The agent is held for longer than any test takes."""
    made = Asking(tmp_path_factory.mktemp("patient"), helpdesk, hold="30s")
    yield made
    made.gateway.stop()


def test_the_agent_is_told_to_wait_a_person_looks_and_approves_and_the_same_call_executes_once(asking: Asking) -> None:
    reason = "it needs a yes"
    first = asking.refund(reason)
    asked_id = pending(first)
    assert asked_id in text(first)
    assert pending(asking.refund(reason)) == asked_id
    assert asking.paid(reason) == 0

    listed = asking.cli("carol", "ls")
    assert (listed.returncode, listed.stderr.count("approvals show")) == (0, 1), listed.stderr
    (line,) = [line for line in listed.stdout.splitlines() if asked_id in line]
    assert "support-bot for alice" in line
    assert "helpdesk/refund_create" in line
    shown = json.loads(asking.cli("carol", "show", asked_id, "--json").stdout)
    assert shown["arguments"] == {"order_id": ORDER, "amount_cents": 1, "reason": reason}
    assert (shown["state"], shown["rules"], shown["user"]) == ("pending", ["ask-refund"], "alice")
    assert f'"reason": "{reason}"' in asking.cli("carol", "show", asked_id).stdout
    assert asking.question(asked_id)["arguments"] == shown["arguments"]
    approved = asking.cli("carol", "approve", asked_id, "--why", "the customer is right")
    assert (approved.returncode, "Approved once" in approved.stdout) == (0, True), approved.stderr
    assert asked_id not in asking.cli("carol", "ls").stdout

    executed = asking.refund(reason)
    assert structured(executed)["reason"] == reason
    again = asking.refund(reason)
    assert structured(again) == structured(executed)
    assert "Already done" in text(again)
    assert asking.paid(reason) == 1
    assert (asking.question(asked_id)["state"], asking.question(asked_id)["by"]) == ("consumed", "user:carol")
    assert pending(asking.refund(reason, arguments={"x_occurrence": 2})) != asked_id
    assert asking.paid(reason) == 1


def test_the_journal_tells_who_asked_who_said_yes_and_what_was_sent_under_it_in_that_order(asking: Asking) -> None:
    reason = "for the journal"
    first = asking.refund(reason)
    asked_id = pending(first)
    assert asking.answer("carol", asked_id, why="seen and fine").status_code == 200
    executed = asking.refund(reason)["result"]["_meta"]["io.sallyport/provenance"]["call_id"]

    mine = {outcome(first)["call_id"], executed}
    told = [
        one
        for one in asking.gateway.records(order="oldest")
        if one.get("call") in mine or one.get("facts", {}).get("approval") == asked_id
    ]
    assert [(one["kind"], one.get("outcome") or one.get("action")) for one in told] == [
        ("call", "pending"),
        ("operator", "approval.approved"),
        ("intent", None),
        ("call", "answered"),
    ]
    asked, decided, intent, ended = told
    assert (asked["reason"], asked["executed"], asked["decision"], asked["approval"]) == (
        "approval-pending",
        "no",
        "ask",
        asked_id,
    )
    assert decided["who"] == "carol-at-the-desk"
    facts = decided["facts"]
    assert (facts["by"], facts["why"], facts["call"], facts["user"]) == (
        "user:carol",
        "seen and fine",
        asked["call"],
        "alice",
    )
    assert intent["approval"] == ended["approval"] == asked_id
    assert intent["rules"] == ["ask-refund"]
    assert asking.question(asked_id)["sent_as"] == executed


def test_a_yes_while_the_agent_is_held_lets_the_held_call_through(patient: Asking) -> None:
    with patient.held("held") as (asked_id, answered):
        assert patient.answer("carol", asked_id).status_code == 200
        assert structured(answered.result(5))["reason"] == "held"
    assert patient.paid("held") == 1


def test_sixteen_twins_at_once_wait_for_one_question_and_are_one_call(patient: Asking) -> None:
    before = len(patient.questions())
    with patient.held("twins") as (asked_id, first), ThreadPoolExecutor(TWINS - 1) as pool:
        others = [pool.submit(patient.refund, "twins") for _ in range(TWINS - 1)]
        with pytest.raises(AssertionError, match="waited"):
            wait_for(lambda: any(one.done() for one in others), "no twin to be answered", 0.3)
        assert patient.answer("carol", asked_id).status_code == 200
        answers = [one.result(5) for one in (first, *others)]

    assert len({str(structured(answer)) for answer in answers}) == 1
    assert sum("io.sallyport/replayed" in answer["result"]["_meta"] for answer in answers) == TWINS - 1
    assert patient.paid("twins") == 1
    assert len(patient.questions()) == before + 1


def test_twins_that_nobody_answers_are_all_told_of_the_one_question(asking: Asking) -> None:
    answers = together([lambda: asking.refund("unanswered twins")] * TWINS)
    assert len({pending(answer) for answer in answers}) == 1


def test_who_hangs_up_while_held_has_asked_and_may_come_back_for_it(patient: Asking) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        patient.refund("hung up", timeout=0.3)
    (question,) = patient.questions("pending")
    assert patient.answer("carol", question["id"]).status_code == 200
    (record,) = wait_for(lambda: patient.gateway.records(outcome="cancelled"), "the record of who hung up", 5)
    assert (record["call"], record["executed"], patient.paid("hung up")) == (question["call"], "no", 0)
    assert structured(patient.refund("hung up"))["reason"] == "hung up"
    assert patient.paid("hung up") == 1


def test_a_no_is_told_with_its_reason_and_asking_again_for_the_same_reaches_nobody(
    asking: Asking, patient: Asking
) -> None:
    with patient.held("no") as (asked_id, answered):
        denied = patient.cli("carol", "deny", asked_id, "--why", "too\nmuch for one week")
        assert (denied.returncode, "Denied" in denied.stdout) == (0, True), denied.stderr
        first = answered.result(5)
    before = len(patient.questions())
    answers = [first, patient.refund("no"), patient.refund("no", headers={"Idempotency-Key": "shopping-for-a-yes"})]

    for answer in answers:
        told = outcome(answer)
        assert (told["reason"], told["executed"], told["retry"]) == ("approval-declined", "no", "never")
        assert told["approval"] == asked_id
        assert "too much for one week" in text(answer)
    assert len(patient.questions()) == before
    assert patient.paid("no") == 0
    silent = asking.cli("carol", "deny", pending(asking.refund("a no without a reason")))
    assert (silent.returncode, "--why" in silent.stderr) == (2, True)


def test_silence_is_a_no_and_calling_again_asks_anew(helpdesk: HelpDesk, tmp_path: Path) -> None:
    brief = Asking(tmp_path, helpdesk, hold="5s", approvals={"pending": "1s", "approved": "1s"})
    try:
        told = outcome(brief.refund("nobody looks"))
        assert (told["reason"], told["code"], told["executed"]) == ("approval-expired", 40304, "no")
        late = brief.answer("carol", told["approval"])
        assert (late.status_code, "no" in late.json()["detail"]) == (409, True)
        assert brief.question(told["approval"])["state"] == "expired"

        anew = pending(brief.refund("nobody looks", headers={"X-Request-Timeout": "0.1"}))
        assert anew != told["approval"]
        assert brief.answer("carol", anew).status_code == 200
        wait_for(lambda: brief.question(anew)["state"] == "expired", "the unused yes to expire", 5)
        assert pending(brief.refund("nobody looks", headers={"X-Request-Timeout": "0.1"})) != anew
        assert brief.paid("nobody looks") == 0
    finally:
        brief.gateway.stop()


def test_a_read_that_needs_a_yes_is_answered_once_for_each(asking: Asking) -> None:
    def look() -> dict[str, object]:
        return asking.gateway.call(asking.alice, "helpdesk_customer_get", {"id": 2})

    first = pending(look())
    assert asking.answer("carol", first).status_code == 200
    assert structured(look())["id"] == 2
    assert pending(look()) != first


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_the_public_client_of_either_era_hears_what_to_do_and_gets_its_answer(asking: Asking, mode: str) -> None:
    arguments = {"order_id": ORDER, "amount_cents": 1, "reason": f"the era {mode}"}
    async with sdk(asking.gateway, asking.alice, mode) as session:
        waiting = await session.call_tool(REFUND, arguments)
        assert waiting.is_error
        assert "A person must approve" in waiting.content[0].text
        told = waiting.meta["io.sallyport/outcome"]
        assert asking.answer("carol", told["approval"]).status_code == 200
        executed = await session.call_tool(REFUND, arguments)

    assert not executed.is_error
    assert executed.structured_content["reason"] == arguments["reason"]
    assert asking.paid(arguments["reason"]) == 1


def test_only_who_policy_names_may_decide_and_nobody_about_their_own(asking: Asking) -> None:
    asked_id = pending(asking.refund("who may?"))
    assert HTTP.get(f"{asking.gateway.operator_url}/approvals").status_code == 401
    agent = {"Authorization": f"Bearer {asking.alice}"}
    body = {"decision": "approve", "why": "I would like to"}
    assert HTTP.post(f"{asking.gateway.operator_url}/approvals/{asked_id}", json=body, headers=agent).status_code == 401

    own = asking.answer("alice", asked_id)
    assert (own.status_code, "their own" in own.json()["detail"]) == (403, True)
    for who in ("dave", "olga"):
        for decision in ("approve", "deny"):
            assert asking.answer(who, asked_id, decision).status_code == 403
    assert asking.ask("dave", "GET", "/approvals").json()[0]["argument_names"] == ["amount_cents", "order_id", "reason"]
    assert "who may?" not in asking.ask("dave", "GET", "/approvals").text
    assert asking.ask("dave", "GET", f"/approvals/{asked_id}").status_code == 403
    assert asking.ask("olga", "GET", f"/approvals/{asked_id}").json()["arguments"]["reason"] == "who may?"
    refused = asking.cli("dave", "approve", asked_id)
    assert (refused.returncode, "403" in refused.stderr) == (1, True)
    assert asking.answer("carol", "no-such-question").status_code == 404

    assert asking.question(asked_id)["state"] == "pending"
    assert pending(asking.refund("who may?")) == asked_id
    attempts = [
        one["facts"] for one in asking.gateway.records(kind="operator") if one["facts"].get("approval") == asked_id
    ]
    assert {(one["by"], one["because"]) for one in attempts} == {
        ("user:alice", "self-approval"),
        ("user:dave", "not-permitted"),
        ("user:olga", "not-permitted"),
    }
