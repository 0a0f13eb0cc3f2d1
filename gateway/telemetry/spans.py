"""Spans on their way out: OTLP over HTTP, behind a bounded queue and a thread of its own.

Lives only here: the SDK's provider, queue and exporter. An exporter that is away costs no call anything: the oldest spans
are lost, and the log says so once until it answers again. Must not know what a span says (`finished` does). Made by
`spans_of` where `telemetry.otlp` is set; the operator plane's instrumentation shares `provider`.
"""

import asyncio
import logging
import threading
import uuid
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gateway.config.schema import Telemetry
from gateway.model.ended import Ended
from gateway.model.trace import chosen
from gateway.telemetry.conventions import METHODS
from gateway.telemetry.finished import Maker

_log = logging.getLogger("sallyport")
_QUEUE: Final = 4096
_BATCH: Final = 128
"""Encoding takes 35 µs a span and holds the interpreter: a larger batch would be felt by calls."""
_DELAY_MS: Final = 1000
_EXPORT_S: Final = 3.0
_FLUSH_S: Final = 2.0


class Spans:
    """The process's spans. Operators' requests are always recorded, calls by `telemetry.sample`."""

    def __init__(self, config: Telemetry, version: str) -> None:
        assert config.otlp is not None
        self._share = config.sample
        self._exporter = _Once(config)
        resource = Resource.create(
            {
                "service.name": config.service_name,
                "service.version": version,
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        self._queue = BatchSpanProcessor(
            self._exporter, max_queue_size=_QUEUE, max_export_batch_size=_BATCH, schedule_delay_millis=_DELAY_MS
        )
        self.provider = TracerProvider(ParentBased(ALWAYS_ON), resource, shutdown_on_exit=False)
        self.provider.add_span_processor(self._queue)
        self._maker = Maker(resource, InstrumentationScope("sallyport", version))
        self._broken = False

    def ended(self, ended: Ended) -> None:
        """Makes and queues the spans of one request, if its trace is recorded. Never raises: no call fails for a span."""
        trace = ended.facts.get("trace")
        if trace is None or ended.facts["kind"] not in METHODS:
            return
        if not (trace["sampled"] if "sampled" in trace else chosen(trace["id"], self._share)):
            return
        try:
            for span in self._maker.spans(ended):
                self._queue.on_end(span)
        except Exception:  # noqa: BLE001  a defect of ours must not become the call's
            if not self._broken:
                _log.exception("a span could not be made of call %s; further ones are not told", ended.facts["call"])
            self._broken = True

    async def close(self) -> None:
        """Sends what is queued, for as long as two seconds."""
        flush = threading.Thread(target=self._queue.shutdown, name="last spans", daemon=True)
        flush.start()
        await asyncio.to_thread(flush.join, _FLUSH_S)
        if flush.is_alive():
            _log.warning("the last spans were not delivered within %s s", _FLUSH_S)
        self._exporter.shutdown()


class _Once(SpanExporter):
    """The OTLP exporter, telling once that it cannot deliver and once that it can again."""

    def __init__(self, config: Telemetry) -> None:
        url = f"{(config.otlp or '').rstrip('/')}/v1/traces"
        headers = {name: value.get_secret_value() for name, value in config.otlp_headers.items()}
        self._inner = OTLPSpanExporter(url, headers=headers, timeout=_EXPORT_S)
        self._where = urlsplit(url).hostname
        self._away = self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away != self._away and not self._closed:
            if away:
                _log.warning("spans cannot be delivered to %s and are lost until it answers; calls go on", self._where)
            else:
                _log.info("spans are delivered to %s again", self._where)
        self._away = away
        return result

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._inner.shutdown()  # type: ignore[no-untyped-call]
