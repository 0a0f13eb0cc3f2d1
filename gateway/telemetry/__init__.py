"""What is emitted beside the journal: metrics, spans, logs.

Lives only here: which of them there are, and that the OpenTelemetry SDK is imported where spans are exported and nowhere
else. Must not know rooms. Built by `app.py`; the audit trail shows every ended request to `observer`'s result.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.config.schema import Telemetry
from gateway.model.ended import Ended
from gateway.telemetry.logs import log_to_stderr
from gateway.telemetry.metrics import Meter

if TYPE_CHECKING:
    from gateway.telemetry.spans import Spans

Observe = Callable[[Ended], None]


def spans_of(config: Telemetry, version: str) -> "Spans | None":
    """The exporter of spans; None where none is configured, and then nothing of it is imported."""
    if config.otlp is None:
        return None
    from gateway.telemetry.spans import Spans

    return Spans(config, version)


def observer(meter: Meter, spans: "Spans | None", *others: Observe) -> Observe:
    """What the audit trail calls at the end of every request; `others` beside telemetry see it too."""
    observers = (meter.ended, *(() if spans is None else (spans.ended,)), *others)
    if len(observers) == 1:
        return meter.ended

    def all_of_them(ended: Ended) -> None:
        for observe in observers:
            observe(ended)

    return all_of_them


__all__ = ("Meter", "log_to_stderr", "observer", "spans_of")
