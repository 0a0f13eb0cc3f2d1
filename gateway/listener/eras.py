"""Which era a message belongs to, and what a modern message must agree with itself about.

Lives only here: versions and capabilities that both eras are told, the choice of era (body first: a header can be set by
whoever stands in between) and the modern ladder. Pure functions over a parsed frame and a `Head`; they return values. Must
not know methods beyond `initialize`, nor tools. Called by `plane` (which conversation?) and the conversations (may it begin?).
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.listener.head import Head
from gateway.listener.render import Voice
from gateway.model.call import Era
from gateway.model.refusal import Reason, Refusal
from gateway.wire import headers, jsonrpc

SUPPORTED: Final = (jsonrpc.MODERN, *reversed(jsonrpc.LEGACY))
"""Newest first."""
CAPABILITIES: Final[Mapping[str, Any]] = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "completions": {},
    "logging": {},
}
"""Of the gateway, whatever its upstreams can: what stands behind it changes while a client remembers this."""


def voice(frame: jsonrpc.Frame, head: Head) -> Voice:
    """How to answer a message, whatever the answer will be."""
    match frame:
        case jsonrpc.Request():
            return Voice(_era(frame.method, frame.params, head), frame.id, frame.method == "tools/call")
        case jsonrpc.Notification():
            return Voice(_era(frame.method, frame.params, head))
        case jsonrpc.Result() | jsonrpc.Error():
            return Voice(_era("", {}, head))
        case jsonrpc.Invalid():
            return Voice("modern", frame.id)


def _era(method: str, params: Mapping[str, Any], head: Head) -> Era:
    meta = params.get("_meta")
    if isinstance(meta, dict) and jsonrpc.META_VERSION in meta:
        return "modern"
    if method == "initialize" or head.version in (None, *jsonrpc.LEGACY):
        return "legacy"
    return "modern"


def readable(frame: jsonrpc.Frame, head: Head) -> Refusal | None:
    """The rungs both eras share.

    1. One JSON-RPC message (a batch, or something else altogether, has no era).
    2. No `Mcp-*` header twice: first-copy and last-copy readers would disagree about everything below.
    """
    if isinstance(frame, jsonrpc.Invalid):
        reason = Reason.INVALID_PARAMS if frame.code == jsonrpc.INVALID_PARAMS else Reason.INVALID_REQUEST
        return Refusal(reason, f"The body is not one JSON-RPC message: {frame.why}.")
    if head.mcp_fault is not None:
        return Refusal(Reason.HEADER_MISMATCH, f"The headers are ambiguous: {head.mcp_fault}.")
    return None


def modern_request(frame: jsonrpc.Request, head: Head) -> Refusal | None:
    """The first rung of a modern request that fails, or None.

    1. `_meta` holds version and capabilities: without them there is nothing to agree with.
    2. Headers repeat the body; before the version rung, so that a client that contradicts itself is told so.
    3. The version is one we serve this way.

    Whether the method exists is not asked here: the conversation's `match` is the one list of methods.
    """
    meta = frame.params.get("_meta")
    if not isinstance(meta, dict):
        return Refusal(Reason.INVALID_PARAMS, "params._meta is not an object with the required keys.")
    for required in (jsonrpc.META_VERSION, jsonrpc.META_CAPABILITIES):
        if required not in meta:
            return Refusal(Reason.INVALID_PARAMS, f"params._meta has no {required}.")
    version = meta[jsonrpc.META_VERSION]
    if not isinstance(version, str) or not isinstance(meta[jsonrpc.META_CAPABILITIES], dict):
        return Refusal(Reason.INVALID_PARAMS, "params._meta holds a version or capabilities of the wrong type.")
    name = headers.name_of(frame.method, frame.params)
    if (why := headers.routing_mismatch(head.mcp, version, frame.method, name)) is not None:
        return Refusal(Reason.HEADER_MISMATCH, f"Headers and body disagree: {why}.")
    return _served(version)


def modern_notification(frame: jsonrpc.Notification, head: Head) -> Refusal | None:
    """Notifications need no envelope; a version they name must be one we serve this way."""
    meta = frame.params.get("_meta")
    version = meta.get(jsonrpc.META_VERSION) if isinstance(meta, dict) else None
    return _served(version if isinstance(version, str) else head.version)


def _served(version: str | None) -> Refusal | None:
    if version == jsonrpc.MODERN:
        return None
    return Refusal(
        Reason.UNSUPPORTED_VERSION,
        "This version of the protocol is not served without a session.",
        data={"supported": list(SUPPORTED), "requested": version},
    )
