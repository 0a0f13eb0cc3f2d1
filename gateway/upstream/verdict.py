"""What an answer proves: which of the four outcomes of a send it is, and which era the server speaks.

Lives only here: the table of outcomes (executed, not executed, unknown) and the evidence for an era, as pure functions over
what was heard. Must not know sockets, processes or retries. Called by both kinds of upstream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.model.call import Era
from gateway.model.outcome import INPUT_REQUIRED, Answered, AnsweredError, Carried, Lost, Unsent
from gateway.wire import jsonrpc

_WRONG_ERA: Final = frozenset({jsonrpc.HEADER_MISMATCH, jsonrpc.MISSING_CAPABILITY, jsonrpc.UNSUPPORTED_VERSION})
_NEVER_RAN: Final = _WRONG_ERA | {jsonrpc.PARSE_ERROR, jsonrpc.INVALID_REQUEST, jsonrpc.METHOD_NOT_FOUND}
"""Codes that by their definition come before execution; -32602 does not, tools use it for their own checks."""
_CAPABILITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "elicitation": ("form", "url"),
    "sampling": ("tools", "context"),
    "roots": (),
}
_RESULT_TYPES: Final = (None, "complete", INPUT_REQUIRED)
"""A tuple: what stands there may be a list or an object, which no set can be asked about."""
FOR_GOOD: Final = frozenset({401, 403, 405, 413, 415})
"""Statuses that the same request would meet again."""
TURNED_AWAY: Final = FOR_GOOD | {429}
MISUNDERSTOOD: Final = frozenset({400, 404, 405})
"""Statuses by which a server shows that it speaks something else."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came: over HTTP with a status, over stdio without one."""

    frame: jsonrpc.Response | None
    """The response to our request; None when there was none that can be used."""
    why: str = ""
    """Why there is no frame, in our words."""
    status: int = 200
    session: str | None = None
    retry_after_ms: int | None = None
    begun: bool = False
    """Whether the server reported progress of the call or asked something for it: then no code says that it did not run."""


Exchanged = Heard | Unsent | Lost
"""One exchange: an answer, or proof that nothing left, or neither."""


def carried(exchanged: Exchanged, *, in_session: bool = False) -> Carried:  # noqa: PLR0911  a table
    """What became of the call. `in_session`: it was sent on a legacy session in use, where 404 says that it is unknown."""
    match exchanged:
        case Unsent() | Lost():
            return exchanged
        case Heard(frame=jsonrpc.Result(result={"resultType": kind})) if kind not in _RESULT_TYPES:
            return Lost("a result of a type nobody knows")
        case Heard(frame=jsonrpc.Result(result=result)):
            return Answered(result)  # whatever its status says: somebody acted
        case Heard(status=status, retry_after_ms=after) if status in TURNED_AWAY or (
            status == 404 and in_session and not not_found(exchanged)
        ):
            return Unsent(f"turned away with HTTP {status}", after, "never" if status in FOR_GOOD else "later")
        case Heard(frame=jsonrpc.Error(code=jsonrpc.MISSING_CAPABILITY, data=data), begun=False):
            return Unsent("it needs a capability the client did not declare", cause="never", required=_required(data))
        case Heard(frame=jsonrpc.Error(code=code), status=status, begun=False) if code in _NEVER_RAN or status == 404:
            return Unsent(f"turned away with JSON-RPC error {code}", exchanged.retry_after_ms, "never")
        case Heard(frame=jsonrpc.Error(id=None)):
            return Lost("an error that names no request")
        case Heard(frame=jsonrpc.Error(code=code, message=message, data=data)):
            return AnsweredError(code, message, data)
        case Heard(why=why):
            return Lost(why)


def era_of(probed: Heard) -> Era | None:  # noqa: PLR0911  a table
    """The era that the answer to `server/discover` shows; None when it is no evidence (401, 403, 5xx, garbage)."""
    match probed:
        case Heard(status=status) if status >= 500 or (status in TURNED_AWAY and status not in MISUNDERSTOOD):
            return None
        case Heard(frame=jsonrpc.Result(result=result)):
            return _newest(result.get("supportedVersions"))
        case Heard(frame=jsonrpc.Error(code=jsonrpc.UNSUPPORTED_VERSION, data=Mapping() as data)):
            return _newest(data.get("supported"))
        case Heard(frame=jsonrpc.Error(code=code)) if code in _WRONG_ERA:
            return "modern"
        case Heard(frame=jsonrpc.Error(code=jsonrpc.METHOD_NOT_FOUND), status=404):
            return "modern"
        case Heard(frame=jsonrpc.Error()):
            return "legacy"
        case Heard(status=status):
            return "legacy" if status in MISUNDERSTOOD else None


def era_in_doubt(era: Era, exchanged: Exchanged) -> bool:
    """Whether an answer contradicts what we believed of the server: another era, or a session it does not know."""
    if not isinstance(exchanged, Heard):
        return False
    frame, status = exchanged.frame, exchanged.status
    if isinstance(frame, jsonrpc.Error) and frame.code in _WRONG_ERA:
        return era == "legacy" or frame.code == jsonrpc.UNSUPPORTED_VERSION
    if isinstance(frame, jsonrpc.Error) and frame.code == jsonrpc.METHOD_NOT_FOUND and era == "modern":
        return status != 404
    return status in MISUNDERSTOOD and not isinstance(carried(exchanged), Answered | AnsweredError)


def not_found(exchanged: Exchanged) -> bool:
    """Whether a 404 carries our id: then it is about what was asked, and not about the session it was asked in."""
    if not isinstance(exchanged, Heard) or exchanged.status != 404 or exchanged.frame is None:
        return False
    return exchanged.frame.id is not None


def wrong_headers(exchanged: Exchanged) -> bool:
    """Whether the server found that headers and body disagree: we may know the tool as it was."""
    return (
        isinstance(exchanged, Heard)
        and isinstance(exchanged.frame, jsonrpc.Error)
        and exchanged.frame.code == jsonrpc.HEADER_MISMATCH
    )


def _required(data: Any) -> dict[str, Any]:
    """What `-32021` names, as far as it is a capability that a caller's client can have: no other word of theirs."""
    named = data.get("requiredCapabilities") if isinstance(data, Mapping) else None
    if not isinstance(named, Mapping):
        return {}
    kinds = {kind: said for kind, said in named.items() if kind in _CAPABILITIES}
    return {
        kind: {mode: {} for mode in said if mode in _CAPABILITIES[kind]} if isinstance(said, Mapping) else {}
        for kind, said in kinds.items()
    }


def _newest(versions: Any) -> Era | None:
    if not isinstance(versions, list):
        return "legacy"
    if jsonrpc.MODERN in versions:
        return "modern"
    return "legacy" if not versions or any(known in versions for known in jsonrpc.LEGACY) else None
