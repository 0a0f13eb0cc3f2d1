"""Repetition: what counts, when it is hinted at, when it is refused, and for how long."""

from datetime import timedelta

import pytest
from ledger_kit import ALICE, BOB, FakeClock, call, tool

from gateway.config import schema
from gateway.ledger import loops as loops_module
from gateway.ledger.case import Case
from gateway.ledger.loops import Loops, Sighting
from gateway.model.call import Asked
from gateway.model.principal import Principal
from gateway.model.refusal import Reason
from gateway.model.tool import Effect, ResolvedCall


class Caller:
    def __init__(self, clock: FakeClock | None = None, **rule: object) -> None:
        self.clock = clock or FakeClock()
        self.loops = Loops(schema.Loops(**{"repeats": 3, "window": timedelta(seconds=60)} | rule), self.clock)

    def note(self, of: ResolvedCall, who: Principal = ALICE) -> Sighting:
        return self.loops.note(Case(who, of, ASKED))


ASKED = Asked("helpdesk_refund", {}, "modern", "2026-07-28")
MUTATING, READ = call(), call(tool(Effect.READ))


@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.IDEMPOTENT])
def test_the_third_identical_call_that_changes_something_is_refused(effect: Effect) -> None:
    caller = Caller()
    sightings = [caller.note(call(tool(effect))) for _ in range(3)]
    assert [sighting.refused is None for sighting in sightings] == [True, True, False]
    assert sightings[2].refused.reason is Reason.LOOP_DETECTED
    assert "helpdesk/refund was called 3 times" in sightings[2].refused.detail


@pytest.mark.parametrize("effect", [Effect.READ, Effect.UNSET])
def test_reads_and_tools_nobody_declared_are_hinted_at_unless_refusal_was_asked_for(effect: Effect) -> None:
    caller, strict = Caller(), Caller(reads="refuse")
    for sighting in [caller.note(call(tool(effect))) for _ in range(3)][:2]:
        assert sighting.hint is None
    assert caller.note(call(tool(effect))).hint is not None
    assert caller.note(call(tool(effect))).refused is None
    assert [strict.note(call(tool(effect))).refused is None for _ in range(3)] == [True, True, False]


def test_other_arguments_other_users_and_old_calls_are_no_repetition() -> None:
    caller = Caller()
    for number in range(20):
        assert caller.note(call(order=number)).refused is None
    for _ in range(2):
        caller.note(MUTATING)
        caller.note(MUTATING, BOB)
    caller.clock.advance(60)
    assert caller.note(MUTATING).refused is None


@pytest.mark.parametrize(("waits_s", "passes"), [(49.9, False), (50.0, True)])
def test_who_waits_as_long_as_told_may_call_again_and_not_sooner(waits_s: float, passes: bool) -> None:
    caller = Caller()
    for _ in range(2):
        caller.note(MUTATING)
        caller.clock.advance(10)
    assert caller.note(MUTATING).refused.retry_after_ms == 50_000
    caller.clock.advance(waits_s)
    assert (caller.note(MUTATING).refused is None) is passes


def test_an_attempt_that_was_taken_back_does_not_count() -> None:
    caller = Caller()
    for _ in range(10):
        caller.loops.forget(Case(ALICE, MUTATING, ASKED), caller.note(MUTATING))
    assert caller.note(MUTATING).refused is None
    caller.loops.forget(Case(BOB, MUTATING, ASKED), caller.note(MUTATING))
    assert caller.note(MUTATING).refused is not None


def test_refusals_of_a_name_are_told_but_bar_no_honest_call() -> None:
    caller = Caller()
    for _ in range(5):
        caller.loops.note_refused(ALICE, "helpdesk_refund")
    sighting = caller.note(MUTATING)
    assert sighting.refused is None
    assert "helpdesk_refund was refused 5 times" in sighting.hint
    assert caller.note(MUTATING, BOB).hint is None


def test_memory_is_bounded_in_callers_and_in_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops_module, "_CALLERS", 10)
    caller = Caller()
    for number in range(100):
        caller.note(READ, Principal("default", f"bot-{number}", "key:k"))
        caller.note(call(order=number))
    assert len(caller.loops._callers) == 10
    assert max(len(ring) for ring in caller.loops._callers.values()) == 64


def test_a_cap_above_the_ring_still_holds() -> None:
    caller = Caller(repeats=100)
    assert [caller.note(MUTATING).refused is None for _ in range(100)].index(False) == 99
