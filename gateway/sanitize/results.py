"""Tool results: every string of every member cleaned, the form of MCP kept, limits enforced.

Lives only here: what a tool result is made of (MCP 2026-07-28, CallToolResult) and which of its strings are bytes in
disguise. Members nobody knows survive, with their strings cleaned. Must not know how a string is cleaned, nor who asked.
Called by `room.py`.
"""

import base64
import binascii
import json
import operator
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.config.schema import Sanitize
from gateway.model.cleaned import Cleaned
from gateway.model.tool import Tool
from gateway.sanitize import characters, proof, structured
from gateway.sanitize.findings import Findings
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.output_schema import STAND_INS, OutputSchema, UnusableSchema
from gateway.sanitize.walk import Path, Walk

_BASE64: Final = (string.ascii_letters + string.digits + "+/=\r\n").encode()
_MOST_SCHEMAS: Final = 512


class Malformed(Exception):
    """Not the form of a tool result; the text is ours and safe to show."""


@dataclass(frozen=True, slots=True)
class Results:
    """Cleans tool results."""

    leaf: Leaf
    limits: Sanitize
    _schemas: dict[str, OutputSchema | None] = field(default_factory=dict)

    def clean(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        """The result, cleaned; the same object when there was nothing to do. Raises Malformed, TooMuch, Unfit."""
        whole = dict(result)
        _check_form(whole)
        if self._plainly_clean(whole):
            return Cleaned(result, {})
        found = Findings()
        walk = Walk(found, self.limits.max_nodes, self.limits.max_depth)
        content = whole.get("structuredContent")
        edited = self._structured(content, tool, walk)
        new = {
            name: edited if name == "structuredContent" else self._member(name, member, walk)
            for name, member in whole.items()
        }
        if content is not None and "content" in new:
            pairs = zip(whole["content"], new["content"], strict=True)
            new["content"] = _kept(whole["content"], [self._twin(*pair, content, edited) for pair in pairs])
        return Cleaned(new if any(new[name] is not whole[name] for name in whole) else result, dict(+found))

    def _plainly_clean(self, whole: dict[str, Any]) -> bool:
        """Whether one look at the serialised result proves that no string needs cleaning and no limit is passed."""
        data = proof.clean(whole)
        return (
            data is not None
            and len(data) <= min(self.limits.max_text, self.limits.max_media)
            and proof.nodes(data) <= self.limits.max_nodes
            and (proof.brackets(data) <= self.limits.max_depth or _within(whole, self.limits.max_depth))
        )

    def _structured(self, content: Any, tool: Tool, walk: Walk) -> Any:
        if content is None:
            return None
        return structured.clean(content, lambda: self._schema(tool, walk.found), self.leaf, walk)

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
            return _kept(member, [self._block(block, walk) for block in member])
        return walk.over(member, self._text(walk.found))

    def _twin(self, old: dict[str, Any], new: dict[str, Any], content: Any, edited: Any) -> dict[str, Any]:
        """A text block that says what structuredContent says, said again from the cleaned structuredContent."""
        if old["type"] != "text" or (edited is content and new["text"] == old["text"]):
            return new
        try:
            said = json.loads(old["text"])
        except (ValueError, RecursionError):
            return new
        text = json.dumps(edited, ensure_ascii=False, indent=2 if "\n" in old["text"] else None)
        if said != content or len(text) > self.limits.max_text:
            return new
        return new | {"text": characters.clean(text, Findings(), in_json=True)}  # member names are kept, not told twice

    def _text(self, found: Findings) -> Callable[[str, Path], str]:
        def edit(text: str, path: Path) -> str:
            name = path[-1] if path and isinstance(path[-1], str) else ""
            cleaned = self.leaf.text(text, found, name=name)
            secret = name == "uri" and cleaned != text and "[REDACTED:" in cleaned
            return STAND_INS["uri"] if secret else cleaned  # a token is no part of a URI (RFC 3986)

        return edit

    def _block(self, block: dict[str, Any], walk: Walk) -> dict[str, Any]:
        match block["type"]:
            case "image" | "audio":
                return self._media(block, block, "data", walk)
            case "resource":
                return self._media(block, block["resource"], "blob", walk)
            case _:
                return self._over(block, walk)

    def _media(self, block: dict[str, Any], holder: dict[str, Any], member: str, walk: Walk) -> dict[str, Any]:
        """The block with its bytes as they are, but for text among them; a notice in its place when they are too many."""
        data = holder.get(member)
        if data is None:
            return self._over(block, walk)
        if len(data) > self.limits.max_media:
            walk.found["media-removed"] += 1
            notice = f"[{block['type']} removed by the gateway: {len(data)} characters are over the limit]"
            return {"type": "text", "text": notice}
        if not _in_base64(data):
            kept = self.leaf.text(data, walk.found)
        else:
            kept = self._blob(data, walk.found) if member == "blob" else data
        cleaned: dict[str, Any] = self._over({**holder, member: ""}, walk) | {member: kept}
        if holder is block:
            return cleaned
        return self._over({**block, "resource": {}}, walk) | {"resource": cleaned}

    def _over(self, value: dict[str, Any], walk: Walk) -> dict[str, Any]:
        edited: dict[str, Any] = walk.over(value, self._text(walk.found))
        return edited

    def _blob(self, blob: str, found: Findings) -> str:
        """Text in base64 is text: cleaned, and encoded again only when that changed it."""
        try:
            text = base64.b64decode(blob, validate=True).decode()
        except (binascii.Error, ValueError):
            return blob
        cleaned = self.leaf.text(text, found) if "\0" not in text else text
        return blob if cleaned == text else base64.b64encode(cleaned.encode()).decode()


def _check_form(whole: dict[str, Any]) -> None:
    blocks = whole.get("content", [])
    if not isinstance(blocks, list):
        raise Malformed("its content is not a list")
    for block in blocks:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Malformed("a content block is not an object with a type")
        texts: tuple[Any, ...]
        match block["type"]:
            case "text":
                texts = (block.get("text"),)
            case "image" | "audio":
                texts = (block.get("data"),)
            case "resource":
                resource = block.get("resource")
                texts = (resource.get("text", ""), resource.get("blob", "")) if isinstance(resource, dict) else (None,)
            case _:
                texts = ()
        if not all(isinstance(text, str) for text in texts):
            raise Malformed(f"a content block of type {block['type']} lacks what its type demands")


def _in_base64(data: str) -> bool:
    """Whether it could be bytes as they travel; anything else that stands in their place is text for a reader."""
    return data.isascii() and not data.encode().translate(None, _BASE64)


def _kept(old: list[Any], new: list[Any]) -> list[Any]:
    """The old list when the new one holds the same objects."""
    return old if all(map(operator.is_, old, new)) else new


def _within(value: Any, depth: int) -> bool:
    """Whether the value nests no deeper."""
    match value:
        case dict():
            return depth > 0 and all(_within(member, depth - 1) for member in value.values())
        case list():
            return depth > 0 and all(_within(item, depth - 1) for item in value)
        case _:
            return True
