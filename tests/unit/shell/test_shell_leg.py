"""What a person must approve is claimed so that their yes can be used, and so that a read they approved can be read again."""

from typing import Any

import pytest

from gateway.ledger.allowances import Owed
from gateway.ledger.attempt import Attempts
from gateway.ledger.case import Case
from gateway.leg import Leg, leg
from gateway.model.call import Asked
from gateway.model.claim import Claim
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.spend import Cost
from gateway.model.tool import Derived, Effect, ResolvedCall, Tool

ALICE = Principal("default", "support-bot", "key:k1", "alice", "key:k1")
ASKED = Asked("desk_refund", {"order": 7}, "modern", "2026-07-28")


def asking(effect: Effect, derived: Derived = "on", verdict: Verdict = Verdict.ASK) -> Leg:
    tool = Tool("desk/refund", "desk", "refund", {}, "0" * 64, effect, derived)
    call = ResolvedCall(tool, "desk_refund", {"order": 7})
    nobody: Any = None
    return leg(nobody, ALICE, ASKED, call, Decision(verdict, ("ask",), "v1"), nobody, 100.0, 25.0)


def claimed(by: Leg, call_id: str) -> Claim:
    return Attempts(b"s" * 32, "owner").of(Case(ALICE, by.call, by.asked), call_id, 10.0, Owed(Cost(), ())).claim


@pytest.mark.parametrize("effect", list(Effect))
def test_a_call_made_again_finds_the_answer_to_its_question_even_where_repeats_are_not_deduplicated(
    effect: Effect,
) -> None:
    first, again = (claimed(asking(effect, "off"), call_id).record for call_id in ("call-1", "call-2"))
    assert first == again


def test_where_nobody_is_asked_every_call_of_such_a_tool_stands_alone() -> None:
    allowed = asking(Effect.MUTATING, "off", Verdict.ALLOW)
    assert claimed(allowed, "call-1").record != claimed(allowed, "call-2").record


@pytest.mark.parametrize("effect", list(Effect))
def test_only_of_what_does_harm_twice_a_doubt_stands_in_the_way_of_another_question(effect: Effect) -> None:
    assert (claimed(asking(effect), "call-1").resend_within_s is None) is (
        effect not in {Effect.READ, Effect.IDEMPOTENT}
    )
