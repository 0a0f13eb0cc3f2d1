"""Spans say of a call what its record says, in the words of the conventions; an exporter that is away is no trouble."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import SecretStr

from gateway.config.schema import Telemetry
from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.model.trace import Trace
from gateway.telemetry import Meter, observer, spans, spans_of

NOON = 1_767_268_800.0
SENT = (NOON + 0.25, NOON + 0.75)
PLACE = Trace("1" * 32, "2" * 16, "3" * 16, parent="4" * 16, sampled=True, link=f"00-{'5' * 32}-{'6' * 16}-01")
FACTS: dict[str, Any] = {
    "kind": "call", "call": "call-1", "outcome": AuditOutcome.ANSWERED, "version": "2026-07-28", "trace": PLACE.noted,
    "asked": "pay_back", "tool": "helpdesk/refund", "address": "https://tools.example/mcp", "user": "alice",
    "decision": "allow", "policy": "v1", "rules": ["refund-small"], "key": {"state": "claimed"}, "approval": "a-1",
    "arguments": {"order": "a secret"}, "run": "words of the caller", "peer": "192.0.2.7", "detail": "a sentence",
}  # fmt: skip


class Heard:
    """What would have been exported, by the kind of the span."""

    def __init__(self, share: float = 1.0) -> None:
        self.spans = spans.Spans(Telemetry(otlp="http://127.0.0.1:9", sample=share), "1.2.3")
        self._kept: list[ReadableSpan] = []
        self.spans._queue.on_end = self._kept.append  # type: ignore[method-assign]

    def __call__(self, sent: tuple[float, float] | None = SENT, **facts: Any) -> dict[SpanKind, ReadableSpan]:
        self._kept.clear()
        self.spans.ended(Ended({**FACTS, **facts}, NOON, NOON + 1, sent))
        return {span.kind: span for span in self._kept}


@pytest.fixture
async def heard(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Heard]]:
    monkeypatch.setattr(spans, "_EXPORT_S", 0.05)
    made: list[Heard] = []

    def new(share: float = 1.0) -> Heard:
        made.append(Heard(share))
        return made[-1]

    yield new
    for one in made:
        await one.spans.close()


async def test_a_call_is_a_span_toward_the_agent_and_a_child_toward_the_tool(heard: Any) -> None:
    found = heard()()

    server, client = found[SpanKind.SERVER], found[SpanKind.CLIENT]
    assert (server.name, client.name) == ("tools/call pay_back", "tools/call refund")
    assert server.context.trace_id == client.context.trace_id == int("1" * 32, 16)
    assert (server.parent.span_id, server.parent.is_remote) == (int("4" * 16, 16), True)
    assert (client.parent, client.parent.is_remote) == (server.context, False)
    assert client.context.span_id == int("3" * 16, 16), "the id that the tool was told"
    assert [link.context.trace_id for link in server.links] == [int("5" * 32, 16)]
    assert (server.start_time, server.end_time) == (NOON * 1e9, (NOON + 1) * 1e9)
    assert (client.start_time, client.end_time) == (SENT[0] * 1e9, SENT[1] * 1e9)


async def test_attributes_are_those_of_the_conventions_and_ours_and_nothing_else(heard: Any) -> None:
    found = heard()()

    both = {"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "network.transport": "tcp",
            "sallyport.call.id": "call-1"}  # fmt: skip
    assert dict(found[SpanKind.SERVER].attributes) == both | {
        "gen_ai.tool.name": "pay_back", "mcp.protocol.version": "2026-07-28", "sallyport.outcome": "answered",
        "sallyport.tool": "helpdesk/refund", "sallyport.decision": "allow", "sallyport.policy.version": "v1",
        "sallyport.policy.rules": ["refund-small"], "sallyport.idempotency": "claimed", "sallyport.approval.id": "a-1",
    }  # fmt: skip
    assert dict(found[SpanKind.CLIENT].attributes) == both | {
        "gen_ai.tool.name": "refund", "server.address": "tools.example", "server.port": 443,
    }  # fmt: skip
    resource = found[SpanKind.SERVER].resource.attributes
    assert (resource["service.name"], resource["service.version"]) == ("sallyport", "1.2.3")
    assert resource["service.instance.id"]


async def test_a_name_that_only_the_caller_knows_is_in_no_span(heard: Any) -> None:
    facts = {"tool": None, "asked": "words of the caller", "outcome": AuditOutcome.REFUSED, "reason": "unknown-tool"}
    found = heard()(None, **facts, code=-32602)

    [span] = found.values()
    assert span.name == "tools/call"
    assert "words" not in span.to_json()
    assert span.attributes["rpc.response.status_code"] == "-32602"


@pytest.mark.parametrize(
    ("facts", "error", "code", "broke"),
    [
        ({"outcome": AuditOutcome.ANSWERED_ERROR}, "tool_error", None, True),
        ({"outcome": AuditOutcome.ANSWERED_ERROR, "code": -31999}, "-31999", "-31999", True),
        ({"outcome": AuditOutcome.FAILED, "reason": "upstream-timeout", "code": 50400}, "upstream-timeout", None, True),
        ({"outcome": AuditOutcome.IN_DOUBT, "reason": "outcome-unknown"}, "outcome-unknown", None, True),
        ({"outcome": AuditOutcome.WITHHELD, "reason": "result-withheld"}, "result-withheld", None, False),
        ({"outcome": AuditOutcome.ANSWERED}, None, None, False),
    ],
)
async def test_what_went_wrong_is_said_on_both_spans(
    heard: Any, facts: Any, error: Any, code: Any, broke: bool
) -> None:
    for span in heard()(**facts).values():
        assert span.attributes.get("error.type") == error
        assert span.attributes.get("rpc.response.status_code") == code
        assert (span.status.status_code is StatusCode.ERROR) is broke


async def test_a_denial_is_a_decision_and_no_failure(heard: Any) -> None:
    [span] = heard()(None, outcome=AuditOutcome.REFUSED, reason="policy-denied", code=40302, decision="deny").values()

    assert span.attributes["error.type"] == "policy-denied"
    assert "rpc.response.status_code" not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


async def test_a_child_process_has_no_address(heard: Any) -> None:
    attributes = heard()(address="uvx notes --stdio")[SpanKind.CLIENT].attributes

    assert attributes["network.transport"] == "pipe"
    assert "server.address" not in attributes
    assert "server.port" not in attributes


async def test_a_list_has_one_span_and_other_requests_have_none(heard: Any, caplog: pytest.LogCaptureFixture) -> None:
    hears = heard()
    [span] = hears(None, kind="list", tool=None, asked=None).values()

    assert (span.name, span.kind) == ("tools/list", SpanKind.SERVER)
    assert "gen_ai.operation.name" not in span.attributes
    assert hears(None, kind="request") == {}
    assert hears(trace=None) == {}
    assert caplog.records == []


@pytest.mark.parametrize(
    ("trace", "share", "made"),
    [
        (PLACE, 0.0, 2),
        (Trace("1" * 32, "2" * 16, "3" * 16, sampled=False), 1.0, 0),
        (Trace("1" * 32, "2" * 16, "3" * 16), 1.0, 2),
        (Trace("1" * 32, "2" * 16, "3" * 16), 0.0, 0),
        (Trace("0" * 16 + "1" * 16, "2" * 16, "3" * 16), 0.1, 2),
        (Trace("0" * 16 + "f" * 16, "2" * 16, "3" * 16), 0.1, 0),
    ],
)
async def test_the_callers_word_wins_and_then_the_share(heard: Any, trace: Trace, share: float, made: int) -> None:
    assert len(heard(share)(trace=trace.noted)) == made


async def test_a_defect_in_making_a_span_is_told_once_and_is_not_the_calls(
    heard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hears = heard()

    for _ in range(3):
        assert hears(trace={"id": "no hex", "sampled": True}) == {}

    assert [record.message[:26] for record in caplog.records] == ["a span could not be made o"]


async def test_both_observers_are_shown_what_ended(heard: Any) -> None:
    meter, hears = Meter(), heard()

    observer(meter, hears.spans)(Ended(FACTS, NOON, NOON + 1, SENT))

    assert len(hears._kept) == 2
    assert meter.registry.get_sample_value("sallyport_call_seconds_count", {"tool": "helpdesk/refund"}) == 1
    assert observer(meter, None) == meter.ended


def test_where_nothing_is_exported_nothing_of_it_is_imported() -> None:
    assert spans_of(Telemetry(), "1") is None
    code = (
        "import sys, gateway.app, gateway.operator.plane\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_a_collector_that_is_away_is_told_of_once_and_delays_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spans, "_EXPORT_S", 0.05)
    caplog.set_level(logging.INFO, "sallyport")
    secret = SecretStr("the collector's key")
    once = spans._Once(Telemetry(otlp="http://user:pass@127.0.0.1:9/base/", otlp_headers={"authorization": secret}))

    assert [once.export([]) for _ in range(3)] == [SpanExportResult.FAILURE] * 3
    monkeypatch.setattr(once._inner, "export", lambda _: SpanExportResult.SUCCESS)
    once.export([])
    once.export([])
    once.shutdown()

    assert [record.getMessage() for record in caplog.records if record.name == "sallyport"] == [
        "spans cannot be delivered to 127.0.0.1 and are lost until it answers; calls go on",
        "spans are delivered to 127.0.0.1 again",
    ]


async def test_the_queue_is_bounded_and_closing_takes_its_time_at_most(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spans, "_FLUSH_S", 0.05)
    made = spans.Spans(Telemetry(otlp="http://127.0.0.1:9"), "1")
    stuck = threading.Event()
    monkeypatch.setattr(made._exporter, "export", lambda _: stuck.wait(20) and SpanExportResult.SUCCESS)

    for _ in range(spans._QUEUE):
        made.ended(Ended(FACTS, NOON, NOON + 1, SENT))
    async with asyncio.timeout(5):
        await made.close()
    stuck.set()

    assert len(made._queue._batch_processor._queue) <= spans._QUEUE
    assert "the last spans were not delivered" in caplog.text
