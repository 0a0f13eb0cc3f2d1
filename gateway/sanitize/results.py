"""Tool results: every string of every member cleaned, the form of MCP kept, limits enforced.

Lives only here: what a tool result is made of (MCP 2026-07-28, CallToolResult), and that its two forms say the same.
Members nobody knows survive, with their strings cleaned. Must not know how a string is cleaned, nor who asked. Called by
`room.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.model.cleaned import Cleaned
from gateway.model.tool import Tool
from gateway.sanitize import characters, structured
from gateway.sanitize.blocks import Blocks, Malformed, checked, kept
from gateway.sanitize.findings import Findings
from gateway.sanitize.output_schema import OutputSchema, UnusableSchema
from gateway.sanitize.walk import Walk

_MOST_SCHEMAS: Final = 512


@dataclass(frozen=True, slots=True)
class Results:
    """Cleans tool results."""

    blocks: Blocks
    _schemas: dict[str, OutputSchema | None] = field(default_factory=dict)

    def clean(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        """The result, cleaned; the same object when there was nothing to do. Raises Malformed, TooMuch, Unfit."""
        whole = dict(result)
        _check_form(whole)
        if self.blocks.plainly_clean(whole):
            return Cleaned(result, {})
        walk = self.blocks.walk()
        content = whole.get("structuredContent")
        edited = self._structured(content, tool, walk)
        new = {
            name: edited if name == "structuredContent" else self._member(name, member, walk)
            for name, member in whole.items()
        }
        if content is not None and "content" in new:
            pairs = zip(whole["content"], new["content"], strict=True)
            new["content"] = kept(whole["content"], [self._twin(*pair, content, edited) for pair in pairs])
        return Cleaned(new if any(new[name] is not whole[name] for name in whole) else result, dict(+walk.found))

    def _structured(self, content: Any, tool: Tool, walk: Walk) -> Any:
        if content is None:
            return None
        return structured.clean(content, lambda: self._schema(tool, walk.found), self.blocks.leaf, walk)

    def _schema(self, tool: Tool, found: Findings) -> OutputSchema | None:
        declared = tool.definition.get("outputSchema")
        if declared is None:
            return None
        if tool.digest not in self._schemas:
            if len(self._schemas) >= _MOST_SCHEMAS:
                del self._schemas[next(iter(self._schemas))]
            try:
                self._schemas[tool.digest] = OutputSchema.compile(declared)
            except UnusableSchema:
                self._schemas[tool.digest] = None
        schema = self._schemas[tool.digest]
        found["schema-unusable"] += schema is None
        return schema

    def _member(self, name: str, member: Any, walk: Walk) -> Any:
        walk.told(name, "key-hidden")
        if name == "content":
            return kept(member, [self.blocks.block(block, walk) for block in member])
        return self.blocks.over(member, walk)

    def _twin(self, old: dict[str, Any], new: dict[str, Any], content: Any, edited: Any) -> dict[str, Any]:
        """A text block that says what structuredContent says, said again from the cleaned structuredContent."""
        if old["type"] != "text" or (edited is content and new["text"] == old["text"]):
            return new
        try:
            said = json.loads(old["text"])
        except (ValueError, RecursionError):
            return new
        text = json.dumps(edited, ensure_ascii=False, indent=2 if "\n" in old["text"] else None)
        if said != content or len(text) > self.blocks.limits.max_text:
            return new
        return new | {"text": characters.clean(text, Findings(), in_json=True)}  # member names are kept, not told twice


def _check_form(whole: dict[str, Any]) -> None:
    blocks = whole.get("content", [])
    if not isinstance(blocks, list):
        raise Malformed("its content is not a list")
    for block in blocks:
        checked(block)
