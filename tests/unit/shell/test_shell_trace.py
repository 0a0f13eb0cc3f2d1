"""Where a call stands in a trace: whose child it is, what the tool is told, and who decided that it is recorded."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.trace import Trace, chosen

ID, SPAN, OTHER = "1" * 32, "2" * 16, "3" * 16
PARENT = f"00-{ID}-{SPAN}-01"


def test_without_a_context_a_trace_of_its_own_begins_and_no_two_are_alike() -> None:
    traces = [Trace.begun() for _ in range(50)]

    drawn = {word for trace in traces for word in (trace.id, trace.server, trace.client)}
    assert len(drawn) == 150
    assert {(trace.parent, trace.sampled, trace.link, trace.random) for trace in traces} == {(None, None, None, True)}


def test_a_call_is_the_callers_child_and_the_tool_is_ours() -> None:
    trace = Trace.begun(PARENT, "vendor=1")

    assert (trace.id, trace.parent, trace.sampled) == (ID, SPAN, True)
    assert trace.outbound == {"traceparent": f"00-{ID}-{trace.client}-01", "tracestate": "vendor=1"}
    assert trace.traceparent == f"00-{ID}-{trace.server}-01"


@pytest.mark.parametrize(
    "torn",
    [
        None, 1, "", "torn", f"00-{'A' * 32}-{SPAN}-01", f" {PARENT}", f"{PARENT}-x", PARENT.replace("00-", "ff-"),
        f"00-{'0' * 32}-{SPAN}-01", f"00-{ID}-{'0' * 16}-01", f"00-{ID}-{SPAN}-1", f"01-{ID}-{SPAN}-01x",
        f"01-{ID}-{SPAN}-01-{'x' * 500}", f"01-{ID}-{SPAN}-01-a\nb",
    ],
)  # fmt: skip
def test_a_context_that_the_standard_calls_invalid_is_ignored(torn: object) -> None:
    trace = Trace.begun(torn, "a=b")

    assert (trace.parent, trace.state, trace.sampled) == (None, None, None)


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    trace = Trace.begun(f"cc-{ID}-{SPAN}-03-what-the-future-will-bring")

    assert (trace.id, trace.parent, trace.sampled, trace.random) == (ID, SPAN, True, True)
    assert trace.outbound == {"traceparent": f"00-{ID}-{trace.client}-03"}


def test_the_http_request_is_a_link_only_where_it_is_another_context() -> None:
    http = f"01-{ID}-{OTHER}-ff-more"

    assert Trace.begun(PARENT, None, http).link == f"00-{ID}-{OTHER}-03"
    assert Trace.begun(PARENT, None, PARENT.replace("-01", "-00")).link is None
    alone = Trace.begun("torn", "a=b", http, "c=d")
    assert (alone.parent, alone.state, alone.link) == (OTHER, "c=d", None)


@pytest.mark.parametrize("state", [1, "x" * 513, "a=b\r\nx: y", "a=ü", ""])
def test_a_state_that_fits_no_header_is_not_passed_on(state: object) -> None:
    assert "tracestate" not in Trace.begun(PARENT, state).outbound


@pytest.mark.parametrize(("flags", "told"), [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03")])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_who_has_decided_has_decided(flags: str, told: str, share: float) -> None:
    trace = Trace.begun(f"00-{ID}-{SPAN}-{flags}").decided(share)

    assert trace.sampled is bool(int(flags, 16) & 1)
    assert trace.outbound["traceparent"].endswith(f"-{told}")


@pytest.mark.parametrize(("share", "sampled", "flags"), [(0.0, False, "02"), (1.0, True, "03")])
def test_where_nobody_has_the_share_decides_and_the_tool_is_told(share: float, sampled: bool, flags: str) -> None:
    trace = Trace.begun().decided(share)

    assert trace.sampled is sampled
    assert trace.outbound["traceparent"].endswith(f"-{flags}")


def test_a_gateway_that_exports_nothing_stands_in_nobodys_trace() -> None:
    assert Trace.begun().decided(None).outbound == {}
    assert Trace.begun(PARENT, "a=b").decided(None).outbound == {"traceparent": PARENT, "tracestate": "a=b"}
    assert "client" not in Trace.begun(PARENT).decided(None).noted


@settings(max_examples=50, deadline=None)
@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller_one(trace_id: str, one: float, two: float) -> None:
    low, high = sorted((one, two))

    assert chosen(trace_id, high) >= chosen(trace_id, low)
    assert (chosen(trace_id, 0.0), chosen(trace_id, 1.0)) == (False, True)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.from_regex(re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,9}")))
def test_whatever_comes_what_leaves_is_well_formed(text: str) -> None:
    sent = Trace.begun(text, text, text, text).outbound["traceparent"]

    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]", sent)
