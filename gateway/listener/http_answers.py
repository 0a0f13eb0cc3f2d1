"""Endings of HTTP calls as HTTP responses: what the tool answered under its own status, refusals as RFC 9457 problems.

Lives only here: how an MCP result becomes a status, a content type and a body again, and the headers the HTTP plane
answers with: ours, never one of the upstream's. Must not know how a call was made. Called by the HTTP conversation, and by
`plane` for requests that did not become a call.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, assert_never

from gateway.listener.render import Answer, Headers, replayed, retry_after
from gateway.model.call import Reply, ReplyError
from gateway.model.refusal import Reason, Refusal
from gateway.wire.strict_json import dump

_ANSWERED: Final = "io.sallyport/http"
"""{status, type, wrapped} of the service's answer; on results of HTTP tools only."""
_HINT: Final = "io.sallyport/hint"
_STALE: Final = "io.sallyport/stale"
_PROBLEM: Final = "application/problem+json"
_JSON: Final = "application/json"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}")
_NOT_ONE_LINE = re.compile(r"[^\x21-\x7e]+")
_LONGEST_HINT: Final = 500
_BODILESS: Final = frozenset({204, 205, 304})
_SOON_MS: Final = 1_000
"""For a 503 of which nobody knows when it ends: one that does not say is asked again at once."""
_REMEDIES: Final = {Reason.UNKNOWN_TOOL: "Use a method and path that you may call; ask the operator for them."}
"""Where the table's next step is one that only MCP has."""


def ending(ends: Reply | ReplyError | Refusal, call_id: str) -> Answer:
    """Whatever a walked call ended in."""
    match ends:
        case Reply():
            return _reply(ends, call_id)
        case ReplyError():
            return _relayed(ends, call_id)
        case Refusal():
            return problem(ends, call_id)
        case _:
            assert_never(ends)


def problem(refusal: Refusal, call_id: str, headers: Headers = ()) -> Answer:
    """A refusal: the row's status, and the outcome object's members as extensions of the problem (RFC 9457 §3.2)."""
    if refusal.row.status == 503 and refusal.retry_after_ms is None:
        refusal = replace(refusal, retry_after_ms=_SOON_MS)
    told = {
        "type": f"urn:sallyport:refusal:{refusal.reason.value}",
        "title": refusal.reason.value,
        "status": refusal.row.status,
        "detail": refusal.detail,
        **refusal.told(call_id),
    }
    if refusal.reason in _REMEDIES:
        told["remedy"] = _REMEDIES[refusal.reason]
    headers = _headers(_PROBLEM, call_id) + headers + retry_after(refusal)
    return Answer(refusal.row.status, dump(told), headers)


def _reply(reply: Reply, call_id: str) -> Answer:
    result = reply.result
    meta = _mapping(result.get("_meta"))
    status, kind, body = _written(result, _mapping(meta.get(_ANSWERED)))
    return Answer(status, body, _headers(kind, call_id, meta), reply.delivered)


def _written(result: Mapping[str, Any], answered: Mapping[str, Any]) -> tuple[int, str | None, bytes]:
    """Status, content type and body. A result of no HTTP service (a fallback) is given whole, as JSON."""
    status, kind = answered.get("status"), _media_type(answered.get("type"))
    if not isinstance(status, int) or not 200 <= status <= 599:
        status, kind = 502 if result.get("isError") is True else 200, None
    if status in _BODILESS:
        return status, None, b""
    content = result.get("content") or ()
    is_json = kind is not None and (kind == _JSON or kind.endswith("+json"))
    if kind is not None and not (is_json and "structuredContent" in result):
        # A refusal of the service has no structured content even where it is JSON: that is for answers. Only the first text is the service's: what follows it was said to a model, and is said in headers here.
        text = next((block["text"] for block in content if block.get("type") == "text"), "")
        return status, kind if is_json else f"{kind}; charset=utf-8", text.encode()
    if "structuredContent" in result:
        structured = result["structuredContent"]
        unwrapped = _mapping(structured).get("result") if answered.get("wrapped") is True else structured
        return status, kind or _JSON, dump(unwrapped)
    return (status, _JSON, dump({"content": content})) if content else (status, None, b"")


def _relayed(error: ReplyError, call_id: str) -> Answer:
    """A JSON-RPC error, which no HTTP service answers; a tool that stands in for one may."""
    told = {
        "type": "urn:sallyport:upstream-error",
        "title": "upstream-error",
        "status": 502,
        "detail": error.message,
        "code": error.code,
        "executed": "yes",
        "retry": "never",
        "call_id": call_id,
    }
    if error.data is not None:
        told["data"] = error.data
    return Answer(502, dump(told), _headers(_PROBLEM, call_id, error.meta), error.delivered)


def _headers(kind: str | None, call_id: str, meta: Mapping[str, Any] = {}) -> Headers:
    headers: Headers = (
        (b"sallyport-call", call_id.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    )
    if kind is not None:
        headers += ((b"content-type", kind.encode()),)
    headers += replayed(meta)
    if isinstance(age_s := _mapping(meta.get(_STALE)).get("age_s"), int):  # a last good result, RFC 9111 §5.1
        headers += ((b"age", str(age_s).encode()),)
    if isinstance(hint := meta.get(_HINT), str):
        headers += ((b"sallyport-hint", _NOT_ONE_LINE.sub(" ", hint).strip()[:_LONGEST_HINT].encode()),)
    return headers


def _media_type(value: Any) -> str | None:
    """A content type without parameters, fit for a header; None for anything else."""
    kind = value.partition(";")[0].strip().lower() if isinstance(value, str) else ""
    return kind if _MEDIA_TYPE.fullmatch(kind) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
