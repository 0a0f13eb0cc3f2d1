"""What came back, and what it means for the agent, the ledger and the record."""

import hashlib

import pytest
from pipeline_kit import NOON, Playbook, text

from gateway.model.call import Reply, ReplyError
from gateway.model.claim import Done, InDoubt, NotDone
from gateway.model.outcome import Answered, AnsweredError, AuditOutcome, Carried, Lost, Unsent
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect

TRACES = [Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET]
BROKEN = AnsweredError(-32000, "no such order", {"order": 7, "io.sallyport/outcome": {"executed": "no"}})


@pytest.mark.parametrize("timed_out", [True, False])
async def test_a_read_without_an_answer_failed(timed_out: bool) -> None:
    play = Playbook(Effect.READ, Lost("nothing came", timed_out=timed_out))

    refusal = await play.refusal()

    assert refusal.reason is (Reason.UPSTREAM_TIMEOUT if timed_out else Reason.UPSTREAM_INVALID)
    assert play.record["outcome"] is AuditOutcome.FAILED
    assert play.ledger.unspent == 0


@pytest.mark.parametrize("timed_out", [True, False])
@pytest.mark.parametrize("effect", TRACES)
async def test_a_sent_call_without_an_answer_is_in_doubt(effect: Effect, timed_out: bool) -> None:
    play = Playbook(effect, Lost("nothing came", timed_out=timed_out))

    refusal = await play.refusal()

    assert refusal.reason is Reason.OUTCOME_UNKNOWN
    assert refusal.told("call-1")["executed"] == "unknown"
    assert play.ledger.settled == [InDoubt()]
    assert play.record["outcome"] is AuditOutcome.IN_DOUBT


async def test_a_call_that_leaves_traces_asks_the_kill_switch_before_each_further_send() -> None:
    play = Playbook(Effect.MUTATING, Lost("nothing came"))
    await play.refusal()
    (sent,) = play.upstream.heard
    sent.still()
    play.fails["ledger.check"] = Refused(Reason.STOPPED, "by an operator")
    with pytest.raises(Refused):
        sent.still()


async def test_a_read_that_was_proven_unsent_gets_its_budget_back() -> None:
    play = Playbook(Effect.READ, Unsent("connection refused", retry_after_ms=1500))

    refusal = await play.refusal()

    assert (refusal.reason, refusal.retry_after_ms) == (Reason.UPSTREAM_UNAVAILABLE, 1500)
    assert play.ledger.unspent == 1
    assert play.record["executed"] == "no"


@pytest.mark.parametrize("effect", TRACES)
async def test_a_call_that_was_proven_unsent_may_be_made_again(effect: Effect) -> None:
    play = Playbook(effect, Unsent("connection refused"))

    refusal = await play.refusal()

    assert refusal.reason is Reason.UPSTREAM_UNAVAILABLE
    assert play.ledger.settled == [NotDone()]
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.FAILED, "no")


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_call_that_its_service_turns_away_for_good_leaves_nothing_behind(effect: Effect) -> None:
    play = Playbook(effect, Unsent("turned away with HTTP 401", cause="never"))

    refusal = await play.refusal()

    assert refusal.reason is Reason.UPSTREAM_REFUSED
    assert play.ledger.settled == ([] if effect is Effect.READ else [NotDone()])
    assert play.ledger.unspent == (effect is Effect.READ)
    record = play.record
    assert (record["outcome"], record["reason"], record["code"]) == (AuditOutcome.FAILED, "upstream-refused", 50202)
    assert record["executed"] == "no"


@pytest.mark.parametrize("answer", [Lost("reset"), Unsent("refused"), BROKEN, text("paid")])
async def test_every_departed_call_is_settled_once_with_its_terminal_entry(answer: Carried) -> None:
    play = Playbook(answer=answer)

    await play.heard()

    assert len(play.ledger.settled) == 1
    assert play.log.count("ledger.settle") == 1
    assert "record.seal" not in play.log
    assert play.record["kind"] == "call"


async def test_an_answer_is_kept_as_it_was_cleaned_and_without_the_marks_of_this_call() -> None:
    play = Playbook(answer=text("paid"))

    await play.reply()

    (ending,) = play.ledger.settled
    assert isinstance(ending, Done)
    kept = ending.kept
    assert kept.body == b'{"content":[{"type":"text","text":"paid"}],"cleaned":true}'
    assert (kept.kind, kept.is_error, kept.call_id, kept.at) == ("result", False, "call-1", NOON)
    assert (kept.sha256, kept.size) == (hashlib.sha256(kept.body).hexdigest(), len(kept.body))
    assert play.record["result"] == {"sha256": kept.sha256, "bytes": kept.size, "is_error": False}


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_tool_that_says_it_failed_has_answered(effect: Effect) -> None:
    play = Playbook(effect, Answered({"content": [], "isError": True}))

    assert (await play.reply()).result["isError"] is True

    assert play.record["outcome"] is AuditOutcome.ANSWERED_ERROR
    assert play.record["result"]["is_error"] is True


@pytest.mark.parametrize("effect", list(Effect))
async def test_an_error_of_the_upstream_is_relayed_cleaned(effect: Effect) -> None:
    play = Playbook(effect, BROKEN)

    heard = await play.heard()

    assert isinstance(heard, ReplyError)
    assert (heard.code, heard.message, heard.data) == (-32000, "cleaned: no such order", {"order": 7})
    record = play.record
    assert (record["outcome"], record["code"]) == (AuditOutcome.ANSWERED_ERROR, -32000)
    assert record["findings"] == {"secret": 1}


async def test_an_error_that_counts_as_an_answer_is_kept() -> None:
    play = Playbook(answer=BROKEN)

    await play.heard()

    (ending,) = play.ledger.settled
    assert isinstance(ending, Done)
    assert ending.kept.kind == "error"
    assert ending.kept.body == b'{"code":-32000,"message":"cleaned: no such order","data":{"order":7}}'


DEFECTS = [Refused(Reason.RESULT_WITHHELD, "Too many nodes."), ValueError("secret words")]


@pytest.mark.parametrize("fault", DEFECTS)
@pytest.mark.parametrize(("answer", "step"), [(text("x"), "sanitize.result"), (BROKEN, "sanitize.error")])
async def test_an_answer_that_cannot_be_cleaned_is_withheld_and_the_call_stays_done(
    fault: Exception, answer: Carried, step: str
) -> None:
    play = Playbook(answer=answer)
    play.fails[step] = fault

    refusal = await play.refusal()

    assert refusal.reason is Reason.RESULT_WITHHELD
    assert "secret words" not in refusal.detail
    (ending,) = play.ledger.settled
    assert isinstance(ending, Done)
    assert ending.kept.kind == "withheld"
    assert (play.record["outcome"], play.record["executed"]) == (AuditOutcome.WITHHELD, "yes")


@pytest.mark.parametrize("fault", DEFECTS)
async def test_a_read_that_cannot_be_cleaned_is_withheld(fault: Exception) -> None:
    play = Playbook(Effect.READ)
    play.fails["sanitize.result"] = fault

    assert (await play.refusal()).reason is Reason.RESULT_WITHHELD

    assert play.record["outcome"] is AuditOutcome.WITHHELD


@pytest.mark.parametrize("effect", list(Effect))
async def test_a_loop_hint_stands_where_the_model_reads_and_in_meta(effect: Effect) -> None:
    play = Playbook(effect)
    play.ledger.hint = "This is the fifth identical call."

    result = (await play.reply()).result

    assert [part["text"] for part in result["content"]] == ["paid", "This is the fifth identical call."]
    assert result["_meta"]["io.sallyport/hint"] == "This is the fifth identical call."


@pytest.mark.parametrize("answer", [text("paid"), BROKEN])
async def test_the_ledger_hears_that_an_answer_was_delivered(answer: Carried) -> None:
    play = Playbook(answer=answer)

    heard = await play.heard()

    assert isinstance(heard, Reply | ReplyError)
    assert play.ledger.arrived == []
    heard.delivered()
    assert [ticket.token for ticket in play.ledger.arrived] == [7]


async def test_nobody_waits_for_the_delivery_of_a_read() -> None:
    assert (await Playbook(Effect.READ).reply()).delivered is None


async def test_a_second_send_that_never_left_says_nothing_of_the_first() -> None:
    play = Playbook(Effect.MUTATING, Unsent("connection refused"))
    play.ledger.resends = True

    refusal = await play.refusal()

    assert refusal.reason is Reason.OUTCOME_UNKNOWN
    assert play.ledger.settled == [InDoubt()]


@pytest.mark.parametrize("step", ["upstream.permit", "ledger.depart"])
async def test_a_second_send_that_was_refused_says_nothing_of_the_first(step: str) -> None:
    play = Playbook(Effect.MUTATING)
    play.ledger.resends, play.upstream.busy = True, True
    play.fails[step] = Refused(Reason.STOPPED, "stopped")

    refusal = await play.refusal()

    assert (refusal.reason, refusal.executed) == (Reason.STOPPED, "unknown")
    assert play.record["executed"] == "unknown"


@pytest.mark.parametrize("resends", [True, False])
async def test_what_is_sent_again_is_sent_once_for_its_window_counts_from_the_first_send(resends: bool) -> None:
    play = Playbook(Effect.MUTATING)
    play.ledger.resends = resends

    await play.reply()

    assert [sent.attempt for sent in play.upstream.heard] == [int(resends)]
