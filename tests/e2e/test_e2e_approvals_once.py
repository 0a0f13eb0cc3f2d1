"""What a yes is a yes to: one call, with these arguments, under this policy, once, whatever happens in between."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from e2e_approvals import ROWS, Asking, pending
from e2e_clients import together
from e2e_kit import HelpDesk, outcome, structured, text, wait_for

SOON = {"headers": {"X-Request-Timeout": "0.05"}}
"""The caller's own patience is shorter than the hold."""
ROUNDS = 6


@pytest.fixture(scope="module")
def asking(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    made = Asking(tmp_path_factory.mktemp("once"), helpdesk, hold="20s")
    yield made
    made.gateway.stop()


def approved(asking: Asking, reason: str) -> str:
    """Asked, told to wait, and then somebody said yes."""
    question = pending(asking.refund(reason, **SOON))
    assert asking.answer("carol", question).status_code == 200
    return question


@pytest.mark.parametrize("first", ["approve", "deny"])
def test_of_two_answers_at_the_same_moment_one_counts(asking: Asking, first: str) -> None:
    both = ["approve", "deny"] if first == "approve" else ["deny", "approve"]
    recorded = {"approve": "approved", "deny": "denied"}
    for number in range(ROUNDS // 2):
        reason = f"race {first} {number}"
        question = pending(asking.refund(reason, **SOON))
        answers = together([partial(asking.answer, "carol", question, decision) for decision in both])

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (won,) = [decision for decision, answer in zip(both, answers, strict=True) if answer.status_code == 200]
        (lost,) = [answer for answer in answers if answer.status_code == 409]
        assert "user:carol has" in lost.json()["detail"]
        assert asking.question(question)["state"] == recorded[won]
        after = asking.refund(reason)
        if won == "approve":
            assert structured(after)["reason"] == reason
        else:
            assert outcome(after)["reason"] == "approval-declined"
        assert asking.paid(reason) == (won == "approve")
        assert asking.answer("carol", question, "approve").status_code == 409
        facts = [one for one in asking.gateway.records(kind="operator") if one["facts"].get("approval") == question]
        said = [one["action"] for one in facts if one["action"] != "approval.overtaken"]
        overtaken = [one["facts"]["decision"] for one in facts if one["action"] == "approval.overtaken"]
        assert sorted(said) == sorted(f"approval.{decision}" for decision in [recorded[won], *overtaken])
        assert recorded[won] not in overtaken


def test_a_yes_that_was_used_lets_nothing_else_through(asking: Asking) -> None:
    reason, keys = "used up", [{"headers": {"Idempotency-Key": f"used-up-{n}", **SOON["headers"]}} for n in range(8)]
    question = pending(asking.refund(reason, **keys[0]))
    assert asking.answer("carol", question).status_code == 200

    others = together([partial(asking.refund, reason, **key) for key in [*keys[1:], SOON]])
    assert len({pending(answer) for answer in others} | {question}) == len(keys) + 1
    assert asking.paid(reason) == 0
    patient = [{"headers": {"Idempotency-Key": "used-up-0"}}] * 8
    answers = together([partial(asking.refund, reason, **key) for key in patient])
    assert len({str(structured(answer)) for answer in answers}) == 1
    assert (asking.paid(reason), asking.question(question)["state"]) == (1, "consumed")
    assert pending(asking.refund(reason, **keys[1])) != question
    assert asking.paid(reason) == 1


def test_changed_arguments_are_a_question_of_their_own(asking: Asking) -> None:
    reason = "as approved"
    question = approved(asking, reason)

    dearer = pending(asking.refund(reason, cents=2, **SOON))
    assert dearer != question
    assert asking.question(dearer)["arguments"]["amount_cents"] == 2
    assert asking.paid(reason) == 0
    assert structured(asking.refund(reason))["amount_cents"] == 1
    assert pending(asking.refund(reason, cents=2, **SOON)) == dearer
    assert asking.paid(reason) == 1

    keyed = {"headers": {"Idempotency-Key": "one-yes-two-meanings", **SOON["headers"]}}
    pending(asking.refund("keyed", **keyed))
    assert outcome(asking.refund("keyed", cents=2, **keyed))["reason"] == "key-reused"


def test_a_yes_under_another_policy_is_void_and_so_is_a_question(asking: Asking) -> None:
    def version() -> str:
        return asking.gateway.operator("GET", "/policy").json()["version"]

    open_, said = pending(asking.refund("still open", **SOON)), approved(asking, "said already")
    before = version()
    asking.rows.write_text(
        ROWS + "p, more, role:support, default, *, helpdesk/desk_*, call, -, allow\n", encoding="utf-8"
    )
    wait_for(lambda: version() != before, "the new policy", 5)

    assert {asking.question(one)["state"] for one in (open_, said)} == {"void"}
    late = asking.answer("carol", open_)
    assert (late.status_code, "policy" in late.json()["detail"]) == (409, True)
    for reason, question in (("still open", open_), ("said already", said)):
        anew = pending(asking.refund(reason, **SOON))
        assert anew != question
        assert asking.paid(reason) == 0
        assert asking.answer("carol", anew).status_code == 200
        assert structured(asking.refund(reason))["reason"] == reason
    asking.rows.write_text(ROWS, encoding="utf-8")
    wait_for(lambda: version() == before, "the first policy", 5)
    assert asking.answer("carol", open_).status_code == 409


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_question_and_yes_outlive_the_process_and_the_call_executes_once(asking: Asking, how: signal.Signals) -> None:
    def again() -> None:
        asking.gateway.stop(how)
        asking.gateway.start()

    reason = f"restarted by {how.name}"
    question = pending(asking.refund(reason, **SOON))
    again()
    assert pending(asking.refund(reason, **SOON)) == question
    assert asking.answer("carol", question).status_code == 200
    again()
    assert asking.question(question)["state"] == "approved"
    executed = asking.refund(reason)
    assert structured(executed)["reason"] == reason
    again()
    replayed = asking.refund(reason)
    assert "Already done" in text(replayed)
    assert structured(replayed) == structured(executed)
    assert (asking.paid(reason), asking.question(question)["state"]) == (1, "consumed")


def test_a_stop_beats_a_yes_and_once_it_is_lifted_the_yes_still_stands(asking: Asking) -> None:
    stop = {"kind": "user", "target": "alice", "why": "a drill"}
    with asking.held("stopped meanwhile") as (question, answered):
        assert asking.ask("olga", "POST", "/kill", json=stop).status_code == 201
        assert asking.answer("carol", question).status_code == 200
        told = outcome(answered.result(5))
    assert (told["reason"], told["executed"]) == ("stopped", "no")
    assert outcome(asking.refund("stopped meanwhile"))["reason"] == "stopped"
    assert asking.paid("stopped meanwhile") == 0

    lift = {"kind": "user", "target": "alice"}
    assert asking.ask("olga", "DELETE", "/kill", params=lift).status_code == 200
    assert structured(asking.refund("stopped meanwhile"))["reason"] == "stopped meanwhile"
    assert (asking.paid("stopped meanwhile"), asking.question(question)["state"]) == (1, "consumed")


def test_a_stop_ends_the_wait_of_whom_it_stops(asking: Asking) -> None:
    stop = {"kind": "user", "target": "alice", "why": "a drill"}
    with asking.held("stopped and heard so") as (_, answered):
        assert asking.ask("olga", "POST", "/kill", json=stop).status_code == 201
        told = outcome(answered.result(3))
        assert asking.ask("olga", "DELETE", "/kill", params={"kind": "user", "target": "alice"}).status_code == 200
    assert (told["reason"], told["executed"]) == ("stopped", "no")


def test_a_gateway_that_is_told_to_stop_lets_go_whom_it_holds_and_the_question_stays(asking: Asking) -> None:
    process = asking.gateway.process
    assert process is not None
    with asking.held("let go") as (question, answered):
        process.send_signal(signal.SIGTERM)
        assert pending(answered.result(5)) == question
        assert process.wait(5) == 0
        asking.gateway.start()
    assert asking.answer("carol", question).status_code == 200
    assert structured(asking.refund("let go"))["reason"] == "let go"
    assert asking.paid("let go") == 1


def test_waiting_for_a_person_is_neither_a_loop_nor_paid_for(helpdesk: HelpDesk, tmp_path: Path) -> None:
    budgets = [{"scope": "user", "window": "day", "limit": 2}]
    poor = Asking(tmp_path, helpdesk, hold="50ms", budgets=budgets, loops={"in_a_row": 3})
    try:
        (question,) = {pending(poor.refund("ten times")) for _ in range(10)}
        other = pending(poor.refund("another"))
        assert poor.answer("carol", question).status_code == 200
        assert structured(poor.refund("ten times"))["reason"] == "ten times"
        assert poor.answer("carol", other).status_code == 200
        assert structured(poor.refund("another"))["reason"] == "another"

        spent = outcome(poor.refund("a third"))
        assert (spent["reason"], spent["executed"]) == ("budget-exhausted", "no")
        assert poor.questions("pending") == []
    finally:
        poor.gateway.stop()
