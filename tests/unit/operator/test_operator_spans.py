"""A request of an operator is one span, also when it streams; probes are none; what is in the path is not taken for one."""

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from operator_kit import RECORD, Office, Visitor

from gateway.operator import plane

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
GLOBAL = """
import asyncio, sys
sys.path[:0] = ["tests/unit/operator"]
from operator_kit import Office, Visitor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
asyncio.run(Visitor(Office()).ask("ivy", "GET", "/policy"))
print([span.name for span in kept.get_finished_spans()])
"""


class Watched:
    """A visitor whose plane exports its spans into `spans`."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        built = plane.operator_plane
        monkeypatch.setattr("operator_kit.operator_plane", lambda desk, tokens: built(desk, tokens, provider))
        self.visitor = Visitor(office)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._kept.get_finished_spans()


@pytest.fixture
async def watched(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    made = Watched(office, monkeypatch)
    yield made
    await made.visitor.close()


async def test_a_request_is_one_span_of_the_callers_trace(watched: Watched) -> None:
    await watched.visitor.ask("ivy", "GET", "/policy", headers={"traceparent": TRACE})

    [span] = watched.spans
    assert (span.name, span.kind) == ("GET /policy", SpanKind.SERVER)
    assert span.context.trace_id == int("1" * 32, 16)
    assert "tok-ivy" not in span.to_json()


async def test_a_stream_of_many_lines_is_one_span(office: Office, watched: Watched) -> None:
    office.records = [RECORD] * 50

    answer = await watched.visitor.ask("ivy", "GET", "/audit", headers={"Accept": "application/x-ndjson"})

    assert len(answer.text.splitlines()) == 50
    assert [span.name for span in watched.spans] == ["GET /audit"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
async def test_probes_and_metrics_have_no_span(watched: Watched, path: str) -> None:
    assert (await watched.visitor.ask(None, "GET", path)).status_code == 200
    assert watched.spans == ()


@pytest.mark.parametrize("path", ["/keys/metrics", "/audit/livez-1", "/readyz/x"])
async def test_only_the_probes_themselves_are_left_out(watched: Watched, path: str) -> None:
    await watched.visitor.ask("olga", "DELETE" if "keys" in path else "GET", path)

    assert len(watched.spans) == 1


def test_fastapis_own_telemetry_stands_aside_so_that_no_request_has_two_spans() -> None:
    done = subprocess.run([sys.executable, "-c", GLOBAL], capture_output=True, text=True, timeout=60)

    assert (done.stdout, done.returncode) == ("['GET /policy']\n", 0), done.stderr
