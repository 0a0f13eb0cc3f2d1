"""One send concluded three times over, for agent, ledger and record, and always the same way."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from gateway.conclusion import Conclusion, conclude
from gateway.model.call import Reply, ReplyError
from gateway.model.claim import Done, InDoubt, NotDone
from gateway.model.cleaned import Cleaned
from gateway.model.outcome import Answered, AnsweredError, AuditOutcome, Carried, Cause, Lost, Unsent
from gateway.model.refusal import TABLE, Reason, Refusal, Refused
from gateway.model.tool import Effect, ResolvedCall, Tool


class Plain:
    """A sanitizer that finds nothing, or says what the test wants."""

    def __init__(self, found: Mapping[str, int] | None = None, fault: Exception | None = None) -> None:
        self.found, self.fault = found or {}, fault

    def result(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        if self.fault:
            raise self.fault
        return Cleaned(result, self.found)

    def error(self, message: str, data: Any) -> tuple[Cleaned, Cleaned]:
        if self.fault:
            raise self.fault
        return Cleaned(message, self.found), Cleaned(data, {})

    def definition(self, definition: Mapping[str, Any]) -> Cleaned:
        return Cleaned(definition, {})

    def redacted(self, value: Any) -> Cleaned:
        return Cleaned(value, {})


def call(effect: Effect = Effect.MUTATING) -> ResolvedCall:
    return ResolvedCall(Tool("helpdesk/refund", "helpdesk", "refund", {}, "0" * 64, effect), "helpdesk_refund", {})


ANSWERS: list[Carried] = [Answered({"content": []}), AnsweredError(-32000, "no"), Unsent("refused"), Lost("reset")]


def concluded(carried: Carried, effect: Effect = Effect.MUTATING, sanitize: Plain | None = None) -> Conclusion:
    return conclude(carried, call(effect), "call-1", sanitize or Plain())


def test_every_way_a_send_can_end_is_concluded_here() -> None:
    assert {type(answer) for answer in ANSWERS} == set(get_args(Carried))


@pytest.mark.parametrize(
    ("carried", "ends", "outcome", "executed", "ending"),
    [
        (ANSWERS[0], Reply, AuditOutcome.ANSWERED, "yes", Done),
        (ANSWERS[1], ReplyError, AuditOutcome.ANSWERED_ERROR, "yes", Done),
        (ANSWERS[2], Refusal, AuditOutcome.FAILED, "no", NotDone),
        (ANSWERS[3], Refusal, AuditOutcome.IN_DOUBT, "unknown", InDoubt),
    ],
)
def test_agent_ledger_and_record_hear_the_same(
    carried: Carried, ends: type, outcome: AuditOutcome, executed: str, ending: type
) -> None:
    found = concluded(carried)

    assert isinstance(found.ends, ends)
    assert (found.outcome, found.facts["executed"]) == (outcome, executed)
    assert isinstance(found.ending(carried, "call-1", 5.0), ending)


@pytest.mark.parametrize("carried", ANSWERS[:2])
@pytest.mark.parametrize("fault", [Refused(Reason.RESULT_WITHHELD, "Too deep."), RuntimeError("their words")])
def test_an_answer_that_cannot_be_cleaned_is_withheld_and_kept_as_such(carried: Carried, fault: Exception) -> None:
    found = concluded(carried, sanitize=Plain(fault=fault))

    assert isinstance(found.ends, Refusal)
    assert found.ends.reason is Reason.RESULT_WITHHELD
    assert "their words" not in str(found)
    ending = found.ending(carried, "call-1", 5.0)
    assert isinstance(ending, Done)
    assert (ending.kept.kind, ending.kept.body, ending.kept.size) == ("withheld", b"", 0)


@pytest.mark.parametrize("result", [{"content": [{1, 2}]}, {"content": float("inf"), "x": {3}}])
def test_an_answer_without_a_json_form_is_withheld(result: dict[str, Any]) -> None:
    found = concluded(Answered(result))

    assert isinstance(found.ends, Refusal)
    assert found.ends.reason is Reason.RESULT_WITHHELD


@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize(
    ("cause", "reason", "retry", "after_ms"),
    [
        ("unreached", Reason.UPSTREAM_UNAVAILABLE, "after", 1_500),
        ("later", Reason.UPSTREAM_UNAVAILABLE, "after", 1_500),
        ("never", Reason.UPSTREAM_REFUSED, "never", None),
        ("unfit", Reason.INVALID_ARGUMENTS, "new_key", None),
    ],
)
def test_whoever_was_turned_away_is_told_what_helps(
    effect: Effect, cause: Cause, reason: Reason, retry: str, after_ms: int | None
) -> None:
    unsent = Unsent("turned away with HTTP 401", 1_500, cause)

    found = concluded(unsent, effect)

    assert isinstance(found.ends, Refusal)
    told = found.ends.told("call-1")
    assert (found.ends.reason, told["executed"], told["retry"]) == (reason, "no", retry)
    assert told.get("retry_after_ms") == after_ms
    assert "turned away with HTTP 401" in found.ends.detail
    assert (found.facts["reason"], found.outcome) == (reason.value, TABLE[reason].outcome)
    assert isinstance(found.ending(unsent, "call-1", 5.0), NotDone)


@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize("timed_out", [True, False])
def test_a_lost_call_is_in_doubt_unless_it_was_declared_a_read(effect: Effect, timed_out: bool) -> None:
    found = concluded(Lost("nothing came", timed_out), effect)

    assert isinstance(found.ends, Refusal)
    read = Reason.UPSTREAM_TIMEOUT if timed_out else Reason.UPSTREAM_INVALID
    assert found.ends.reason is (read if effect is Effect.READ else Reason.OUTCOME_UNKNOWN)


@pytest.mark.parametrize(("said", "failed"), [(True, True), (False, False), ("true", False), (1, False), (None, False)])
def test_only_a_plain_true_says_that_the_tool_failed(said: Any, failed: bool) -> None:
    found = concluded(Answered({"content": [], "isError": said}))

    assert found.is_error is failed
    assert found.outcome is (AuditOutcome.ANSWERED_ERROR if failed else AuditOutcome.ANSWERED)


def test_integers_of_any_size_are_kept_exactly() -> None:
    assert str(10**40).encode() in concluded(Answered({"structuredContent": {"n": 10**40}})).kept


@pytest.mark.parametrize("meta", [{"io.sallyport/replayed": True, "theirs": 1}, "words", None, []])
def test_what_an_upstream_says_in_our_name_is_neither_told_nor_kept(meta: Any) -> None:
    found = concluded(Answered({"content": [], "_meta": meta}))

    assert isinstance(found.ends, Reply)
    assert "io.sallyport/replayed" not in found.ends.result["_meta"]
    assert b"io.sallyport" not in found.kept
