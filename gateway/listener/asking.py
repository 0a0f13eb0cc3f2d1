"""What a tools/call asks for, from its parameters and headers.

Lives only here: which members and headers carry name, arguments, key, trace, deadline and run, and what is refused about
them. Must not know eras beyond their names, nor whether such a tool exists. Called by both conversations.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway.listener.head import Head
from gateway.model.call import Asked, Era
from gateway.model.refusal import Reason, Refused
from gateway.wire import jsonrpc
from gateway.wire.idempotency import idempotency_key

_DEADLINE: Final = "io.sallyport/deadline-ms"
_RUN: Final = "io.sallyport/run"
_ALIAS: Final = "idempotencyKey"
_MAX_NAME: Final = 256
_MAX_RUN: Final = 256
_MAX_TRACESTATE: Final = 512
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def meta_of(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """`_meta`, empty when absent. Raises Refused: invalid-params when it is no object."""
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        raise Refused(Reason.INVALID_PARAMS, "params._meta is not an object.")
    return meta


def asked(params: Mapping[str, Any], head: Head, era: Era, version: str) -> Asked:
    """Reads a call. Raises Refused: invalid-params."""
    name, arguments = params.get("name"), params.get("arguments", {})
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise Refused(Reason.INVALID_PARAMS, f"params.name is not a string of 1 to {_MAX_NAME} characters.")
    if not isinstance(arguments, dict):
        raise Refused(Reason.INVALID_PARAMS, "params.arguments is not an object.")
    meta = meta_of(params)
    key, source = _key(params, meta, head)
    traceparent, tracestate = _trace(meta, head)
    return Asked(
        name=name,
        arguments=arguments,
        era=era,
        version=version,
        key=key,
        key_source=source,
        traceparent=traceparent,
        tracestate=tracestate,
        deadline_ms=_deadline(meta, head),
        run_label=_run(meta),
    )


def _key(
    params: Mapping[str, Any], meta: Mapping[str, Any], head: Head
) -> tuple[str | None, Literal["header", "meta"] | None]:
    """The explicit idempotency key and where it stood; SEP-3182's name for it may stand in `params` or in `_meta`."""
    if "idempotency-key" in head.repeated:
        raise Refused(Reason.INVALID_PARAMS, "Idempotency-Key appears more than once.")
    alias, other = params.get(_ALIAS), meta.get(_ALIAS)
    if alias is not None and other is not None and alias != other:
        raise Refused(Reason.INVALID_PARAMS, f"params and params._meta carry different values of {_ALIAS}.")
    return idempotency_key(
        head.get("idempotency-key"), meta.get(jsonrpc.META_IDEMPOTENCY_KEY), other if alias is None else alias
    )


def _trace(meta: Mapping[str, Any], head: Head) -> tuple[str | None, str | None]:
    """`_meta` before headers, as a pair from one place; what is malformed is as good as absent (W3C Trace Context)."""
    parent, state = meta.get("traceparent"), meta.get("tracestate")
    if parent is None:
        parent, state = head.get("traceparent"), head.get("tracestate")
        if parent is None or "traceparent" in head.repeated:
            return None, None
    if not isinstance(parent, str) or not _TRACEPARENT.fullmatch(parent):
        return None, None
    fits = isinstance(state, str) and len(state) <= _MAX_TRACESTATE and state.isascii() and state.isprintable()
    return parent, state if fits else None


def _deadline(meta: Mapping[str, Any], head: Head) -> int | None:
    """Milliseconds: the shorter of both wishes. The header is nobody's standard, so what it cannot mean is ignored."""
    wished = meta.get(_DEADLINE)
    if wished is not None and (not isinstance(wished, int) or isinstance(wished, bool) or wished <= 0):
        raise Refused(Reason.INVALID_PARAMS, f"params._meta[{_DEADLINE!r}] is not a positive integer.")
    header = head.get("x-request-timeout")
    if header is not None and _SECONDS.fullmatch(header) and (from_header := int(float(header) * 1000)) > 0:
        return from_header if wished is None else min(wished, from_header)
    return wished


def _run(meta: Mapping[str, Any]) -> str | None:
    run = meta.get(_RUN)
    if run is not None and (not isinstance(run, str) or len(run) > _MAX_RUN):
        raise Refused(
            Reason.INVALID_PARAMS, f"params._meta[{_RUN!r}] is not a string of at most {_MAX_RUN} characters."
        )
    return run
