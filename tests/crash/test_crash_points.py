"""Kill -9 at every named point of the road: restart, send the same call again, and the promise holds."""

import ast
import threading
from pathlib import Path

import pytest
from crash_kit import Effects, Mortal, call_id, key_of, refund
from crash_promise import die_and_retry, die_at
from crash_table import DEPARTING, POINTS, QUEUED, REDIS_POINTS, ROAD, SETTLING, STDIO, Crash
from e2e_kit import ROOT, structured, wait_for

KEYLESS = [crash for crash in ROAD if crash.at in {"writer.appended:1", "upstream.answered", "ledger.settled"}]


def names_in(source: Path) -> set[str]:
    """Names of crash points in a file; one that is no literal cannot be tested and fails."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"reached", "_reached"}:
            (said,) = node.args
            either = (said.body, said.orelse) if isinstance(said, ast.IfExp) else (said,)
            assert all(isinstance(one, ast.Constant) for one in either), f"{source}:{node.lineno}"
            found |= {one.value for one in either if isinstance(one, ast.Constant)}
    return found


def test_every_crash_point_of_the_house_stands_in_the_truth_table_and_the_other_way_round() -> None:
    named = set[str]().union(*(names_in(path) for path in (ROOT / "gateway").rglob("*.py")))

    assert named == POINTS | REDIS_POINTS
    assert min(len(POINTS), len(REDIS_POINTS)) >= 20


@pytest.mark.parametrize("crash", ROAD, ids=str)
def test_a_refund_under_a_key_survives_a_death_at(gateway: Mortal, effects: Effects, crash: Crash) -> None:
    reason = effects.new_reason(crash.at)
    die_and_retry(gateway, crash, "desk_refund_create", refund(reason), key_of(reason), effects.refunds)


@pytest.mark.parametrize("crash", KEYLESS, ids=str)
def test_a_refund_without_a_key_survives_a_death_at(gateway: Mortal, effects: Effects, crash: Crash) -> None:
    reason = effects.new_reason(f"keyless {crash.at}")
    die_and_retry(gateway, crash, "desk_refund_create", refund(reason), None, effects.refunds)


@pytest.mark.parametrize("crash", KEYLESS, ids=str)
def test_a_call_whose_effect_nobody_declared_survives_a_death_at(
    gateway: Mortal, effects: Effects, crash: Crash
) -> None:
    reason = effects.new_reason(f"undeclared {crash.at}")
    # Tried once: where nobody said `mutating`, an answer that was delivered guards against nothing.
    die_and_retry(gateway, crash, "vague_refund_create", refund(reason), None, effects.refunds, tries=1)


@pytest.mark.parametrize("crash", STDIO, ids=str)
def test_a_call_to_a_child_process_survives_a_death_at(gateway: Mortal, effects: Effects, crash: Crash) -> None:
    reason = effects.new_reason(f"stdio {crash.at}")
    die_and_retry(gateway, crash, "till_pay", {"reason": reason}, key_of(reason), effects.paid)


@pytest.mark.parametrize("crash", QUEUED, ids=str)
def test_a_call_that_waited_for_a_slot_survives_a_death_at(gateway: Mortal, effects: Effects, crash: Crash) -> None:
    holder, reason = effects.new_reason(f"holder {crash.at}"), effects.new_reason(f"queued {crash.at}")
    holding = threading.Thread(target=gateway.ask, args=("narrow_hold", {"reason": holder}))
    holding.start()
    wait_for(lambda: effects.paid(holder), "the slot to be taken")

    def let_the_holder_go() -> None:
        wait_for(lambda: gateway.passed("ledger.claimed"), "the call to wait for the slot")
        effects.let_go(holder)

    letting = threading.Thread(target=let_the_holder_go)
    gateway.arm(crash.at)
    letting.start()

    die_and_retry(gateway, crash, "narrow_pay", {"reason": reason}, key_of(reason), effects.paid)

    letting.join()
    holding.join()
    assert effects.paid(holder) == 1


@pytest.mark.parametrize("crash", DEPARTING, ids=str)
def test_a_refund_whose_intent_needs_a_new_segment_survives_a_death_at(
    gateway: Mortal, effects: Effects, crash: Crash
) -> None:
    reason = effects.new_reason(f"departing {crash.at}")
    gateway.fill(room=0)
    die_and_retry(gateway, crash, "desk_refund_create", refund(reason), key_of(reason), effects.refunds)


@pytest.mark.parametrize("crash", SETTLING, ids=str)
def test_a_refund_whose_record_needs_a_new_segment_survives_a_death_at(
    gateway: Mortal, effects: Effects, crash: Crash
) -> None:
    reason = effects.new_reason(f"settling {crash.at}")
    gateway.fill(room=400)
    die_and_retry(gateway, crash, "desk_refund_create", refund(reason), key_of(reason), effects.refunds)


def test_an_idempotent_call_in_doubt_is_simply_sent_again(gateway: Mortal) -> None:
    arguments, key = {"id": 7, "priority": "high"}, "a-priority"
    die_at(gateway, "upstream.answered", "desk_ticket_set_priority", arguments, key)

    told = gateway.answered("desk_ticket_set_priority", arguments, key)

    assert structured(told)["priority"] == "high"
    assert gateway.found(call_id(told), "intent", "call")["outcome"] == "answered"
    gateway.check_whole()


@pytest.mark.parametrize("at", ["upstream.before-send", "upstream.answered", "writer.appended"])
def test_a_read_that_died_leaves_no_doubt_and_is_answered_anew(gateway: Mortal, effects: Effects, at: str) -> None:
    arguments = {"text": effects.new_reason(f"read {at}")}
    die_at(gateway, at, "desk_desk_echo", arguments)

    told = gateway.answered("desk_desk_echo", arguments)

    assert told["result"]["content"][0]["text"] == arguments["text"]
    assert gateway.found(call_id(told), "call")["outcome"] == "answered"
    gateway.check_whole()
