"""What is said to an upstream: the parameters of a call, of a listing and of the openings of both eras.

Lives only here: which `_meta` members a request carries and that capabilities are never overstated. Must not know how it
travels. Called by every kind of upstream; pure.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.call import Era
from gateway.model.outbound import Outbound
from gateway.wire import jsonrpc

CLIENT: Final = {"name": "sallyport", "version": "0.1.0"}
_TRACE: Final = ("traceparent", "tracestate")
_MODERN_META: Final[Mapping[str, Any]] = {
    jsonrpc.META_VERSION: jsonrpc.MODERN,
    jsonrpc.META_CAPABILITIES: {},
    jsonrpc.META_CLIENT_INFO: CLIENT,
}


def params(era: Era, members: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Parameters with the envelope their era asks for; `_meta` is left out when it would be empty."""
    full = {**(meta or {}), **(_MODERN_META if era == "modern" else {})}
    return {**members, "_meta": full} if full else dict(members)


def call_params(era: Era, call: Outbound) -> dict[str, Any]:
    """Parameters of the request."""
    meta = dict(call.meta)
    if call.idempotency_key is not None:
        meta[jsonrpc.META_IDEMPOTENCY_KEY] = call.idempotency_key
    return params(era, call.params, meta)


def trace_headers(meta: Mapping[str, Any]) -> dict[str, str]:
    """Trace context as HTTP headers (W3C Trace Context), as far as it can stand in one."""
    found = {name: meta[name] for name in _TRACE if isinstance(meta.get(name), str)}
    return {name: value for name, value in found.items() if value.isascii() and value.isprintable()}


def initialize_params() -> dict[str, Any]:
    """Parameters of `initialize`: no capabilities, so that a server asks nothing back."""
    return {"protocolVersion": jsonrpc.LATEST_LEGACY, "capabilities": {}, "clientInfo": CLIENT}


def answer_to(asked: jsonrpc.Request) -> dict[str, Any]:
    """Our answer to a server's own request: `ping` is answered, everything else needs a capability we never declared."""
    if asked.method == "ping":
        return jsonrpc.result(asked.id, {})
    return jsonrpc.error(asked.id, jsonrpc.METHOD_NOT_FOUND, "This client declared no such capability")
