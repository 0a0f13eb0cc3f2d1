"""What a request that walks the road asks for, from its parameters and headers.

Lives only here: which members and headers carry name, arguments, key, call id, trace, deadline and run, and what is refused about
them; for tools/call, prompts/get, resources/read and completion/complete. Must not know eras beyond their names, nor
whether such a tool exists. Called by both conversations.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, assert_never

from gateway.listener.head import Head
from gateway.model.call import Asked, Era, Method
from gateway.model.dialogue import SILENT, Dialogue
from gateway.model.refusal import Reason, Refused
from gateway.model.trace import Trace
from gateway.wire import jsonrpc
from gateway.wire.idempotency import idempotency_key

_RUN: Final = "io.sallyport/run"
_ALIAS: Final = "idempotencyKey"
MAX_NAME: Final = 256
MAX_URI: Final = 4096
_MAX_RUN: Final = 256
_CALL_REF = re.compile(r"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_MAX_MS: Final = 10**12
"""As much as the header can say; a larger number may be too large to reckon with."""


def meta_of(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """`_meta`, empty when absent. Raises Refused: invalid-params when it is no object."""
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        raise Refused(Reason.INVALID_PARAMS, "params._meta is not an object.")
    return meta


def asked(
    params: Mapping[str, Any],
    head: Head,
    era: Era,
    version: str,
    method: Method = "tools/call",
    dialogue: Dialogue = SILENT,
    call_ids: Sequence[str] = (),
) -> Asked:
    """Reads a request; `call_ids` are the `_meta` members that may name the call. Raises Refused: invalid-params."""
    name, arguments = _wanted(params, method)
    meta = meta_of(params)
    key, source = _key(params, meta, head)
    return Asked(
        name=name,
        arguments=arguments,
        era=era,
        version=version,
        key=key,
        key_source=source,
        call_ref=_call_ref(meta, call_ids),
        trace=trace_of(meta, head),
        attempt=_attempt(meta),
        deadline_ms=_deadline(meta, head),
        run_label=_run(meta),
        method=method,
        dialogue=dialogue,
    )


def _wanted(params: Mapping[str, Any], method: Method) -> tuple[str, Mapping[str, Any]]:
    match method:
        case "tools/call" | "prompts/get":
            return _text(params, "name", MAX_NAME), _object(params, "arguments")
        case "resources/read":
            return _text(params, "uri", MAX_URI), {}
        case "completion/complete":
            ref = _object(params, "ref")
            match ref, params.get("argument"):
                case {"type": "ref/prompt"}, {"name": str(), "value": str()}:
                    name = _text(ref, "name", MAX_NAME)
                case {"type": "ref/resource"}, {"name": str(), "value": str()}:
                    name = _text(ref, "uri", MAX_URI)
                case _:
                    raise Refused(Reason.INVALID_PARAMS, "params.ref or params.argument is none of the standard's.")
            _object(params, "context")
            return name, {member: params[member] for member in ("ref", "argument", "context") if member in params}
        case _:
            assert_never(method)


def _text(members: Mapping[str, Any], name: str, longest: int) -> str:
    text = members.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        raise Refused(Reason.INVALID_PARAMS, f"params.{name} is not a string of 1 to {longest} characters.")
    return text


def _object(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = members.get(name, {})
    if not isinstance(found, dict):
        raise Refused(Reason.INVALID_PARAMS, f"params.{name} is not an object.")
    return found


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


def _call_ref(meta: Mapping[str, Any], call_ids: Sequence[str]) -> str | None:
    """The first of them that is there; nobody's standard, so one that is no id is ignored."""
    found = next((meta[name] for name in call_ids if name in meta), None)
    return found if isinstance(found, str) and _CALL_REF.fullmatch(found) else None


def trace_of(meta: Mapping[str, Any], head: Head) -> Trace:
    """`_meta`'s context; the HTTP request's is its link, or stands in where `_meta` has none (SEP-414)."""
    http = None if "traceparent" in head.repeated else head.get("traceparent")
    return Trace.begun(meta.get("traceparent"), meta.get("tracestate"), http, head.get("tracestate"))


def _attempt(meta: Mapping[str, Any]) -> int:
    """How often a gateway before us has sent this; what it cannot mean is ignored."""
    attempt = meta.get(jsonrpc.META_ATTEMPT)
    return attempt if isinstance(attempt, int) and not isinstance(attempt, bool) and 0 <= attempt < 1000 else 0


def _deadline(meta: Mapping[str, Any], head: Head) -> int | None:
    """Milliseconds: the shorter of both wishes. The header is nobody's standard, so what it cannot mean is ignored."""
    wished = meta.get(jsonrpc.META_DEADLINE)
    if wished is not None and (not isinstance(wished, int) or isinstance(wished, bool) or wished <= 0):
        raise Refused(Reason.INVALID_PARAMS, f"params._meta[{jsonrpc.META_DEADLINE!r}] is not a positive integer.")
    wished = wished and min(wished, _MAX_MS)
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
