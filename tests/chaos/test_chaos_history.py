"""The judge of storms can say no: a clean history passes, and each way to falsify it is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.chaos.books import Blow
from tests.chaos.history import PROMISES, History, judged
from tests.chaos.plan import Operation
from tests.chaos.told import Told

START = 1_790_000_000.0
PAY = Operation("one", "op-one", "pay", "till", "header", "key-one", "agent-a/alice", (0,), 2, 500)
TWIN = replace(PAY, name="one-twin", people=(1,))
LOST = replace(PAY, name="two", op="op-two", key="key-two")
PROBED = replace(PAY, name="three", op="op-three", key="key-three", tool="pay_probed")
NOTE = replace(PAY, name="four", op="op-four", key=None, source="derived", tool="note")
PUT = replace(PAY, name="five", op="op-five", key="key-five", tool="put")
Doctor = Callable[[History], Any]


def carried_out(n: int, one: Operation, at: float, *, fault: str = "none") -> list[dict[str, Any]]:
    """Lines of the truth about one arrival."""
    facts = {"n": n, "op": one.op, "tool": one.tool, "arguments": dict(one.arguments)}
    lines = [
        {"what": "arrived", "at": at, **facts, "key": f"record-{one.name}", "fault": fault},
        {"what": "effect", "at": at + 0.01, **facts, "receipt": f"receipt-{n}"},
    ]
    return [*lines, {"what": "answered", "at": at + 0.02, **facts}] if fault == "none" else lines


def intent(one: Operation, call: str, at: float) -> dict[str, Any]:
    time = datetime.fromtimestamp(at, UTC).isoformat()
    key = {"record": f"record-{one.name}", "source": one.source}
    return {"kind": "intent", "call": call, "time": time, "arguments": dict(one.arguments), "key": key, "gateway": 0}


def end(call: str, outcome: str, reason: str | None = None) -> dict[str, Any]:
    ended = datetime.fromtimestamp(START + 0.03, UTC).isoformat()
    return {"kind": "call", "call": call, "time": ended, "outcome": outcome, "reason": reason, "gateway": 0}


def success(one: Operation, call: str, n: int, at: float) -> Told:
    answer = (one.op, one.user, one.cents, f"receipt-{n}")
    return Told(one.name, 0, "modern", at, at + 0.1, "success", executed="yes", call_id=call, answer=answer)


def refusal(one: Operation, call: str, at: float, reason: str, executed: str, retry: str = "never") -> Told:
    return Told(one.name, 0, "modern", at, at + 0.1, "refused", reason, executed, retry, call_id=call)


def clean() -> History:
    """A payment made once and told twice, a twin of it, and one that is rightly in doubt."""
    return History(
        plan=[PAY, TWIN, LOST],
        told=[
            success(PAY, "c1", 1, START),
            success(PAY, "c2", 1, START + 1),
            success(TWIN, "c3", 2, START),
            refusal(LOST, "c4", START, "outcome-unknown", "unknown"),
        ],
        truth=[
            *carried_out(1, PAY, START),
            *carried_out(2, TWIN, START),
            *carried_out(3, LOST, START, fault="half-answer"),
        ],
        books=[
            intent(PAY, "c1", START - 0.01),
            end("c1", "answered"),
            end("c2", "replayed"),
            intent(TWIN, "c3", START - 0.01),
            end("c3", "answered"),
            intent(LOST, "c4", START - 0.01),
            end("c4", "in-doubt", "outcome-unknown"),
        ],
    )


def with_more(history: History, one: Operation, *more: Any) -> None:
    """Adds an operation, and to each book what belongs there."""
    history.plan = [*dict.fromkeys([*history.plan, one])]
    for each in more:
        if isinstance(each, Told):
            history.told = [*history.told, each]
        elif "what" in each:
            history.truth = [*history.truth, each]
        else:
            history.books = [*history.books, each]


def test_a_clean_history_passes_and_counts_its_doubt() -> None:
    verdict = judged(clean())
    assert verdict.ok, verdict.violations
    assert verdict.figures["in doubt"] == 1
    assert verdict.figures["doubt by half-answer"] == 1


def carried_out_twice(history: History) -> None:
    with_more(history, PAY, *carried_out(9, PAY, START + 2))


def carried_out_for_nobody(history: History) -> None:
    with_more(history, PAY, *carried_out(9, replace(PAY, op="op-of-nobody"), START))


def carried_out_with_other_arguments(history: History) -> None:
    history.truth[1]["arguments"]["user"] = "mallory"


def answered_for_another_user(history: History) -> None:
    history.told[0] = replace(history.told[0], answer=(PAY.op, "agent-a/bob", PAY.cents, "receipt-1"))


def a_twin_is_told_the_others_answer(history: History) -> None:
    history.told[2] = replace(history.told[2], answer=(PAY.op, PAY.user, PAY.cents, "receipt-1"))


def told_two_answers(history: History) -> None:
    history.told[1] = replace(history.told[1], answer=(PAY.op, PAY.user, PAY.cents, "receipt-2"))


def told_no_although_it_was_done(history: History) -> None:
    history.told[3] = refusal(LOST, "c4", START, "upstream-refused", "no")
    history.books[-1] = end("c4", "failed", "upstream-refused")


def success_out_of_thin_air(history: History) -> None:
    history.truth = [line for line in history.truth if line["n"] != 1]


def other_arguments_answered(history: History) -> None:
    history.told[1] = replace(history.told[1], mismatched=True)


def other_arguments_carried_out(history: History) -> None:
    history.truth[1]["arguments"]["cents"] = PAY.cents + 1


def a_defect_is_told(history: History) -> None:
    with_more(history, PAY, refusal(PAY, "c8", START, "internal", "unknown"), end("c8", "failed", "internal"))


def sent_before_its_intent(history: History) -> None:
    history.books[0] = intent(PAY, "c1", START + 5)


def ended_twice(history: History) -> None:
    with_more(history, PAY, end("c1", "failed"))


def never_ended(history: History) -> None:
    history.books = [entry for entry in history.books if entry != end("c4", "in-doubt", "outcome-unknown")]
    history.told[3] = replace(history.told[3], call_id="")


def told_without_a_record(history: History) -> None:
    history.books.remove(end("c2", "replayed"))


def told_otherwise_than_recorded(history: History) -> None:
    history.books[1] = end("c1", "failed", "upstream-unavailable")


def in_doubt_for_nothing(history: History) -> None:
    history.truth = [line for line in history.truth if line["n"] != 3]
    with_more(history, LOST, *carried_out(3, LOST, START))


def never_told_the_end(history: History) -> None:
    history.told[3] = replace(history.told[3], said="broken", reason="TimeoutError", executed="")


def left_open(history: History) -> None:
    history.closed_after_s = 31


FALSIFIED: dict[Doctor, str] = {
    carried_out_twice: "duplicate",
    carried_out_for_nobody: "phantom",
    carried_out_with_other_arguments: "phantom",
    answered_for_another_user: "crosstalk",
    a_twin_is_told_the_others_answer: "crosstalk",
    told_two_answers: "unstable",
    told_no_although_it_was_done: "lie",
    success_out_of_thin_air: "hollow",
    other_arguments_answered: "mismatch",
    other_arguments_carried_out: "mismatch",
    a_defect_is_told: "defect",
    sent_before_its_intent: "lost-intent",
    ended_twice: "lost-end",
    never_ended: "lost-end",
    told_without_a_record: "lost-record",
    told_otherwise_than_recorded: "lost-record",
    in_doubt_for_nothing: "unjustified",
    never_told_the_end: "undecided",
    left_open: "unclosed",
}


@pytest.mark.parametrize("doctor", FALSIFIED, ids=lambda doctor: doctor.__name__)
def test_a_falsified_history_is_found_out(doctor: Doctor) -> None:
    history = clean()
    doctor(history)
    assert judged(history).violations[FALSIFIED[doctor]]


def test_every_promise_has_a_falsified_history() -> None:
    assert set(FALSIFIED.values()) == set(PROMISES)


def test_a_blow_while_the_call_was_open_justifies_its_doubt_and_one_long_before_does_not() -> None:
    history = clean()
    in_doubt_for_nothing(history)
    history.blows = [Blow(0, "kill", START - 60, START - 50), Blow(1, "kill", START, START + 1)]
    assert judged(history).violations["unjustified"]
    history.blows = [Blow(0, "kill", START, START + 1)]
    assert judged(history).ok


def test_an_idempotent_tool_may_be_carried_out_twice() -> None:
    history, second = clean(), carried_out(10, PUT, START + 1)
    with_more(history, PUT, *carried_out(9, PUT, START), *second, intent(PUT, "c9", START - 1), end("c9", "answered"))
    with_more(history, PUT, success(PUT, "c9", 10, START))
    assert judged(history).ok


@pytest.mark.parametrize(("told_at", "meant"), [(START + 0.5, True), (START + 5, False)])
def test_a_keyless_note_may_be_repeated_only_after_its_answer_arrived(told_at: float, meant: bool) -> None:
    history = clean()
    with_more(history, NOTE, *carried_out(9, NOTE, START), *carried_out(10, NOTE, START + 2))
    with_more(history, NOTE, intent(NOTE, "c9", START - 1), end("c9", "answered"), success(NOTE, "c9", 9, told_at))
    assert (not judged(history).violations["duplicate"]) == meant


@pytest.mark.parametrize(("hung_up", "meant"), [(START + 0.05, True), (START + 0.02, False)])
def test_who_hangs_up_before_the_gateway_is_done_is_guarded(hung_up: float, meant: bool) -> None:
    history = clean()
    with_more(history, NOTE, *carried_out(9, NOTE, START), *carried_out(10, NOTE, START + 2))
    with_more(history, NOTE, intent(NOTE, "c9", START - 0.001), end("c9", "answered"))
    with_more(history, NOTE, Told(NOTE.name, 0, "modern", START - 0.01, hung_up, "broken"))
    assert (not judged(history).violations["duplicate"]) == meant


def test_a_reconstructed_answer_needs_an_effect() -> None:
    history = clean()
    found = replace(success(PROBED, "c9", 0, START), answer=(PROBED.op, "", 0, ""))
    with_more(history, PROBED, found, end("c9", "replayed"))
    assert judged(history).violations["hollow"]
    with_more(history, PROBED, *carried_out(9, PROBED, START, fault="garbage"), intent(PROBED, "c8", START - 1))
    with_more(history, PROBED, end("c8", "in-doubt"))
    assert judged(history).ok


def test_success_after_a_doubt_needs_an_entry_that_resolved_it() -> None:
    history = clean()
    found = replace(success(PROBED, "c9", 0, START), answer=(PROBED.op, "", 0, ""))
    with_more(history, PROBED, *carried_out(9, PROBED, START, fault="garbage"), intent(PROBED, "c9", START - 1), found)
    with_more(history, PROBED, end("c9", "in-doubt"))
    assert judged(history).violations["lost-record"]
    with_more(history, PROBED, {"kind": "resolved", "call": "c9", "resolved": "executed", "by": "probe"})
    assert judged(history).ok
