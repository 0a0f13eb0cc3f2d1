"""Whether the `Mcp-Param-*` headers of a call repeat its arguments (2026-07-28, SEP-2243).

Lives only here: which schemas ask for such headers at all; most do not, and walking a large one costs more than the rest of
this room. Must not know what the headers mean; `wire.headers` does. Called by the modern conversation's calls.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.refusal import Reason, Refusal
from gateway.wire import headers
from gateway.wire.strict_json import dump

_MOST_SCHEMAS: Final = 1_024


class Mirrors:
    """Remembers what it has seen of schemas."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mapping[str, Any], bool]] = {}

    def disagreement(
        self, found: Mapping[str, str], schema: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> Refusal | None:
        """Why these headers are refused, or None."""
        if not self._wanted_by(schema) or (why := headers.param_mismatch(found, schema, arguments)) is None:
            return None
        return Refusal(Reason.HEADER_MISMATCH, f"Headers and arguments disagree: {why}.")

    def _wanted_by(self, schema: Mapping[str, Any]) -> bool:
        if (known := self._known.get(id(schema))) is None:
            if len(self._known) >= _MOST_SCHEMAS:
                self._known.clear()
            # The schema is kept with its answer, so that its id cannot become another schema's.
            known = self._known[id(schema)] = (schema, b'"x-mcp-header"' in dump(schema))
        return known[1]
