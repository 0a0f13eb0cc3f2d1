"""Loop detection of one caller: what counts, what is told, when it is refused, and when a person is brought in."""

import sys
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from ledger_kit import ALICE, BOB, FakeClock, call, tool

from gateway.config import schema
from gateway.ledger import loops as loops_module
from gateway.ledger.case import Case
from gateway.ledger.loops import Loops, Sighting
from gateway.model.call import Asked
from gateway.model.outcome import Brought, Looped
from gateway.model.principal import Principal
from gateway.model.refusal import Reason
from gateway.model.terms import Terms
from gateway.model.tool import Effect, ResolvedCall, Tool

ASKED = Asked("helpdesk_refund", {}, "modern", "2026-07-28")
MUTATING, READ, POLLED = call(), call(tool(Effect.READ)), call(tool(Effect.READ, terms=Terms(poll_s=10.0)))
RUNNING = Principal("default", "support-bot", "key:k1", "alice", "key:k1", run="run-1")
DONE = Brought({"structuredContent": {"ok": True}}, 12, is_error=False)
FAILED = Brought({"content": []}, 12, is_error=True)


class Caller:
    def __init__(self, **limits: Any) -> None:
        self.clock = FakeClock()
        self.paused: list[tuple[Principal, str]] = []
        self.loops = Loops(schema.Loops(**limits), self.clock, lambda who, why: self.paused.append((who, why)))

    def call(self, of: ResolvedCall, brought: Brought | None = DONE, who: Principal = ALICE) -> Sighting:
        """One attempt from end to end."""
        case = Case(who, of, ASKED)
        sighting = self.loops.note(case)
        self.loops.told(case, sighting)
        if sighting.refused is None:
            self.loops.ended(case, sighting, brought)
        return sighting

    def rungs(self, of: ResolvedCall, times: int, every_s: float = 1.0, **more: Any) -> list[str | None]:
        told = []
        for _ in range(times):
            looped = self.call(of, **more).looped
            told.append(looped.rung if looped is not None else None)
            self.clock.advance(every_s)
        return told


def test_a_call_that_changes_something_climbs_from_refusal_to_a_person_to_a_pause() -> None:
    caller = Caller()
    assert caller.rungs(MUTATING, 7) == [None, None, "refuse", "refuse", "refuse", "ask", "pause"]
    [(who, why)] = caller.paused
    assert who == ALICE
    assert why.startswith("R1: helpdesk/refund was called 7 times in a row")
    assert caller.rungs(MUTATING, 3) == [None, None, "refuse"]  # who was let on again begins anew


def test_a_refusal_says_what_repeats_what_to_do_and_when_the_cool_down_is_over() -> None:
    caller = Caller()
    caller.rungs(MUTATING, 2)
    refused = caller.call(MUTATING).refused
    assert refused is not None
    assert refused.reason is Reason.LOOP_DETECTED
    assert refused.detail.startswith(
        "helpdesk/refund was called 3 times in a row with the same arguments. Repeating it"
    )
    assert refused.retry_after_ms == 30_000
    assert refused.looped == Looped("R1", "refuse")
    assert refused.facts()["loop"] == {"rule": "R1", "rung": "refuse"}
    again = caller.call(MUTATING).refused
    assert again is not None
    assert again.retry_after_ms == 60_000


@pytest.mark.parametrize(("waits_s", "passes"), [(29.9, False), (30.0, True)])
def test_who_waits_as_long_as_told_may_call_again_and_not_sooner(waits_s: float, passes: bool) -> None:
    caller = Caller()
    caller.rungs(MUTATING, 3, every_s=0)
    caller.clock.advance(waits_s)
    assert (caller.call(MUTATING).refused is None) is passes


@pytest.mark.parametrize("effect", [Effect.READ, Effect.UNSET])
def test_reads_and_tools_nobody_declared_stop_at_the_hint_unless_refusal_was_asked_for(effect: Effect) -> None:
    assert Caller().rungs(call(tool(effect)), 6) == [None, None, *["hint"] * 4]
    assert Caller(reads="refuse").rungs(call(tool(effect)), 5) == [None, None, "hint", "refuse", "refuse"]


def test_numbers_in_the_answers_of_a_tool_nobody_declared_are_news() -> None:
    def counts(effect: Effect) -> list[str | None]:
        caller, of = Caller(reads="refuse"), call(tool(effect))
        answers = [Brought({"structuredContent": {"percent": n}}, 9, is_error=False) for n in range(9)]
        return [caller.rungs(of, 1, brought=answer)[0] for answer in answers]

    assert "refuse" not in counts(Effect.UNSET)
    assert "refuse" in counts(Effect.MUTATING)


def test_another_course_steps_down() -> None:
    caller = Caller()
    caller.rungs(MUTATING, 3)
    caller.rungs(call(order=8), 1)
    caller.rungs(call(order=9), 1)
    assert caller.rungs(MUTATING, 1) == [None]
    refused = caller.call(MUTATING).refused  # the fifth of the last twenty
    assert refused is not None
    assert refused.retry_after_ms == 30_000


def test_other_arguments_other_users_other_runs_and_old_calls_are_no_repetition() -> None:
    caller = Caller(window=timedelta(seconds=60))
    for number in range(20):
        assert caller.call(call(order=number, note="x" * number)).refused is None
    for who in (ALICE, BOB, RUNNING, ALICE, BOB, RUNNING):
        assert caller.call(MUTATING, who=who).looped is None
    caller.clock.advance(60)
    assert caller.call(MUTATING).looped is None
    assert caller.call(MUTATING, who=RUNNING).looped is not None  # a proven run knows no window


def test_two_retries_of_a_failure_are_never_refused_and_the_sixth_attempt_is() -> None:
    assert Caller().rungs(MUTATING, 6, brought=FAILED) == [None, None, "hint", None, None, "refuse"]
    assert Caller().rungs(MUTATING, 6, brought=None) == [None, None, "hint", None, None, "refuse"]


def test_a_batch_whose_every_call_answers_ok_is_hinted_at_now_and_then_and_never_refused() -> None:
    caller = Caller()
    told = [caller.rungs(call(order=number), 1)[0] for number in range(100)]
    assert told.count("hint") == 4  # once per cool-down
    assert set(told) == {None, "hint"}


def test_a_counter_does_not_hide_a_loop() -> None:
    caller = Caller()
    told = [caller.rungs(call(order=7, attempt=number), 1)[0] for number in range(12)]
    assert told[3] == "hint"
    assert told[7] == "refuse"


def test_a_poller_may_poll_as_long_as_it_likes_and_no_faster_than_declared() -> None:
    assert Caller().rungs(POLLED, 80, every_s=10) == [None] * 80
    hasty = Caller()
    assert hasty.rungs(POLLED, 3, every_s=1) == [None, None, "refuse"]
    refused = hasty.call(POLLED).refused
    assert refused is not None
    assert refused.detail == "helpdesk/refund may be polled every 10 s and was polled faster."
    assert refused.retry_after_ms == 17_000
    hasty.clock.advance(17)
    assert hasty.call(POLLED).refused is None


def test_steps_are_capped_only_in_a_proven_run_and_the_cap_begins_with_a_hint() -> None:
    def walk(who: Principal) -> list[str | None]:
        caller = Caller(steps=5)
        return [caller.rungs(call(order=n, note="x" * n), 1, who=who, brought=None)[0] for n in range(4)] + [
            caller.rungs(call(tool(), 1, order=n, note=str(n)), 1, who=who)[0] for n in range(10, 14)
        ]

    assert walk(RUNNING) == [*[None] * 5, "hint", "refuse", "refuse"]
    assert walk(ALICE) == [None] * 8


def test_an_attempt_that_was_taken_back_does_not_count() -> None:
    caller = Caller()
    for _ in range(10):
        case = Case(ALICE, MUTATING, ASKED)
        caller.loops.forget(case, caller.loops.note(case))
    assert caller.rungs(MUTATING, 3) == [None, None, "refuse"]
    caller.loops.forget(Case(BOB, MUTATING, ASKED), caller.call(MUTATING))
    assert caller.call(MUTATING).looped is not None


def test_what_was_taken_back_is_no_step_of_a_run_and_no_step_up_the_ladder() -> None:
    caller, case = Caller(steps=5), Case(RUNNING, MUTATING, ASKED)
    for _ in range(10):
        caller.loops.forget(case, caller.loops.note(case))
    assert caller.call(MUTATING, who=RUNNING).looped is None
    caller.call(MUTATING, who=RUNNING)
    for _ in range(5):
        caller.loops.forget(case, caller.call(MUTATING, who=RUNNING))  # the first time it stood nowhere
    assert caller.call(MUTATING, who=RUNNING).refused.retry_after_ms == 30_000
    caller.loops.forget(case, caller.call(MUTATING, who=RUNNING))  # and now on the first rung
    assert caller.call(MUTATING, who=RUNNING).refused.retry_after_ms == 60_000


def test_work_that_goes_on_in_between_is_no_loop_and_idling_is() -> None:
    def between(others: list[ResolvedCall], results: list[Brought]) -> set[str | None]:
        caller, told = Caller(), set[str | None]()
        for other, result in zip(others, results, strict=True):
            caller.call(other, result)
            told |= set(caller.rungs(MUTATING, 1))
        return told

    pages = [Brought({"structuredContent": {"page": letter}}, 9, is_error=False) for letter in "abcdefghijkl"]
    assert "refuse" not in between([call(order=1000 + n) for n in range(12)], [DONE] * 12)  # edit, test, edit, test
    assert "refuse" not in between([call(tool(Effect.READ), order=1)] * 12, pages)  # look, click, look, click
    assert "refuse" in between([call(order=1000 + n % 5 % 3) for n in range(12)], [DONE] * 12)


def test_a_cycle_of_tools_that_all_take_the_same_arguments_is_a_cycle() -> None:
    caller = Caller()
    tools = [Tool(f"ci/{name}", "ci", name, {}, "0" * 64, Effect.READ) for name in ("build_status", "list_jobs")]
    cycle = [ResolvedCall(one, one.name, {}, 1) for one in tools]
    seen = [caller.call(one).looped for one in cycle * 3]
    assert seen == [None] * 5 + [Looped("R2", "hint")]


def test_a_hint_to_a_read_keeps_no_write_of_the_same_cycle_from_climbing() -> None:
    caller = Caller(in_twenty=20, same_result=60)
    writes, reads = [], []
    for _ in range(8):
        writes += caller.rungs(call(order=1), 1)
        reads += caller.rungs(call(tool(Effect.READ), order=2), 1)
    assert writes == [None, None, None, "refuse", "refuse", "refuse", "ask", "pause"]
    assert reads[2:7] == ["hint"] * 5


def test_what_the_agent_never_heard_of_moves_nobody_up_the_ladder() -> None:
    caller = Caller()
    for _ in range(10):
        caller.loops.note(Case(ALICE, MUTATING, ASKED))  # served by a replay
    assert caller.rungs(MUTATING, 2) == ["refuse", "refuse"]


def test_a_question_stays_open_whatever_else_the_caller_does_until_it_is_answered() -> None:
    caller = Caller()
    caller.rungs(MUTATING, 5)
    case = Case(ALICE, MUTATING, ASKED)
    for number in range(30):
        sighting = caller.call(MUTATING)
        assert sighting.asks == "helpdesk/refund was called 6 times in a row with the same arguments"
        caller.loops.forget(case, sighting)  # nobody has answered yet
        caller.clock.advance(20)
        caller.rungs(call(order=number + 100, note="y" * number), 1)
    assert caller.call(MUTATING).asks is not None  # answered: the attempt stays


def test_what_no_second_call_could_find_again_is_paused_without_a_question() -> None:
    assert Caller().rungs(call(tool(derived="off")), 6)[5] == "pause"


def test_denials_are_counted_told_and_bar_no_honest_call() -> None:
    caller = Caller()
    arguments = {"amount": 5}
    told = [caller.loops.denied(ALICE, "helpdesk_refund", arguments) for _ in range(6)]
    assert told[:2] == [None, None]
    assert told[2] is not None
    assert told[2].startswith("It was called 3 times in a row with the same arguments.")
    assert caller.call(MUTATING).refused is None
    assert caller.loops.denied(BOB, "helpdesk_refund", arguments) is None
    other = Caller()
    various = [other.loops.denied(ALICE, "helpdesk_refund", {"amount": n}) for n in range(5)]
    assert various[:4] == [None] * 4
    assert various[4] is not None
    assert various[4].startswith("It failed 5 times in a row before.")


def test_memory_is_bounded_in_callers_calls_and_rungs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops_module, "_CALLERS", 10)
    monkeypatch.setattr(loops_module, "_RUNGS", 4)
    caller = Caller()
    for number in range(100):
        caller.call(READ, who=Principal("default", f"bot-{number}", "key:k"))
        for _ in range(3):
            caller.call(call(order=number), who=RUNNING)
    courses = caller.loops._courses.values()
    assert len(courses) == 10
    assert max(len(course.ring) for course in courses) == 64
    assert max(len(course.rungs) for course in courses) == 4


def test_an_attempt_costs_the_same_however_long_its_caller_has_been_at_it() -> None:
    caller = Caller()
    cases = [Case(ALICE, call(order=number, note="z" * (number % 50)), ASKED) for number in range(2_000)]

    def steps(some: list[Case]) -> int:
        """Functions called, of ours and of the interpreter: what time depends on, on a busy machine as well."""
        events: Counter[str] = Counter()
        sys.setprofile(lambda _frame, event, _arg: events.update((event,)))
        try:
            for one in some:
                caller.loops.told(one, caller.loops.note(one))
        finally:
            sys.setprofile(None)
        return events["call"] + events["c_call"]

    steps(cases[:100])
    early = min(steps(cases[at : at + 100]) for at in range(100, 600, 100))
    late = min(steps(cases[at : at + 100]) for at in range(1_400, 1_900, 100))
    assert late < 3 * early
    assert early / 100 < 500
