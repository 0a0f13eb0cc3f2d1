"""A tiny OTLP collector: an HTTP server that keeps every span it is sent, as protobuf says it; and a peer that listens."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from e2e_kit import wait_for
from e2e_peer import SlowPeer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Receives `POST /v1/traces` until it is closed."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.headers: list[dict[str, str]] = []
        collector = self

        class _Otlp(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._take(ExportTraceServiceRequest.FromString(body), dict(self.headers))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Otlp)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def named(self, name: str, trace_id: str = "") -> list[Span]:
        """Spans of a name, of one trace where it is given."""
        return [span for span in self.spans if span.name == name and span.trace_id.hex().startswith(trace_id)]

    def wait(self, name: str, trace_id: str = "") -> Span:
        """The first such span; bounded."""
        return wait_for(lambda: self.named(name, trace_id), f"a span {name}")[0]

    def _take(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        self.headers.append(headers)
        for resource in request.resource_spans:
            self.services.add(attributes(resource.resource)["service.name"])
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]


class Overhearing(SlowPeer):
    """Answers at once, and keeps the `_meta` of every call."""

    def __init__(self) -> None:
        self.metas: list[dict[str, Any]] = []
        super().__init__()
        self.go_on.set()

    def _answer(self, asked: dict[str, Any], connection: Any) -> dict[str, Any] | None:
        if asked["method"] == "tools/call":
            self.metas.append(asked["params"]["_meta"])
        return super()._answer(asked, connection)


def attributes(holder: Any) -> dict[str, Any]:
    """Attributes of a span or a resource as Python values."""
    return {pair.key: _value(pair.value) for pair in holder.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)
