"""Definitions for publication, of tools and of what stands beside them: what a model reads is cleaned, what a program
relies on is left alone.

Lives only here: which strings of an entry of a list are prose and which are data (names, URIs, enum values, patterns,
references). Data is never changed, but told when it hides something. Must not know pins or names across upstreams.
Called by `room.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.schema import Sanitize
from gateway.model.cleaned import Cleaned
from gateway.model.tool import ListKind
from gateway.sanitize.findings import Findings
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.walk import Path, Walk

_SCHEMAS: Final = frozenset({"inputSchema", "outputSchema"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose members are names, with a schema under each."""
_DATA: Final = frozenset(
    {
        "type", "format", "pattern", "enum", "const", "default", "examples", "required", "dependentRequired",
        "contentMediaType", "contentEncoding", "x-mcp-header",
    }
)  # fmt: skip
_PROGRAM: Final[Mapping[ListKind, frozenset[str]]] = {
    "tools": frozenset({"name", "icons"}),
    "prompts": frozenset({"name", "icons"}),
    "resources": frozenset({"uri", "mimeType", "icons"}),
    "templates": frozenset({"uriTemplate", "mimeType", "icons"}),
}
"""Members of an entry that are no prose; the name of a resource is for people."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """Cleans entries of lists."""

    leaf: Leaf
    limits: Sanitize

    def clean(self, definition: Mapping[str, Any], kind: ListKind) -> Cleaned:
        """The entry, fit to be published. Raises TooMuch."""
        found = Findings()
        walk = Walk(found, self.limits.max_nodes, self.limits.max_depth)

        def edit(text: str, path: Path) -> str:
            if _is_data(path, kind):
                walk.told(text, "schema-hidden")
                return text
            return self.leaf.text(text, found, isolates=False)

        cleaned = walk.over(dict(definition), edit)
        found["schema-hidden"] += found.pop("key-hidden", 0)
        return Cleaned(cleaned, dict(+found))


def _is_data(path: Path, kind: ListKind) -> bool:
    """Whether the string at the path is relied on by programs.

    A property may be called `description` or `enum`: below a keyword of names, the next step is a name, not a keyword.
    """
    if path[0] in _PROGRAM[kind]:
        return True
    if kind == "prompts" and path[0] == "arguments":
        return path[-1] == "name"
    if kind != "tools" or path[0] not in _SCHEMAS:
        return False
    steps = iter(path[1:])
    for step in steps:
        if step in _NAMED:
            next(steps, None)
        elif step in _DATA or (isinstance(step, str) and step.startswith("$") and step != "$comment"):
            return True
    return False
