"""`python -m tests.e2e.e2e_traced run …`: the gateway with a tracer that logs the name of every span it is asked for.

The OpenTelemetry SDK is no requirement of the gateway; its API is enough to see what is instrumented.
"""

import sys
from typing import Any

from opentelemetry import trace

from gateway.__main__ import main


class _Tracer(trace.NoOpTracer):
    def start_span(self, name: str, *args: Any, **more: Any) -> trace.Span:
        sys.stderr.write(f"span <{name}>\n")
        return super().start_span(name, *args, **more)


class _Provider(trace.TracerProvider):
    def get_tracer(self, *_args: Any, **_more: Any) -> trace.Tracer:
        return _Tracer()


if __name__ == "__main__":
    trace.set_tracer_provider(_Provider())
    main()
