"""What the journal may keep of a value: cleaned, without secrets, short.

Lives only here: the copy that is persisted. Stricter than what an agent gets: a value under a private name goes whole,
whatever it looks like, and nothing is long. Must not know records. Never raises: what cannot be copied is named instead.
Called by `room.py`.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.config.schema import Sanitize
from gateway.model.cleaned import Cleaned
from gateway.sanitize import names, proof
from gateway.sanitize.findings import Findings
from gateway.sanitize.leaf import Leaf, boundary

LONGEST: Final = 2000
"""Characters of one string in the journal."""
_KEPT: Final = 1000
_SLACK: Final = 4096
_LONGEST_NAME: Final = 200
_LONGEST_NUMBER: Final = 4096
"""Bits; longer ones are an attack on whoever converts them."""
_CARD_NUMBERS: Final = (10**12, 10**19)
_LEFT_OUT: Final = "[left out: too much, too deep or no JSON]"


@dataclass(frozen=True, slots=True)
class Journal:
    """Makes copies fit for the journal."""

    leaf: Leaf
    limits: Sanitize

    def copy(self, value: Any) -> Cleaned:
        """A deep copy; never raises."""
        found = Findings()
        try:
            data = proof.clean(value)
            proven = data is not None and len(data) <= LONGEST
            kept = _Copy(self.leaf, found, self.limits.max_nodes, proven).of(value, self.limits.max_depth)
        except Exception:  # noqa: BLE001  a record without its arguments is better than no record
            found["unrecordable"] += 1
            kept = _LEFT_OUT
        return Cleaned(kept, dict(+found))


@dataclass(slots=True)
class _Copy:
    leaf: Leaf
    found: Findings
    nodes: int
    proven: bool
    """Whether no string needs a look; names still tell."""

    def of(self, value: Any, depth: int) -> Any:
        self.nodes -= 1
        match value:
            case None | bool():
                return value
            case int() | float():
                return self._number(value)
            case str():
                return self._text(value)
            case Mapping() if depth > 0:
                return self._members(value, depth)
            case list() | tuple() if depth > 0:
                return self._items(value, depth)
            case _:
                return self._left_out()

    def _members(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for name, member in value.items():
            kept = self._text(str(name))[:_LONGEST_NAME]
            if kept in copy:  # two names that differ only in what was cleaned away or cut off
                kept += f"~{self.nodes}"
            if self.nodes <= 0:
                copy[kept] = self._left_out()
                break
            copy[kept] = self._private(member) if names.private(str(name)) else self.of(member, depth - 1)
        return copy

    def _items(self, value: Sequence[Any], depth: int) -> list[Any]:
        copy = []
        for item in value:
            if self.nodes <= 0:
                copy.append(self._left_out())
                break
            copy.append(self.of(item, depth - 1))
        return copy

    def _private(self, value: Any) -> Any:
        """The token for a whole value; nothing, true and false give nothing away."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        self.found["redacted-named"] += 1
        return self.leaf.redactor.token("named", value if isinstance(value, str) else repr(value))

    def _number(self, value: float) -> Any:
        """A card number is one also where quotation marks are missing; what JSON cannot write becomes a string."""
        if isinstance(value, float):
            return value if math.isfinite(value) else repr(value)
        if value.bit_length() > _LONGEST_NUMBER:
            return self._left_out()
        if not _CARD_NUMBERS[0] <= value < _CARD_NUMBERS[1]:
            return value
        text = str(value)
        redacted = self.leaf.redactor.redact(text, self.found)
        return value if redacted == text else redacted

    def _text(self, text: str) -> str:
        if self.proven:
            return text
        if len(text) <= LONGEST:
            cleaned = self.leaf.exact(text, self.found)
            return cleaned if len(cleaned) <= LONGEST else self._short(text, cleaned)
        return self._short(text, self.leaf.exact(text[: LONGEST + _SLACK], self.found))

    def _short(self, text: str, cleaned: str) -> str:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{cleaned[: boundary(cleaned, _KEPT)]}[… {len(text)} characters, sha256:{digest}]"

    def _left_out(self) -> str:
        self.found["unrecordable"] += 1
        return _LEFT_OUT
