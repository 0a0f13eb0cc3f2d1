"""Metrics count what ended under labels that no caller can multiply; logs go to stderr, a line an event."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.model.outcome import AuditOutcome
from gateway.telemetry import Meter, log_to_stderr


def ended(**facts: Any) -> dict[str, Any]:
    return {"kind": "call", "outcome": AuditOutcome.ANSWERED, "ms": {"total": 12.0}, **facts}


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
    assert sample(meter, "sallyport_call_seconds_sum", tool="helpdesk/ticket_get") == 0.012
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
        words = dict.fromkeys(
            ("asked", "run", "trace", "method", "version", "peer", "call", "user", "agent"), f"evil-{number}"
        )
        meter.ended(ended(**words, arguments={"a": f"evil-{number}"}, detail=f"evil-{number}"))

    assert b"evil" not in meter.text()
    assert len(meter.text().splitlines()) == before


def test_two_meters_share_nothing() -> None:
    one, two = Meter(), Meter()

    one.ended(ended())
    one.policy_stale.set(1)

    assert sample(two, "sallyport_requests_total", kind="call", outcome="answered", reason="") is None
    assert sample(two, "sallyport_policy_stale") == 0


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards without closing what the tests' own logging writes to."""
    root = logging.getLogger()
    noisy = [logging.getLogger(name) for name in ("aiohttp", "httpx2", "httpcore2", "watchfiles", "uvicorn.error")]
    handlers, levels = root.handlers[:], [logger.level for logger in (root, *noisy)]
    root.handlers.clear()
    yield root
    root.handlers[:] = handlers
    for logger, level in zip((root, *noisy), levels, strict=True):
        logger.setLevel(level)


def test_logs_are_lines_on_stderr_and_libraries_are_quiet(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("info")
    logging.getLogger("sallyport").info("policy version %s is in force", "v2")
    logging.getLogger("aiohttp").info("chatter")
    logging.getLogger("sallyport").debug("detail")

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(" INFO sallyport: policy version v2 is in force\n")
    assert said.err.count("\n") == 1


def test_libraries_are_never_louder_than_asked(root: logging.Logger) -> None:
    log_to_stderr("error")

    assert logging.getLogger("watchfiles").getEffectiveLevel() == logging.ERROR
