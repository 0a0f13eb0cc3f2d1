"""A call that a person must approve: claimed first, asked about, sent under one yes that departing uses up."""

import pytest
from pipeline_kit import Playbook, asks

from gateway.model.decision import Verdict
from gateway.model.outcome import AuditOutcome, Looped
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect


def asking(effect: Effect = Effect.MUTATING) -> Playbook:
    play = Playbook(effect)
    play.policy.verdict = Verdict.ASK
    return play


@pytest.mark.parametrize("effect", list(Effect))
async def test_an_approved_call_is_sent_under_its_approval_whatever_its_effect(effect: Effect) -> None:
    play = asking(effect)
    await play.reply()
    steps = ["ledger.admit", "ledger.claim", "approvals.granted", "upstream.permit", "ledger.depart", "upstream.send"]
    assert [step for step in play.rooms if step in {*steps, "upstream.try_permit"}] == steps
    assert play.ledger.used == "approval-1"
    assert (play.record["approval"], play.record["decision"]) == ("approval-1", "ask")
    assert play.record["effect"] == effect.value
    assert [entry["approval"] for entry in play.journal if entry["kind"] == "intent"] == ["approval-1"]


@pytest.mark.parametrize(
    ("reason", "outcome", "returns"),
    [
        (Reason.APPROVAL_PENDING, AuditOutcome.PENDING, True),
        (Reason.APPROVAL_DECLINED, AuditOutcome.REFUSED, False),
        (Reason.APPROVAL_EXPIRED, AuditOutcome.REFUSED, False),
        (Reason.STORE_UNAVAILABLE, AuditOutcome.REFUSED, False),
    ],
)
async def test_without_a_yes_nothing_is_sent_and_the_claim_is_given_back(reason, outcome, returns) -> None:
    play = asking()
    play.fails["approvals.granted"] = Refused(reason, "No.")
    assert (await play.refusal()).reason is reason
    assert (play.ledger.released, play.ledger.will_return) == (1, returns)
    assert not {"upstream.permit", "ledger.depart", "upstream.send"} & set(play.log)
    assert (play.record["outcome"], play.record["executed"]) == (outcome, "no")


async def test_an_allowed_call_asks_nobody() -> None:
    play = Playbook()
    await play.reply()
    assert "approvals.granted" not in play.log
    assert play.ledger.used is None


async def test_a_loop_brings_in_a_person_who_is_told_what_repeats() -> None:
    play = Playbook()
    play.ledger.asks, play.ledger.looped = "helpdesk/refund was called 6 times in a row", Looped("R1", "ask")
    await play.reply()
    assert play.approvals.rules[-1] == "loop:R1 (helpdesk/refund was called 6 times in a row)"
    assert play.ledger.used == "approval-1"
    assert play.record["loop"] == {"rule": "R1", "rung": "ask"}
    assert play.record["decision"] == "allow"


@pytest.mark.parametrize("effect", [Effect.READ, Effect.MUTATING])
async def test_the_record_says_that_a_hint_was_given(effect: Effect) -> None:
    play = Playbook(effect)
    play.ledger.hint, play.ledger.looped = "Stop it.", Looped("R3", "hint")
    await play.reply()
    assert play.record["loop"] == {"rule": "R3", "rung": "hint"}


@pytest.mark.parametrize(("wished_ms", "held_until"), [(None, 125.0), (60_000, 125.0), (4_000, 104.0)])
async def test_the_caller_is_held_no_longer_than_it_wants(wished_ms: int | None, held_until: float) -> None:
    play = asking()
    await play.reply(asks(deadline_ms=wished_ms))
    assert play.approvals.until == held_until


async def test_a_stop_ends_the_wait_for_a_person_and_gives_the_claim_back() -> None:
    play = asking()
    play.fails["ledger.check"] = Refused(Reason.STOPPED, "An operator stopped it.")
    assert (await play.refusal()).reason is Reason.STOPPED
    assert play.ledger.released == 1
    assert not {"approvals.granted", "ledger.depart", "upstream.send"} & set(play.log)
