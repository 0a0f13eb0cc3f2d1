"""Every entry the room makes is one that `record.schema.json` describes."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import record, recovery
from gateway.audit.trail import Trail
from gateway.model.audit import stamp
from gateway.model.call import Arrival
from gateway.model.claim import State
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason
from gateway.model.trace import Trace
from gateway.wire import strict_json

VALIDATOR = jsonschema_rs.Draft202012Validator(dict(record.SCHEMA), validate_formats=True)

SHA = "a" * 64
PLACE = Trace.begun(f"00-{'1' * 32}-{'2' * 16}-01", None, f"00-{'3' * 32}-{'4' * 16}-01")
EVERYTHING: dict[str, Any] = {
    "kind": "call", "era": "modern", "version": "2026-07-28", "method": "tools/call", "tenant": "default",
    "agent": "support-bot", "agent_proof": "key:k1", "user": "alice", "user_proof": "key:k1", "run": "run-7",
    "trace": PLACE.noted, "asked": "helpdesk_refund", "tool": "helpdesk/refund",
    "upstream": "helpdesk", "address": "http://127.0.0.1:7001/mcp", "effect": "mutating", "tool_digest": SHA,
    "visible": {"count": 3, "digest": SHA}, "decision": "allow", "rules": ["policy.csv:4"], "policy": SHA,
    "policy_errors": [], "key": {"source": "derived", "record": SHA, "state": "claimed"},
    "arguments": {"amount": 5}, "arguments_sha256": SHA,
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "executed": "yes", "result": {"sha256": SHA, "bytes": 12, "is_error": False}, "findings": {"secret": 1},
}  # fmt: skip


def valid(entry: Any) -> Any:
    decoded = json.loads(record.body(entry))
    VALIDATOR.validate(decoded)
    return decoded


def opened(writer: Any, clock: Any, **facts: Any) -> Any:
    made = Trail(writer, clock, lambda value: value, "serve").open(Arrival("c-1", None, None, peer="127.0.0.1"))
    made.note(**facts)
    made.lap("identity")
    return made


def test_the_schema_itself_is_valid_and_describes_every_field() -> None:
    jsonschema_rs.meta.validate(dict(record.SCHEMA))
    for name, field in record.SCHEMA["properties"].items():
        assert field.get("description"), name


def test_outcomes_and_reasons_are_those_of_the_model() -> None:
    assert set(record.SCHEMA["properties"]["outcome"]["enum"]) == set(AuditOutcome)


async def test_intent_and_terminal_of_a_full_call_are_valid(writer, clock) -> None:
    made = opened(writer, clock, **EVERYTHING)
    intent = valid(made.intent()())
    assert (intent["kind"], intent["call"], "outcome" in intent) == ("intent", "c-1", False)
    terminal = valid(made.close(AuditOutcome.ANSWERED, **ANSWER)())
    assert (terminal["kind"], terminal["outcome"], terminal["result"]["bytes"]) == ("call", "answered", 12)
    assert terminal["ms"].keys() == {"identity", "total"}


@pytest.mark.parametrize("reason", Reason)
async def test_every_refusal_makes_a_valid_entry(writer, clock, reason: Reason) -> None:
    made = opened(writer, clock)
    row = TABLE[reason]
    entry = made.close(row.outcome, reason=reason.value, code=row.code, executed=row.executed, detail="Why.")()
    assert valid(entry)["kind"] == "request"


async def test_lists_and_operators_are_valid(writer, clock) -> None:
    assert valid(opened(writer, clock, kind="list").close(AuditOutcome.ANSWERED)())["kind"] == "list"
    await Trail(writer, clock, lambda value: value, "serve").operator("token:ops", "kill", {"agent": "bot"})
    assert valid(writer.entries[0])["action"] == "kill"


def test_the_journals_own_entries_are_valid(shelf) -> None:
    shelf.fill([], segment_bytes=100)
    with shelf.last().open("ab") as file:
        file.write(b"torn")
    journal = shelf.open(100)
    journal.append([{"kind": "gap", "dropped": 0, "delayed": 1, "detail": "full"}])
    journal.close()
    kinds = [valid(made)["kind"] for made in shelf.entries()]
    assert kinds == ["segment", "segment", "recovered", "segment", "gap"]


@pytest.mark.parametrize("left", [*State, None])
def test_terminals_of_the_recovery_pass_are_valid(writer, clock, left: State | None) -> None:
    intent = json.loads(record.body(opened(writer, clock, **EVERYTHING).intent()()))
    ended = valid(recovery.terminal(intent, clock.now(), left))
    assert (ended["kind"], ended["call"], ended["key"]["record"]) == ("call", "c-1", SHA)


@pytest.mark.parametrize("share", [None, 0.0, 1.0])
def test_a_trace_is_noted_as_the_schema_wants_it(clock, share: float | None) -> None:
    noted = {member for place in (PLACE, Trace.begun()) for member in place.decided(share).noted}
    for place in (PLACE, Trace.begun()):
        valid(record.entry("intent", clock.now(), {"call": "c-1", "trace": place.decided(share).noted}))
    members = set(record.SCHEMA["properties"]["trace"]["properties"])
    assert noted == (members - {"client"} if share is None else members)


def test_the_schema_refuses_what_it_does_not_know() -> None:
    entry = record.entry("call", 0.0, {"call": "c", "outcome": "answered", "ms": {}})
    assert VALIDATOR.is_valid(entry)
    assert not VALIDATOR.is_valid(entry | {"invented": 1})
    assert not VALIDATOR.is_valid({name: value for name, value in entry.items() if name != "outcome"})
    assert not VALIDATOR.is_valid(entry | {"time": "yesterday"})


def test_unknown_facts_are_left_out(clock) -> None:
    assert "user" not in record.entry("call", clock.now(), {"user": None, "agent": "a"})


def test_time_is_text_that_sorts() -> None:
    moments = [0.0, 999.999999, 1_790_000_000.0, 1_790_000_000.000001, 4_000_000_000.5]
    assert sorted(map(stamp, moments)) == [stamp(moment) for moment in moments]
    assert stamp(1_790_000_000.25) == "2026-09-21T14:13:20.250000Z"


def test_a_name_as_asked_is_short_and_harmless() -> None:
    assert record.cleaned("a\x1b[2J\u202eb\n" + "x" * 500) == "a??2J?b?" + "x" * 120


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(JSONISH)
def test_every_value_has_a_json_form_on_one_line(value: Any) -> None:
    body = record.body({"kind": "call", "arguments": value})
    assert b"\n" not in body
    assert strict_json.parse(body)["kind"] == "call"
