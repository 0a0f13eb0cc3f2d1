"""Tool definitions for publication: what a model reads is cleaned, what a program relies on is left alone.

Lives only here: which strings of a tools/list entry are prose and which are data (names, enum values, patterns,
references). Data is never changed, but told when it hides something. Must not know pins or names across upstreams.
Called by `room.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.schema import Sanitize
from gateway.model.cleaned import Cleaned
from gateway.sanitize.findings import Findings
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.walk import Path, Walk

_SCHEMAS: Final = frozenset({"inputSchema", "outputSchema"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose members are names, with a schema under each."""
_DATA: Final = frozenset(
    {
        "type", "format", "pattern", "enum", "const", "default", "examples", "required", "dependentRequired",
        "contentMediaType", "contentEncoding",
    }
)  # fmt: skip
_PROGRAM: Final = frozenset({"name", "icons"})
"""Members of the entry that are no prose."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """Cleans tools/list entries."""

    leaf: Leaf
    limits: Sanitize

    def clean(self, definition: Mapping[str, Any]) -> Cleaned:
        """The entry, fit to be published. Raises TooMuch."""
        found = Findings()
        walk = Walk(found, self.limits.max_nodes, self.limits.max_depth)

        def edit(text: str, path: Path) -> str:
            if _is_data(path):
                walk.told(text, "schema-hidden")
                return text
            return self.leaf.text(text, found, isolates=False)

        cleaned = walk.over(dict(definition), edit)
        found["schema-hidden"] += found.pop("key-hidden", 0)
        return Cleaned(cleaned, dict(+found))


def _is_data(path: Path) -> bool:
    """Whether the string at the path is relied on by programs.

    A property may be called `description` or `enum`: below a keyword of names, the next step is a name, not a keyword.
    """
    if path[0] in _PROGRAM:
        return True
    if path[0] not in _SCHEMAS:
        return False
    steps = iter(path[1:])
    for step in steps:
        if step in _NAMED:
            next(steps, None)
        elif step in _DATA or (isinstance(step, str) and step.startswith("$") and step != "$comment"):
            return True
    return False
