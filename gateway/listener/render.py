"""Answers as bytes: results, relayed errors and refusals, each in the words of the era that asked.

Lives only here: the three shapes of the refusal table on `/mcp`, HTTP statuses of JSON-RPC answers, what every modern
result carries. Must not know why something was refused, nor whether the reply was heard. Called by plane and conversations.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from gateway.model.call import Era, Reply, ReplyError
from gateway.model.refusal import Reason, Refusal, Shape
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump

Headers = tuple[tuple[bytes, bytes], ...]
JSON: Final[Headers] = ((b"content-type", b"application/json"),)
_REPLAYED: Final = "io.sallyport/replayed"

_STATUS_OF_RELAYED: Final = {jsonrpc.INVALID_PARAMS: 400, jsonrpc.MISSING_CAPABILITY: 400}
"""Modern statuses the standard fixes for errors that may be relayed; the others are answers like any other: 200."""
_OF_ANOTHER_ERA: Final = {jsonrpc.RESOURCE_NOT_FOUND: jsonrpc.INVALID_PARAMS, -32042: jsonrpc.INTERNAL_ERROR}
"""Codes of older servers that no modern client knows: a missing resource (SEP-2164), a URL to be visited first."""
_OLDER: Final = {
    Reason.UNKNOWN_RESOURCE: jsonrpc.RESOURCE_NOT_FOUND,
    Reason.MISSING_CAPABILITY: jsonrpc.INVALID_REQUEST,
}
"""What had another code before 2026-07-28, or none."""
_NEVER_200: Final = frozenset({Reason.INTERNAL, Reason.HEADER_MISMATCH})
"""A defect is one in every era, and ambiguous headers leave no session to speak of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete HTTP response."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    delivered: Callable[[], None] | None = None
    """Called once the last byte went to a live client."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a request wants to be spoken to."""

    era: Era = "modern"
    id: jsonrpc.Id | None = None
    calls_tool: bool = False
    """Only the answer to tools/call can be a tool result."""


UNHEARD: Final = Voice()
"""For requests that were turned away before they could be read."""
ACCEPTED: Final = Answer(202)


class Pen:
    """Writes answers in the name of one server."""

    def __init__(self, server: Mapping[str, str]) -> None:
        self.server = server
        """`serverInfo`."""

    def result(self, voice: Voice, result: Mapping[str, Any], delivered: Callable[[], None] | None = None) -> Answer:
        """A result; a modern one says that it is complete, and who answers."""
        theirs = result.get("_meta")
        meta = theirs if isinstance(theirs, Mapping) else {}
        if voice.era == "modern":
            result = {"resultType": "complete", **result, "_meta": {**meta, jsonrpc.META_SERVER_INFO: self.server}}
        assert voice.id is not None
        return Answer(200, dump(jsonrpc.result(voice.id, result)), JSON + replayed(meta), delivered)

    def ending(self, voice: Voice, ending: Reply | ReplyError | Refusal, call_id: str) -> Answer:
        """Whatever a walked call ended in."""
        match ending:
            case Reply():
                return self.result(voice, ending.result, ending.delivered)
            case ReplyError():
                return _relayed(voice, ending)
            case Refusal():
                return self.refusal(voice, ending, call_id)
            case _:
                assert_never(ending)

    def refusal(self, voice: Voice, refusal: Refusal, call_id: str, headers: Headers = ()) -> Answer:
        """A refusal in the shape its row says; `headers` are added unless it becomes a tool result."""
        headers = JSON + headers + retry_after(refusal)
        match shape(voice, refusal):
            case Shape.RESULT:
                return self.result(voice, tool_result(refusal, call_id))
            case Shape.ERROR:
                data = {**refusal.data, jsonrpc.META_OUTCOME: refusal.told(call_id)}
                error = jsonrpc.error(voice.id, code(voice, refusal), refusal.detail, data)
                return Answer(status(voice, refusal), dump(error), headers)
            case Shape.BARE:
                told = {
                    "error": refusal.reason.value,
                    "detail": refusal.detail,
                    "remedy": refusal.remedy or refusal.row.remedy,
                    "call_id": call_id,
                }
                return Answer(refusal.row.status, dump(told), headers)
            case never:
                assert_never(never)


def shape(voice: Voice, refusal: Refusal) -> Shape:
    """The row's shape, except that only a tools/call can be answered with a tool result."""
    if refusal.row.shape is Shape.RESULT and not voice.calls_tool:
        return Shape.ERROR
    return refusal.row.shape


def code(voice: Voice, refusal: Refusal) -> int:
    """The row's code, as the era knows it."""
    older = _OLDER.get(refusal.reason) if voice.era == "legacy" else None
    return refusal.row.code if older is None else older


def status(voice: Voice, refusal: Refusal) -> int:
    """HTTP status of a refusal that is a JSON-RPC error (house §6)."""
    if voice.era == "legacy" and refusal.reason not in _NEVER_200:
        return 200
    # The row's status of a -32602 is the HTTP plane's; on `/mcp` the standard fixes 400 for the code.
    return 400 if refusal.row.code == jsonrpc.INVALID_PARAMS else refusal.row.status


def tool_result(refusal: Refusal, call_id: str) -> dict[str, Any]:
    """A refusal the model can act on: a plain sentence, and the same for programs in `_meta`."""
    stop = "" if refusal.detail.endswith((".", "!", "?")) else "."  # it may end with an operator's own words
    return {
        "content": [{"type": "text", "text": f"{refusal.detail}{stop} {refusal.remedy or refusal.row.remedy}"}],
        "isError": True,
        "_meta": {jsonrpc.META_OUTCOME: refusal.told(call_id)},
    }


def _relayed(voice: Voice, error: ReplyError) -> Answer:
    data = error.data
    if error.meta and (data is None or isinstance(data, Mapping)):
        data = {**(data or {}), **error.meta}
    assert voice.id is not None
    code, relayed = error.code, 200
    if voice.era == "modern":
        code = _OF_ANOTHER_ERA.get(code, code)
        relayed = _STATUS_OF_RELAYED.get(code, 200)
    body = dump(jsonrpc.error(voice.id, code, error.message, data))
    return Answer(relayed, body, JSON + replayed(error.meta), error.delivered)


def replayed(meta: Mapping[str, Any]) -> Headers:
    """Says that an answer was kept from an earlier call, as everybody who takes idempotency keys says it."""
    return ((b"idempotent-replayed", b"true"),) if meta.get(_REPLAYED) is True else ()


def retry_after(refusal: Refusal) -> Headers:
    """`Retry-After` in whole seconds (RFC 9110 §10.2.3), where the refusal knows when."""
    if refusal.retry_after_ms is None:
        return ()
    return ((b"retry-after", str(math.ceil(refusal.retry_after_ms / 1000)).encode()),)
