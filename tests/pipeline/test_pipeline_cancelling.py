"""The caller goes away: what was not sent is given back, what was sent goes on to its end and its record."""

import asyncio
from dataclasses import replace

import pytest
from pipeline_kit import Playbook, until

from gateway.model.claim import Done, InDoubt, NotDone
from gateway.model.decision import Verdict
from gateway.model.outcome import AuditOutcome
from gateway.model.tool import Effect


async def leaves_at(play: Playbook, step: str) -> None:
    """The caller asks, and is gone when the road has come to `step`; then the road goes on."""
    play.holds[step] = asyncio.Event()
    caller = asyncio.ensure_future(play.heard())
    await until(play, step)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    play.holds[step].set()
    assert await play.tasks.drain(5) == 0


async def test_a_caller_that_leaves_before_departure_gives_the_claim_back() -> None:
    play = Playbook()
    play.upstream.busy = True

    await leaves_at(play, "upstream.permit")

    assert play.ledger.released == 1
    assert not {"ledger.depart", "upstream.send"} & set(play.log)
    assert play.upstream.held == 0
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.CANCELLED, "no")


async def test_a_caller_that_leaves_while_it_waits_for_a_twin_claims_nothing() -> None:
    play = Playbook()

    await leaves_at(play, "ledger.admit")

    assert not {"ledger.claim", "upstream.send"} & set(play.log)
    assert play.upstream.held == 0
    assert play.record["outcome"] is AuditOutcome.CANCELLED


@pytest.mark.parametrize("step", ["ledger.claim", "upstream.send", "ledger.settle"])
async def test_a_caller_that_leaves_a_departing_call_changes_nothing_of_it(step: str) -> None:
    play = Playbook()

    await leaves_at(play, step)

    assert len(play.upstream.heard) == 1
    assert play.upstream.held == 0
    (ending,) = play.ledger.settled
    assert isinstance(ending, Done)
    assert play.record["outcome"] is AuditOutcome.ANSWERED


async def test_a_caller_that_leaves_while_its_call_departs_changes_nothing_of_it() -> None:
    play = Playbook()
    play.upstream.busy = True

    await leaves_at(play, "ledger.depart")

    assert len(play.ledger.settled) == 1
    assert play.record["outcome"] is AuditOutcome.ANSWERED


@pytest.mark.parametrize("step", ["ledger.admit", "upstream.permit", "upstream.send"])
async def test_a_read_ends_with_its_caller(step: str) -> None:
    play = Playbook(Effect.READ)
    play.upstream.busy = step == "upstream.permit"

    await leaves_at(play, step)

    assert play.log[-1] == "record.seal"
    assert play.upstream.held == 0
    assert (play.record["outcome"], play.record["reason"]) == (AuditOutcome.CANCELLED, "cancelled")


@pytest.mark.parametrize("effect", [Effect.READ, Effect.MUTATING])
async def test_a_caller_that_leaves_after_the_end_finds_one_record(effect: Effect) -> None:
    play = Playbook(effect)

    await leaves_at(play, "record.seal" if effect is Effect.READ else "ledger.settle")

    assert play.record["outcome"] is AuditOutcome.ANSWERED


async def test_a_departed_call_that_is_cut_off_at_shutdown_gives_its_slot_back_and_is_left_to_recovery() -> None:
    play = Playbook()
    play.holds["upstream.send"] = asyncio.Event()
    caller = asyncio.ensure_future(play.heard())
    await until(play, "upstream.send")

    await play.tasks.close()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert play.upstream.held == 0
    assert [entry["kind"] for entry in play.journal] == ["intent"]


@pytest.mark.parametrize(("step", "verdict"), [("ledger.admit", Verdict.ALLOW), ("approvals.granted", Verdict.ASK)])
async def test_a_call_that_is_cut_off_at_shutdown_before_it_could_depart_ends_in_its_record(
    step: str, verdict: Verdict
) -> None:
    play = Playbook()
    play.policy.verdict = verdict
    play.holds[step] = asyncio.Event()
    caller = asyncio.ensure_future(play.heard())
    await until(play, step)

    await play.tasks.close()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.CANCELLED, "no")
    assert len(play.journal) == 1


@pytest.mark.parametrize("busy", [False, True])
async def test_a_call_whose_caller_left_goes_on_as_one_that_was_left_alone(*, busy: bool) -> None:
    play = Playbook()
    play.upstream.busy = busy  # then its permit was waited for

    await leaves_at(play, "upstream.send")

    assert play.upstream.alone == 1


def cancels(play: Playbook) -> None:
    tool = play.catalog.view_.tool
    play.catalog.view_.tool = replace(tool, terms=replace(tool.terms, on_disconnect="cancel"))


async def test_where_the_operator_says_cancel_a_sent_call_ends_with_its_caller_and_is_in_doubt() -> None:
    play = Playbook()
    cancels(play)
    play.holds["upstream.send"] = asyncio.Event()
    caller = asyncio.ensure_future(play.heard())
    await until(play, "upstream.send")
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await play.tasks.drain(5) == 0, "nobody lets the upstream go on"
    (ending,) = play.ledger.settled
    assert isinstance(ending, InDoubt)
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.IN_DOUBT, "unknown")
    assert play.upstream.held == 0


async def test_where_the_operator_says_cancel_a_call_that_departed_without_its_caller_is_not_sent() -> None:
    play = Playbook()
    cancels(play)

    await leaves_at(play, "ledger.claim")

    assert play.upstream.heard == []
    (ending,) = play.ledger.settled
    assert isinstance(ending, NotDone)
    assert play.record["executed"] == "no"


async def test_where_the_operator_says_cancel_a_call_whose_caller_stays_is_answered() -> None:
    play = Playbook()
    cancels(play)

    await leaves_at(play, "ledger.settle")

    assert play.record["outcome"] is AuditOutcome.ANSWERED
