"""Metrics count what ended under labels that no caller can multiply."""

from typing import Any

import pytest

from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.telemetry import Meter

NOON = 1_767_268_800.0
PAID = {"tool": "helpdesk/refund", "asked": "helpdesk_refund"}


def ended(sent: tuple[float, float] | None = None, **facts: Any) -> Ended:
    return Ended({"kind": "call", "outcome": AuditOutcome.ANSWERED, **facts}, NOON, NOON + 0.25, sent)


def sample(meter: Meter, name: str, **labels: str) -> float | None:
    return meter.registry.get_sample_value(name, labels)


def test_every_terminal_entry_is_counted_by_kind_outcome_and_reason() -> None:
    meter = Meter()

    meter.ended(ended())
    meter.ended(ended())
    meter.ended(ended(outcome=AuditOutcome.REFUSED, reason="policy-denied"))

    assert sample(meter, "sallyport_requests_total", kind="call", outcome="answered", reason="") == 2
    assert sample(meter, "sallyport_requests_total", kind="call", outcome="refused", reason="policy-denied") == 1


def test_time_is_measured_in_seconds_for_tools_that_exist() -> None:
    meter = Meter()

    meter.ended(ended(tool="helpdesk/ticket_get", upstream="helpdesk"))
    meter.ended(ended(asked="no_such_tool"))

    assert sample(meter, "sallyport_call_seconds_count", tool="helpdesk/ticket_get") == 1
    assert sample(meter, "sallyport_call_seconds_sum", tool="helpdesk/ticket_get") == 0.25
    assert b"no_such_tool" not in meter.text()


def test_findings_are_counted_by_upstream() -> None:
    meter = Meter()

    meter.ended(ended(tool="helpdesk/ticket_get", upstream="helpdesk", findings={"secret": 3, "hidden": 1}))

    assert sample(meter, "sallyport_findings_total", upstream="helpdesk", finding="secret") == 3


def test_nothing_a_caller_sends_becomes_a_label() -> None:
    meter = Meter()
    meter.ended(ended())
    before = len(meter.text().splitlines())

    for number in range(100):
        words = dict.fromkeys(("asked", "run", "method", "version", "peer", "call", "user", "agent"), f"evil-{number}")
        meter.ended(ended(**words, arguments={"a": f"evil-{number}"}, detail=f"evil-{number}", code=number))

    assert b"evil" not in meter.text()
    assert len(meter.text().splitlines()) == before


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({}, ""),
        ({"outcome": AuditOutcome.REFUSED, "reason": "loop-detected"}, "loop-detected"),
        ({"outcome": AuditOutcome.ANSWERED_ERROR}, "tool_error"),
        ({"outcome": AuditOutcome.ANSWERED_ERROR, "code": -31999}, "_OTHER"),
        ({"outcome": AuditOutcome.REPLAYED, "result": {"is_error": True}}, "tool_error"),
        ({"outcome": AuditOutcome.REPLAYED, "result": {"is_error": False}}, ""),
    ],
)
def test_operations_are_timed_on_both_sides_with_the_words_of_the_conventions(facts: Any, error: str) -> None:
    meter = Meter()

    meter.ended(ended((NOON + 0.0625, NOON + 0.1875), **PAID, **facts))

    labels = {"mcp_method_name": "tools/call", "gen_ai_tool_name": "helpdesk/refund", "error_type": error}
    assert sample(meter, "mcp_server_operation_duration_seconds_sum", **labels) == 0.25
    assert sample(meter, "mcp_client_operation_duration_seconds_sum", **labels) == 0.125
    assert sample(meter, "mcp_client_operation_duration_seconds_bucket", le="0.2", **labels) == 1
    assert sample(meter, "mcp_client_operation_duration_seconds_bucket", le="0.1", **labels) == 0


def test_what_was_not_carried_is_no_operation_of_the_tool() -> None:
    meter = Meter()

    meter.ended(ended(**PAID, reason="policy-denied"))
    meter.ended(ended(kind="list"))
    meter.ended(ended(kind="request", outcome=AuditOutcome.REJECTED, reason="malformed"))

    text = meter.text().decode()
    assert "mcp_client_operation_duration_seconds_count{" not in text
    served = [line for line in text.splitlines() if line.startswith("mcp_server_operation_duration_seconds_count{")]
    assert len(served) == 2
    assert any('mcp_method_name="tools/list"' in line and 'gen_ai_tool_name=""' in line for line in served)


def test_the_house_says_how_it_stands() -> None:
    meter = Meter()
    assert sample(meter, "sallyport_store_up") == 1

    meter.store(up=False)
    for standing in ("open", "closed", "half-open"):
        meter.breaker("helpdesk", standing)

    assert sample(meter, "sallyport_store_up") == 0
    assert sample(meter, "sallyport_breaker", target="helpdesk") == 1


def test_two_meters_share_nothing() -> None:
    one, two = Meter(), Meter()

    one.ended(ended())
    one.policy_stale.set(1)

    assert sample(two, "sallyport_requests_total", kind="call", outcome="answered", reason="") is None
    assert sample(two, "sallyport_policy_stale") == 0
