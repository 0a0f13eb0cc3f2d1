"""A round that asks for input (2026-07-28, MRTR): what the caller, the ledger and the record learn of it."""

from typing import Any

from gateway.conclusion import conclude
from gateway.config.schema import Sanitize
from gateway.model.claim import Done
from gateway.model.outcome import Answered, AuditOutcome, Unsent
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.replies import hinted, with_text
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(), b"k" * 32)
CALL = ResolvedCall(Tool("desk/refund", "desk", "refund", {}, "0" * 64, Effect.MUTATING), "desk_refund", {})
STATE = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U\u200b"
ROUND = {
    "resultType": "input_required",
    "inputRequests": {
        "a": {"method": "elicitation/create", "params": {"message": "sure\u200b?"}},
        "b": {"method": "elicitation/create", "params": {}},
        "c": {"method": "other", "params": {}},
    },
    "requestState": STATE,
}


def test_the_question_is_cleaned_and_the_state_goes_back_byte_for_byte() -> None:
    concluded = conclude(Answered(ROUND), CALL, "call-1", CLEAN)

    told: Any = concluded.ends
    assert told.result["inputRequests"]["a"]["params"]["message"] == "sure?"
    assert told.result["requestState"] == STATE
    assert "content" not in told.result


def test_the_record_says_what_was_asked_and_that_nothing_was_carried_out_yet() -> None:
    concluded = conclude(Answered(ROUND), CALL, "call-1", CLEAN)

    assert concluded.outcome is AuditOutcome.ANSWERED
    assert concluded.facts["executed"] == "no"
    assert concluded.facts["asks"] == {"elicitation/create": 2}
    assert isinstance(concluded.ending(Answered(ROUND), "call-1", 1.0), Done), "the same round is answered from it"


def test_what_is_wrong_with_a_round_breaks_nothing() -> None:
    for requests in (None, [], "x", {"a": 1}, {"a": {"method": ["x"]}}):
        result = {"resultType": "input_required", "inputRequests": requests}
        assert conclude(Answered(result), CALL, "call-1", CLEAN).facts["executed"] == "no"


def test_no_line_for_the_model_is_put_into_a_round() -> None:
    concluded: Any = conclude(Answered(ROUND), CALL, "call-1", CLEAN).ends
    hint: Any = hinted(concluded, "You are repeating yourself.")
    assert "content" not in with_text(ROUND, "Already done.")
    assert "content" not in hint.result


def test_a_capability_that_the_client_lacks_is_named_and_the_call_was_not_made() -> None:
    required = {"elicitation": {"form": {}}}
    refusal: Any = conclude(Unsent("it needs more", cause="never", required=required), CALL, "call-1", CLEAN).ends
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.row.executed) == (Reason.MISSING_CAPABILITY, "no")
    assert refusal.data == {"requiredCapabilities": required}
