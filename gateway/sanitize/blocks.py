"""Content blocks and resource contents: their strings cleaned, their bytes left, but for text among them.

Lives only here: what a content block is made of (MCP 2026-07-28, ContentBlock, ResourceContents), which of its strings are
bytes in disguise, and the proof that a whole result needs no look. Members nobody knows survive, with their strings
cleaned. Must not know how a string is cleaned, nor whose result it is. Called by `results.py` and `beside.py`.
"""

import base64
import binascii
import operator
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.schema import Sanitize
from gateway.sanitize import proof
from gateway.sanitize.findings import Findings
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.output_schema import STAND_INS
from gateway.sanitize.walk import Path, Walk

_BASE64: Final = (string.ascii_letters + string.digits + "+/=\r\n").encode()


class Malformed(Exception):
    """Not the form of a result; the text is ours and safe to show."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Cleans blocks."""

    leaf: Leaf
    limits: Sanitize

    def walk(self) -> Walk:
        """A walk over one result."""
        return Walk(Findings(), self.limits.max_nodes, self.limits.max_depth)

    def plainly_clean(self, whole: dict[str, Any]) -> bool:
        """Whether one look at the serialised result proves that no string needs cleaning and no limit is passed."""
        data = proof.clean(whole)
        return (
            data is not None
            and len(data) <= min(self.limits.max_text, self.limits.max_media)
            and proof.nodes(data) <= self.limits.max_nodes
            and (proof.brackets(data) <= self.limits.max_depth or _within(whole, self.limits.max_depth))
        )

    def over(self, value: Any, walk: Walk) -> Any:
        """Any other value, every string of it cleaned."""
        return walk.over(value, self._text(walk.found))

    def block(self, block: dict[str, Any], walk: Walk) -> dict[str, Any]:
        """A block that `checked` let pass; a notice in its place when its bytes are too many."""
        match block["type"]:
            case "image" | "audio" as kind:
                cleaned = self._held(block, "data", kind, walk)
            case "resource":
                cleaned = self._held(block["resource"], "blob", "resource", walk)
                if not isinstance(cleaned, str):
                    cleaned = self._over({**block, "resource": {}}, walk) | {"resource": cleaned}
            case _:
                cleaned = self._over(block, walk)
        return {"type": "text", "text": cleaned} if isinstance(cleaned, str) else cleaned

    def contents(self, contents: dict[str, Any], walk: Walk) -> dict[str, Any]:
        """One of a resource's contents."""
        cleaned = self._held(contents, "blob", "blob", walk)
        if not isinstance(cleaned, str):
            return cleaned
        kept = {name: member for name, member in contents.items() if name not in {"blob", "mimeType"}}
        return self._over(kept, walk) | {"mimeType": "text/plain", "text": cleaned}

    def _held(self, holder: dict[str, Any], member: str, kind: str, walk: Walk) -> dict[str, Any] | str:
        """The holder with its bytes as they are, but for text among them; a notice when they are too many."""
        data = holder.get(member)
        if data is None:
            return self._over(holder, walk)
        if len(data) > self.limits.max_media:
            walk.found["media-removed"] += 1
            return f"[{kind} removed by the gateway: {len(data)} characters are over the limit]"
        if not _in_base64(data):
            kept = self.leaf.text(data, walk.found)
        else:
            kept = self._blob(data, walk.found) if member == "blob" else data
        new = self._over({**holder, member: ""}, walk) | {member: kept}
        return holder if new == holder else new

    def _text(self, found: Findings) -> Callable[[str, Path], str]:
        def edit(text: str, path: Path) -> str:
            name = path[-1] if path and isinstance(path[-1], str) else ""
            cleaned = self.leaf.text(text, found, name=name)
            secret = name == "uri" and cleaned != text and "[REDACTED:" in cleaned
            return STAND_INS["uri"] if secret else cleaned  # a token is no part of a URI (RFC 3986)

        return edit

    def _over(self, value: dict[str, Any], walk: Walk) -> dict[str, Any]:
        edited: dict[str, Any] = self.over(value, walk)
        return edited

    def _blob(self, blob: str, found: Findings) -> str:
        """Text in base64 is text: cleaned, and encoded again only when that changed it."""
        try:
            text = base64.b64decode(blob, validate=True).decode()
        except (binascii.Error, ValueError):
            return blob
        cleaned = self.leaf.text(text, found) if "\0" not in text else text
        return blob if cleaned == text else base64.b64encode(cleaned.encode()).decode()


def checked(block: Any) -> None:
    """Raises Malformed for what is no content block."""
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


def kept(old: list[Any], new: list[Any]) -> list[Any]:
    """The old list when the new one holds the same objects."""
    return old if all(map(operator.is_, old, new)) else new


def _in_base64(data: str) -> bool:
    """Whether it could be bytes as they travel; anything else that stands in their place is text for a reader."""
    return data.isascii() and not data.encode().translate(None, _BASE64)


def _within(value: Any, depth: int) -> bool:
    """Whether the value nests no deeper."""
    match value:
        case dict():
            return depth > 0 and all(_within(member, depth - 1) for member in value.values())
        case list():
            return depth > 0 and all(_within(item, depth - 1) for item in value)
        case _:
            return True
