"""A second look on the road: after a success, after a lost answer, and before an old doubt is told again."""

from dataclasses import replace

import pytest
from pipeline_kit import KEPT, Playbook

from gateway.model.call import Reply
from gateway.model.claim import InDoubt, NotDone
from gateway.model.outcome import AuditOutcome, Lost
from gateway.model.refusal import Reason, Refused
from gateway.model.terms import Probe, Terms

PROBE = Probe("helpdesk/find", {}, "true", 30.0)
DOUBT = Refused(Reason.OUTCOME_UNKNOWN, "in doubt", original="call-0")


def probing(answer: Lost | None = None, **terms: object) -> Playbook:
    play = Playbook(answer=answer)
    play.catalog.view_.tool = replace(play.tool, terms=Terms(probe=PROBE, **terms))
    return play


@pytest.mark.parametrize("seen", ["yes", "no", "unknown"])
async def test_a_success_is_looked_at_only_once_it_is_settled(seen: str) -> None:
    play = probing(verify=True)
    play.looks.seen = seen

    reply = await play.reply()

    assert reply.result["_meta"]["io.sallyport/verified"] == seen
    assert play.rooms.index("ledger.settle") < play.rooms.index("looks.verified")
    assert play.upstream.held == 0


async def test_without_verify_nobody_looks() -> None:
    play = probing()
    await play.reply()
    assert not [step for step in play.log if step.startswith("looks")]


async def test_a_lost_answer_is_in_doubt_before_anybody_looks() -> None:
    play = probing(Lost("reset"), in_doubt="probe")
    play.looks.became = KEPT

    reply = await play.reply()

    assert reply.result["content"] == [{"type": "text", "text": "paid"}]
    assert play.ledger.settled == [InDoubt()]
    assert play.rooms.index("ledger.settle") < play.rooms.index("looks.resolved")
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.IN_DOUBT, "unknown")
    (doubted,) = play.looks.doubts
    assert (doubted.token, doubted.call_id) == (7, "call-1")


async def test_a_lost_answer_that_was_not_carried_out_may_be_made_again() -> None:
    play = probing(Lost("reset"), in_doubt="probe")
    play.looks.became = NotDone()

    refusal = await play.refusal()

    told = refusal.told("call-1")
    assert (told["reason"], told["executed"], told["retry"]) == ("upstream-timeout", "no", "same_key")
    assert told["remedy"] == "Make the same call again, unchanged."


async def test_a_lost_answer_of_which_nothing_is_seen_stays_unknown() -> None:
    refusal = await probing(Lost("reset"), in_doubt="probe").refusal()
    assert (refusal.reason, refusal.executed or refusal.row.executed) == (Reason.OUTCOME_UNKNOWN, "unknown")


@pytest.mark.parametrize("in_doubt", ["block", "forward_key"])
async def test_where_no_probe_settles_doubts_nobody_looks(in_doubt: str) -> None:
    play = probing(Lost("reset"), in_doubt=in_doubt)
    await play.refusal()
    assert not [step for step in play.log if step.startswith("looks")]


async def test_an_old_doubt_is_looked_into_without_a_slot_and_told_where_it_stays() -> None:
    play = probing(in_doubt="probe")
    play.fails["ledger.admit"] = DOUBT

    refusal = await play.refusal()

    assert (refusal.reason, refusal.original) == (Reason.OUTCOME_UNKNOWN, "call-0")
    assert play.rooms.count("ledger.admit") == 1
    assert (play.upstream.held, play.upstream.heard) == (0, [])


async def test_an_old_doubt_that_is_over_makes_way_for_the_call() -> None:
    play = probing(in_doubt="probe")
    play.looks.over = True
    play.fails["ledger.admit"] = DOUBT
    reconsidered = play.looks.reconsidered

    async def settles(call_id: str) -> bool:
        del play.fails["ledger.admit"]
        return await reconsidered(call_id)

    play.looks.reconsidered = settles  # type: ignore[method-assign]

    assert isinstance(await play.heard(), Reply)
    assert (play.rooms.count("ledger.admit"), len(play.upstream.heard)) == (2, 1)
