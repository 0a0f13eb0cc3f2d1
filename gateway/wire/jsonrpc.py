"""JSON-RPC 2.0 as MCP speaks it: names of versions, codes and `_meta` keys, the frames, and what a parsed value is.

Lives only here: the numbers and spellings of the standard, how a frame is built, how one is told from another. Must not
know bytes, HTTP, eras of a connection or what a method does. Called by the listener and the upstream leg.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MODERN: Final = "2026-07-28"
"""The stateless revision: every request carries its own envelope."""
LEGACY: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that open with `initialize`, oldest first."""
LATEST_LEGACY: Final = LEGACY[-1]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
RESOURCE_NOT_FOUND: Final = -32002
"""Before 2026-07-28, which says `INVALID_PARAMS`."""
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022

META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
META_SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
META_LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
META_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
META_OUTCOME: Final = "io.sallyport/outcome"
META_IDEMPOTENCY_KEY: Final = "io.sallyport/idempotency-key"
META_ATTEMPT: Final = "io.sallyport/attempt"
META_DEADLINE: Final = "io.sallyport/deadline-ms"

Id = str | int
"""MCP request ids: never null, never fractional."""


@dataclass(frozen=True, slots=True)
class Request:
    """Wants an answer."""

    id: Id
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """Wants none."""

    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """A response that succeeded."""

    id: Id
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """A response that failed; the id is None when the other side could not tell whose request it was."""

    id: Id | None
    code: int
    message: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """Not one JSON-RPC 2.0 message."""

    why: str
    """A short phrase of ours, quoting nothing."""
    id: Id | None = None
    """The id to answer with, when it could be read."""
    code: int = INVALID_REQUEST


Response = Result | Error
Frame = Request | Notification | Response | Invalid


def request(id: Id, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: A002  its name
    """A request frame; without `params` the member is left out."""
    frame: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        frame["params"] = params
    return frame


def notification(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A notification frame."""
    frame: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        frame["params"] = params
    return frame


def result(id: Id, result: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002  its name
    """A successful response frame."""
    return {"jsonrpc": "2.0", "id": id, "result": result}


def error(id: Id | None, code: int, message: str, data: Any = None) -> dict[str, Any]:  # noqa: A002  its name
    """A failed response frame; `data` is left out when None."""
    body: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        body["data"] = data
    return {"jsonrpc": "2.0", "id": id, "error": body}


def classify(message: Any) -> Frame:
    """What a parsed JSON value is (JSON-RPC 2.0 §4–5, narrowed by MCP: object params, string or integer ids)."""
    if not isinstance(message, dict):
        return Invalid("a batch" if isinstance(message, list) else "not an object")
    raw_id = message.get("id")
    known = raw_id if _is_id(raw_id) else None
    if message.get("jsonrpc") != "2.0":
        return Invalid("jsonrpc is not 2.0", known)
    if "method" in message:
        return _call(message, known)
    return _response(message, known)


def _call(message: Mapping[str, Any], known: Id | None) -> Frame:
    method, params = message["method"], message.get("params", {})
    if not isinstance(method, str):
        return Invalid("method is not a string", known)
    if "result" in message or "error" in message:
        return Invalid("both a call and a response", known)
    if not isinstance(params, dict):
        return Invalid("params is not an object", known, INVALID_PARAMS)
    if "id" not in message:
        return Notification(method, params)
    if known is None:
        return Invalid("id is neither a string nor an integer")
    return Request(known, method, params)


def _response(message: Mapping[str, Any], known: Id | None) -> Frame:
    match message:
        case {"result": _, "error": _}:
            return Invalid("both a result and an error", known)
        case {"result": dict(found)} if known is not None:
            return Result(known, found)
        case {"result": _}:
            return Invalid("a result without an id, or not an object", known)
        case {"error": {"code": int(code), "message": str(text)} as body} if not isinstance(code, bool):
            if known is None and message.get("id") is not None:
                return Invalid("id is neither a string nor an integer")
            return Error(known, code, text, body.get("data"))
        case _:
            return Invalid("neither a method, nor a result, nor an error with code and message", known)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
