"""Results and definitions as older revisions know them.

Lives only here: what a legacy client must not be shown, by revision. Pure; the input is never changed. Must not know
sessions or HTTP. Called by the legacy conversation; the upstream leg's bridge goes the other way.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.wire.strict_json import dump

_MODERN_ONLY: Final = frozenset({"resultType", "ttlMs", "cacheScope"})
_STRUCTURED_SINCE: Final = "2025-06-18"


def result(result: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A tool result. Structured content that `version` cannot carry becomes text where there is no other content."""
    told = {name: value for name, value in result.items() if name not in _MODERN_ONLY}
    content = told.setdefault("content", [])
    structured = told.get("structuredContent")
    if "structuredContent" in told and (version < _STRUCTURED_SINCE or not isinstance(structured, dict)):
        del told["structuredContent"]
        if not content:
            told["content"] = [{"type": "text", "text": dump(structured).decode()}]
    return told


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
