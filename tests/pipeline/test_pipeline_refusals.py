"""Every early exit: one record with the outcome of the refusal table, nothing sent, nothing kept back."""

import pytest
from pipeline_kit import ALICE, ARRIVAL, Playbook

from gateway.model.decision import Verdict
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason, Refused
from gateway.model.tool import Effect
from gateway.model.work import JournalUnavailable

EVERYONE = [
    ("identity.prove", Reason.UNAUTHENTICATED),
    ("identity.prove", Reason.AGENT_MISMATCH),
    ("catalog.resolve", Reason.UNKNOWN_TOOL),
    ("catalog.resolve", Reason.INVALID_ARGUMENTS),
    ("ledger.admit", Reason.STOPPED),
    ("ledger.admit", Reason.BUDGET_EXHAUSTED),
    ("ledger.admit", Reason.LOOP_DETECTED),
    ("upstream.try_permit", Reason.UPSTREAM_UNAVAILABLE),
    ("upstream.permit", Reason.UPSTREAM_UNAVAILABLE),
]
ONCE = [
    ("ledger.admit", Reason.KEY_REUSED),
    ("ledger.admit", Reason.KEY_IN_FLIGHT),
    ("ledger.admit", Reason.OUTCOME_UNKNOWN),
    ("ledger.claim", Reason.STORE_UNAVAILABLE),
    ("ledger.claim", Reason.AUDIT_UNAVAILABLE),
    ("ledger.depart", Reason.STOPPED),
    ("ledger.depart", Reason.AUDIT_UNAVAILABLE),
]
EXITS = [
    *((Effect.READ, *way) for way in EVERYONE),
    *((Effect.MUTATING, *way) for way in (*EVERYONE, *ONCE)),
]


@pytest.mark.parametrize(("effect", "step", "reason"), EXITS)
async def test_an_early_exit_sends_nothing_and_seals_one_record_with_the_tables_outcome(
    effect: Effect, step: str, reason: Reason
) -> None:
    play = Playbook(effect)
    play.upstream.busy = step in {"upstream.permit", "ledger.depart"}
    play.fails[step] = Refused(reason, "Because the test says so.")

    refusal = await play.refusal()

    assert refusal.reason is reason
    assert play.upstream.heard == []
    assert play.upstream.held == 0
    assert play.ledger.settled == []
    row, record = TABLE[reason], play.record
    assert (record["outcome"], record["reason"], record["code"]) == (row.outcome, reason.value, row.code)
    assert (record["executed"], record["detail"]) == (row.executed, "Because the test says so.")
    assert play.log[-1] == "record.seal"


@pytest.mark.parametrize("effect", list(Effect))
async def test_what_is_denied_is_denied_before_the_ledger_hears_of_it(effect: Effect) -> None:
    play = Playbook(effect)
    play.policy.verdict = Verdict.DENY

    refusal = await play.refusal()

    assert refusal.reason is Reason.POLICY_DENIED
    assert play.log[-1] == "record.seal"
    assert not {"ledger.admit", "upstream.try_permit", "upstream.send"} & set(play.log)
    record = play.record
    assert (record["outcome"], record["decision"]) == (AuditOutcome.REFUSED, "deny")
    assert record["rules"] == ["refund-small"]


async def test_a_denial_names_user_tool_agent_and_rule() -> None:
    play = Playbook()
    play.policy.verdict = Verdict.DENY

    detail = (await play.refusal()).detail

    assert detail == (
        "user:alice may not call helpdesk/refund with these arguments through support-bot: rule refund-small says so."
    )


async def test_what_the_gate_turns_away_counts_for_loops_and_nothing_else_does() -> None:
    counted = set[Reason]()
    for effect, step, reason in EXITS:
        play = Playbook(effect)
        play.upstream.busy = step in {"upstream.permit", "ledger.depart"}
        play.fails[step] = Refused(reason, "No.")
        await play.refusal()
        if play.ledger.denials:
            counted.add(reason)
    denied = Playbook()
    denied.policy.verdict = Verdict.DENY
    await denied.refusal()

    assert counted == {Reason.UNKNOWN_TOOL, Reason.INVALID_ARGUMENTS}
    assert denied.ledger.denials == ["helpdesk_refund"]


async def test_who_walks_into_the_same_denial_again_and_again_is_told_so() -> None:
    play = Playbook()
    play.policy.verdict = Verdict.DENY
    play.ledger.hint = "It was called 3 times in a row."

    refusal = await play.refusal()

    assert refusal.reason is Reason.POLICY_DENIED
    assert refusal.detail.endswith("says so. It was called 3 times in a row.")
    assert play.record["detail"] == refusal.detail


async def test_a_claim_that_got_no_slot_is_given_back() -> None:
    play = Playbook()
    play.upstream.busy = True
    play.fails["upstream.permit"] = Refused(Reason.UPSTREAM_UNAVAILABLE, "The queue is full.")

    await play.refusal()

    assert play.ledger.released == 1
    assert "ledger.depart" not in play.log


async def test_a_claim_the_ledger_would_not_let_depart_is_the_ledgers_to_give_back() -> None:
    play = Playbook()
    play.upstream.busy = True
    play.fails["ledger.depart"] = Refused(Reason.STOPPED, "agent support-bot is stopped.")

    await play.refusal()

    assert play.ledger.released == 0
    assert play.upstream.held == 0


async def test_a_read_that_got_no_slot_gets_its_budget_back() -> None:
    play = Playbook(Effect.READ)
    play.upstream.busy = True
    play.fails["upstream.permit"] = Refused(Reason.UPSTREAM_UNAVAILABLE, "The queue is full.")

    await play.refusal()

    assert play.ledger.unspent == 1


async def test_a_read_the_ledger_refused_has_nothing_to_get_back() -> None:
    play = Playbook(Effect.READ)
    play.fails["ledger.admit"] = Refused(Reason.BUDGET_EXHAUSTED, "No calls are left today.")

    await play.refusal()

    assert play.ledger.unspent == 0


async def test_a_read_whose_record_cannot_be_written_is_not_served() -> None:
    play = Playbook(Effect.READ)
    play.fails["record.seal"] = JournalUnavailable("disk full")

    refusal = await play.refusal()

    assert refusal.reason is Reason.AUDIT_UNAVAILABLE
    assert "disk full" not in refusal.detail
    assert play.record["reason"] == "audit-unavailable"


async def test_a_list_whose_record_cannot_be_written_is_not_served() -> None:
    play = Playbook()
    play.fails["record.seal"] = JournalUnavailable("disk full")
    record = play.road.open(ARRIVAL)

    with pytest.raises(Refused) as refused:
        await play.road.list_tools(record, await play.road.identify(record, ARRIVAL))

    assert refused.value.refusal.reason is Reason.AUDIT_UNAVAILABLE


@pytest.mark.parametrize("effect", [Effect.READ, Effect.MUTATING])
async def test_a_call_that_is_shed_claims_nothing_and_is_recorded(effect: Effect) -> None:
    play = Playbook(effect)
    play.fails["relieve"] = Refused(Reason.OVERLOADED, "The gateway is under load.", retry_after_ms=1500)

    refusal = await play.refusal()

    assert (refusal.reason, refusal.retry_after_ms) == (Reason.OVERLOADED, 1500)
    assert not {"ledger.admit", "upstream.send"} & set(play.log)
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.REFUSED, "no")


async def test_a_list_that_is_shed_is_recorded() -> None:
    play = Playbook()
    play.fails["relieve"] = Refused(Reason.OVERLOADED, "The gateway is under load.")

    with pytest.raises(Refused):
        await play.road.list_tools(play.road.open(ARRIVAL), ALICE)

    assert (play.record["kind"], play.record["reason"]) == ("list", "overloaded")
