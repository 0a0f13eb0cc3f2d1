"""A room raises what nobody foresaw: the call ends as `internal`, in its record, and nothing of the exception is told."""

import asyncio
import logging

import pytest
from pipeline_kit import Playbook

from gateway.model.decision import Verdict
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import Reason
from gateway.model.tool import Effect

EVERYONE = ["policy.visible", "catalog.resolve", "policy.decide", "ledger.admit", "upstream.try_permit"]
SLOW = ["upstream.permit"]
ONCE = ["ledger.claim", "ledger.depart"]
STEPS = [
    *((Effect.READ, step) for step in (*EVERYONE, *SLOW)),
    *((Effect.MUTATING, step) for step in (*EVERYONE, *SLOW, *ONCE)),
]


@pytest.mark.parametrize(("effect", "step"), STEPS)
async def test_a_defect_before_the_send_ends_in_one_record_and_sends_nothing(
    effect: Effect, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    play = Playbook(effect)
    play.upstream.busy = step in {"upstream.permit", "ledger.depart"}
    play.fails[step] = RuntimeError("a secret of the room")

    refusal = await play.refusal()

    assert refusal.reason is Reason.INTERNAL
    assert refusal.detail == "The gateway failed while handling call call-1."
    assert play.upstream.heard == []
    assert play.upstream.held == 0
    assert play.record["outcome"] is AuditOutcome.FAILED
    assert "a secret of the room" not in str(play.record)
    assert [found.levelno for found in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("step", ["approvals.granted", "upstream.permit"])
async def test_a_defect_between_claim_and_departure_gives_the_claim_back(step: str) -> None:
    play = Playbook()
    play.policy.verdict = Verdict.ASK
    play.fails[step] = RuntimeError("a secret of the room")

    assert (await play.refusal()).reason is Reason.INTERNAL
    assert (play.ledger.released, play.ledger.will_return) == (1, False)
    assert play.upstream.heard == []


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_defect_of_the_send_gives_the_slot_back_and_claims_nothing_about_execution(effect: Effect) -> None:
    play = Playbook(effect)
    play.fails["upstream.send"] = RuntimeError("a secret of the room")

    refusal = await play.refusal()

    assert refusal.told("call-1")["executed"] == "unknown"
    assert play.upstream.held == 0
    assert play.ledger.settled == []  # its claim stays `sent`: in doubt when the lease is over
    assert play.ledger.released == play.ledger.unspent == 0
    assert play.record["executed"] == "unknown"


async def test_a_defect_of_the_ledgers_settling_leaves_the_intent_to_recovery() -> None:
    play = Playbook()
    play.fails["ledger.settle"] = RuntimeError("a secret of the room")

    assert (await play.refusal()).reason is Reason.INTERNAL
    assert play.log.count("upstream.send") == 1
    assert [entry["kind"] for entry in play.journal] == ["intent"]


async def test_a_missing_upstream_is_a_defect_that_sends_nothing() -> None:
    play = Playbook()
    play.road._upstreams = {}

    assert (await play.refusal()).reason is Reason.INTERNAL
    assert "ledger.admit" not in play.log


async def test_one_call_that_fails_disturbs_no_other() -> None:
    play, fine = Playbook(), Playbook()
    play.fails["policy.decide"] = RuntimeError("a secret of the room")

    await asyncio.gather(play.refusal(), fine.reply())

    assert fine.record["outcome"] is AuditOutcome.ANSWERED
