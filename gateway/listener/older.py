"""Results, definitions, errors and questions as older revisions know them.

Lives only here: what a legacy client must not be shown, by revision. Pure; the input is never changed. Must not know
sessions or HTTP. Called by the legacy conversation and its dialogues; the upstream leg's bridge goes the other way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.model.call import Method, ReplyError
from gateway.model.dialogue import ASKED
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump

_MODERN_ONLY: Final = frozenset({"resultType", "ttlMs", "cacheScope"})
_MODERN_CODES: Final = frozenset({jsonrpc.HEADER_MISMATCH, jsonrpc.MISSING_CAPABILITY, jsonrpc.UNSUPPORTED_VERSION})
_STRUCTURED_SINCE: Final = "2025-06-18"
_ELICITATION_SINCE: Final = "2025-06-18"
_MODES_SINCE: Final = "2025-11-25"
"""Elicitation by URL, and sampling with tools."""


def result(result: Mapping[str, Any], version: str, method: Method = "tools/call") -> dict[str, Any]:
    """A result. Structured content that `version` cannot carry becomes text where there is no other content."""
    told = {name: value for name, value in result.items() if name not in _MODERN_ONLY}
    if isinstance(meta := told.get("_meta"), Mapping):  # who answers a session was said when it was opened
        told["_meta"] = {name: member for name, member in meta.items() if name != jsonrpc.META_SERVER_INFO}
    if method != "tools/call":
        return told
    content = told.setdefault("content", [])
    structured = told.get("structuredContent")
    if "structuredContent" in told and (version < _STRUCTURED_SINCE or not isinstance(structured, dict)):
        del told["structuredContent"]
        if not content:
            told["content"] = [{"type": "text", "text": dump(structured).decode()}]
    return told


def error(error: ReplyError, method: Method) -> ReplyError:
    """An error with a code that legacy clients know: only 2026-07-28 calls a missing resource invalid parameters."""
    if method == "resources/read" and error.code == jsonrpc.INVALID_PARAMS:
        return replace(error, code=jsonrpc.RESOURCE_NOT_FOUND)
    if error.code in _MODERN_CODES:
        return replace(error, code=jsonrpc.INVALID_REQUEST)
    return error


def tools(definitions: Iterable[Mapping[str, Any]], version: str) -> list[Mapping[str, Any]]:
    """Definitions without output schemas that `version` does not know."""
    return [_definition(definition, version) for definition in definitions]


def _definition(definition: Mapping[str, Any], version: str) -> Mapping[str, Any]:
    match definition.get("outputSchema"):
        case None:
            return definition
        case {"type": "object"} if version >= _STRUCTURED_SINCE:
            return definition
    return {name: value for name, value in definition.items() if name != "outputSchema"}


def capabilities(declared: Mapping[str, Any], version: str) -> dict[str, Mapping[str, Any]]:
    """What a client may be asked, of what it declared: only kinds that `version` knows."""
    known = {kind: declared[kind] for kind in ASKED.values() if isinstance(declared.get(kind), dict)}
    if version < _ELICITATION_SINCE:
        known.pop("elicitation", None)
    if version < _MODES_SINCE:
        for kind, since in (("elicitation", "url"), ("sampling", "tools")):
            if kind in known:
                known[kind] = {name: value for name, value in known[kind].items() if name != since}
    return known


def question(
    method: str, params: Mapping[str, Any], declared: Mapping[str, Any], version: str, elicitation_id: str
) -> Mapping[str, Any] | None:
    """A question's params as a client with these `capabilities` knows them; None where it cannot be asked so.

    An elicitation by URL has an `elicitationId` in 2025-11-25 and none in 2026-07-28: then it gets the one given here.
    """
    able = declared.get(ASKED.get(method, ""))
    if able is None:
        return None
    match method, params.get("mode", "form"):
        case "elicitation/create", "url":
            return {"elicitationId": elicitation_id, **params} if "url" in able else None
        case "elicitation/create", "form" if "form" in able or "url" not in able:
            return params if version >= _MODES_SINCE else {name: params[name] for name in params if name != "mode"}
        case "elicitation/create", _:
            return None
        case "sampling/createMessage", _ if "tools" in params or "toolChoice" in params:
            return params if "tools" in able else None
    return params
