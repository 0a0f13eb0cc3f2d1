"""What is said to an upstream: the parameters of a call, of a listing and of the openings of both eras.

Lives only here: which `_meta` members a request carries and that capabilities are never overstated. Must not know how it
travels. Called by every kind of upstream; pure.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.call import Era
from gateway.model.dialogue import ASKED, is_silent
from gateway.model.outbound import Outbound
from gateway.wire import headers, jsonrpc

CLIENT: Final = {"name": "sallyport", "version": "0.1.0"}
_TRACE: Final = ("traceparent", "tracestate")
_WAY_BACK: Final = 0.05
_ASKABLE: Final = frozenset(ASKED.values())
_MODERN_META: Final[Mapping[str, Any]] = {
    jsonrpc.META_VERSION: jsonrpc.MODERN,
    jsonrpc.META_CAPABILITIES: {},
    jsonrpc.META_CLIENT_INFO: CLIENT,
}


def params(era: Era, members: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Parameters with the envelope their era asks for; `_meta` is left out when it would be empty."""
    full = {**(meta or {}), **(_MODERN_META if era == "modern" else {})}
    return {**members, "_meta": full} if full else dict(members)


def timed(call: Outbound, left_s: float | None) -> Mapping[str, Any]:
    """The call's `_meta` with the time that its server has: what is left, less what the way back takes; None: no end."""
    if left_s is None:
        return call.meta
    return {**call.meta, jsonrpc.META_DEADLINE: max(1, int(left_s * 1000 * (1 - _WAY_BACK)))}


def call_params(era: Era, call: Outbound, said: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Parameters of the request, `said` being its `_meta`; `token` is what its progress is to be reported under, should
    its caller want any.
    """
    members, meta = call.params, dict(said)
    if call.idempotency_key is not None:
        meta[jsonrpc.META_IDEMPOTENCY_KEY] = call.idempotency_key
    if is_silent(call.dialogue):
        return params(era, members, meta)
    if call.dialogue.progress_token is not None:
        meta["progressToken"] = token
    full = params(era, members, meta)
    if era == "modern":
        full["_meta"][jsonrpc.META_CAPABILITIES] = askable(call.dialogue.capabilities)
        if call.dialogue.log_level is not None:
            full["_meta"][jsonrpc.META_LOG_LEVEL] = call.dialogue.log_level
    return full


def askable(declared: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller's client declared, as far as a server's questions can travel back to it: never more.

    That roots change is not passed on, so it is not promised.
    """
    found = {name: said for name, said in declared.items() if name in _ASKABLE and isinstance(said, Mapping)}
    return found | ({"roots": {}} if "roots" in found else {})


def call_headers(era: Era, call: Outbound, said: Mapping[str, Any]) -> dict[str, str]:
    """HTTP headers of the request beside those of its link; `said` is its `_meta`."""
    found = context_headers(said)
    if call.idempotency_key is not None:
        found["Idempotency-Key"] = call.idempotency_key
    if era == "legacy":
        return found
    schema = call.tool.definition.get("inputSchema") if call.method == "tools/call" else None
    name = headers.name_of(call.method, call.params)
    return found | headers.mcp_headers(call.method, name, schema, call.arguments)


def context_headers(meta: Mapping[str, Any]) -> dict[str, str]:
    """Trace context as HTTP headers (W3C Trace Context), as far as it can stand in one; and the time that is left."""
    found = {}
    for name in _TRACE:
        if isinstance(value := meta.get(name), str) and value.isascii() and value.isprintable():
            found[name] = value
    if (left_ms := meta.get(jsonrpc.META_DEADLINE)) is not None:
        found["X-Request-Timeout"] = f"{left_ms / 1000:.3f}"
    return found


def initialize_params(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of `initialize`. Without `declared` capabilities a server asks nothing back."""
    return {"protocolVersion": jsonrpc.LATEST_LEGACY, "capabilities": declared, "clientInfo": CLIENT}
