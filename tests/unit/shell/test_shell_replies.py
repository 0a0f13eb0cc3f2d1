"""Marks on answers, the words of a replay, and what is known of a call before it is carried: pure functions."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.gate import denied
from gateway.leg import LONGEST_S, Caller, Leg, allowed_s, outbound
from gateway.model.admission import Replay
from gateway.model.call import Asked, Reply, ReplyError
from gateway.model.claim import Claim, Kept, KeySource
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ResolvedCall, Tool
from gateway.model.trace import Trace
from gateway.replies import found_reply, hinted, kept_reply, marked, provenance, theirs
from gateway.wire.strict_json import dump

TOOL = Tool("helpdesk/refund", "helpdesk", "refund", {}, "0" * 64, timeout_s=10.0)
CALL = ResolvedCall(TOOL, "helpdesk_refund", {"order": 7})
ASKED = Asked("helpdesk_refund", {"order": 7}, "modern", "2026-07-28")
KEPT = Kept("result", b'{"content":[]}', "a" * 64, 14, False, "call-0", 0.0)
REPLAY = Replay(KEPT, "derived", False, Claim(b"r", b"f", "call-0", "o", 1.0))
META = st.dictionaries(st.text(max_size=8), st.none() | st.integers(), max_size=4) | st.none() | st.text(max_size=8)


def test_provenance_says_where_an_answer_came_from_and_that_it_is_data() -> None:
    assert provenance("call-1", CALL, {"secret": 2}) == {
        "io.sallyport/provenance": {
            "trust": "untrusted",
            "upstream": "helpdesk",
            "tool": "helpdesk/refund",
            "call_id": "call-1",
            "findings": {"secret": 2},
        }
    }


@settings(max_examples=40, deadline=None)
@given(META)
def test_an_upstream_cannot_speak_in_our_name(value: Any) -> None:
    forged = {**value, "io.sallyport/replayed": True} if isinstance(value, dict) else value

    kept = theirs(forged)

    assert kept == (theirs(value) if isinstance(value, dict) else value)
    assert not isinstance(kept, dict) or not any(name.startswith("io.sallyport/") for name in kept)


@pytest.mark.parametrize("meta", [None, "words", [1], {"theirs": 1}])
def test_marks_stand_beside_the_upstreams_meta_and_change_nothing_else(meta: Any) -> None:
    result = {"content": [], "x": 1, "_meta": meta}

    assert marked(result, {"ours": 2}) == {
        "content": [],
        "x": 1,
        "_meta": {**(meta if isinstance(meta, dict) else {}), "ours": 2},
    }
    assert result["_meta"] is meta


def test_a_hint_is_added_to_a_copy() -> None:
    reply = Reply({"content": [{"type": "text", "text": "paid"}], "structuredContent": {"paid": True}})

    told = hinted(reply, "again?")

    assert isinstance(told, Reply)
    assert len(reply.result["content"]) == 1
    assert told.result["content"][1] == {"type": "text", "text": "again?"}
    assert told.result["structuredContent"] == {"paid": True}


def test_without_a_hint_the_answer_is_the_same_one() -> None:
    reply = Reply({"content": []})

    told = hinted(reply, None, delivered=print)

    assert isinstance(told, Reply)
    assert told.result is reply.result
    assert told.delivered is print


def test_a_result_without_content_still_gets_its_line() -> None:
    told = hinted(Reply({}), "again?")

    assert isinstance(told, Reply)
    assert told.result["content"] == [{"type": "text", "text": "again?"}]


@pytest.mark.parametrize(("occurrence", "next_one"), [(1, "2"), (4, "5")])
def test_a_derived_replay_says_how_to_repeat_on_purpose(occurrence: int, next_one: str) -> None:
    told = kept_reply(REPLAY, replace(CALL, occurrence=occurrence, repeatable=True), "call-1")

    assert isinstance(told, Reply)
    assert told.result["content"][-1]["text"] == (
        "Already done at 1970-01-01T00:00:00+00:00; not executed again. "
        f"To repeat the action on purpose, set x_occurrence to {next_one}."
    )


@pytest.mark.parametrize("source", ["derived", "call-id"])
def test_a_model_that_was_offered_no_argument_for_it_is_told_of_a_new_key(source: KeySource) -> None:
    told = kept_reply(replace(REPLAY, source=source), CALL, "call-1")

    assert isinstance(told, Reply)
    assert told.result["content"][-1]["text"] == (
        "Already done at 1970-01-01T00:00:00+00:00; not executed again. "
        "To repeat the action on purpose, send it with a new idempotency key."
    )


def test_a_replay_never_touches_structured_content() -> None:
    kept = replace(KEPT, body=b'{"content":[],"structuredContent":{"paid":true}}')

    told = kept_reply(replace(REPLAY, kept=kept), CALL, "call-1")

    assert isinstance(told, Reply)
    assert told.result["structuredContent"] == {"paid": True}


@pytest.mark.parametrize("schema", [True, False])
def test_what_is_known_of_a_lost_answer_is_no_success_where_clients_would_hold_it_against_a_schema(
    schema: bool,
) -> None:
    body = dump({"content": [], "structuredContent": {"seen": 1}, "_meta": {"io.sallyport/reconstructed": True}})
    call = replace(CALL, tool=replace(TOOL, definition={"outputSchema": {"type": "object"}} if schema else {}))
    kept = replace(KEPT, body=body)
    for told in (kept_reply(replace(REPLAY, kept=kept, source="header"), call, "c"), found_reply(kept, call, "c")):
        assert isinstance(told, Reply)
        assert (told.result.get("isError"), "structuredContent" in told.result) == (schema or None, not schema)
        assert ("was carried out, do not repeat it" in str(told.result["content"])) is schema


def test_a_kept_error_is_told_again_with_its_marks() -> None:
    kept = replace(KEPT, kind="error", body=b'{"code":-32000,"message":"no","data":[1]}')

    told = kept_reply(replace(REPLAY, kept=kept), CALL, "call-1")

    assert isinstance(told, ReplyError)
    assert (told.code, told.message, told.data) == (-32000, "no", [1])
    assert told.meta["io.sallyport/original"] == "call-0"


@pytest.mark.parametrize(
    ("timeout_s", "deadline_ms", "seconds"),
    [(10.0, None, 10.0), (10.0, 2500, 2.5), (10.0, 60_000, 10.0), (10_000.0, None, LONGEST_S), (10.0, 0, 0.0)],
)
def test_a_caller_can_only_shorten_what_a_tool_may_take(
    timeout_s: float, deadline_ms: int | None, seconds: float
) -> None:
    call = replace(CALL, tool=replace(TOOL, timeout_s=timeout_s))

    assert allowed_s(call, replace(ASKED, deadline_ms=deadline_ms)) == seconds


def test_only_the_trace_travels_on() -> None:
    trace = Trace("1" * 32, "2" * 16, "3" * 16, parent="4" * 16, state="a=b", sampled=True)

    asked = replace(ASKED, trace=trace, key="k", run_label="r")
    sent = outbound(
        Leg(Any, Principal("default", "bot", "key:k"), asked, CALL, Decision(Verdict.ALLOW, (), "v"), Any, 0.0, 0.0)
    )

    expected = {"traceparent": f"00-{'1' * 32}-{'3' * 16}-03", "tracestate": "a=b"}
    assert (sent.meta, sent.idempotency_key) == (expected, None)


@pytest.mark.parametrize(
    ("rules", "why"), [((), "no rule permits it"), (("no-export", "night"), "rule no-export, night says so")]
)
@pytest.mark.parametrize(("user", "subject"), [("alice", "user:alice"), (None, "agent:bot")])
def test_a_denial_says_who_what_and_why(rules: tuple[str, ...], why: str, user: str | None, subject: str) -> None:
    refusal = denied(Principal("default", "bot", "key:k", user), CALL.tool, rules, "says so").refusal

    assert refusal.detail == f"{subject} may not call helpdesk/refund with these arguments through bot: {why}."
    assert (refusal.reason, refusal.rules) == (Reason.POLICY_DENIED, rules)


def test_a_caller_that_went_away_departs_no_more() -> None:
    caller = Caller()
    caller.must_be_here()
    caller.here = False

    with pytest.raises(Refused) as refused:
        caller.must_be_here()

    assert refused.value.refusal.reason is Reason.CANCELLED
