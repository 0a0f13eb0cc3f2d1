"""A walk over JSON that visits every string and stays within its limits.

Lives only here: how values are traversed, how much of them, and that what did not change is shared, not copied. Member
names, numbers and booleans are never touched. Must not know what is done to a string: the caller says. Called by
`results.py`, `structured.py` and `definitions.py`.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.sanitize import characters
from gateway.sanitize.findings import Findings

Path = list[str | int]


class TooMuch(Exception):
    """More values or deeper nesting than the limits allow; the text is ours and safe to show."""


@dataclass(slots=True)
class Walk:
    """One walk: its limits are used up as it goes, over however many values it is given."""

    found: Findings
    nodes: int
    """Values that may still be visited."""
    depth: int
    """How deep values may nest."""
    path: Path = field(default_factory=list)
    """Where the walk stands; copy it to keep it."""

    def over(self, value: Any, edit: Callable[[str, Path], str]) -> Any:
        """The value with every string edited; the same object when nothing changed. Raises TooMuch."""
        self.nodes -= 1
        if self.nodes < 0:
            raise TooMuch("it holds more values than sanitize.max_nodes allows")
        match value:
            case str():
                return edit(value, self.path)
            case dict():
                return self._members(value, edit)
            case list():
                return self._items(value, edit)
            case _:
                return value

    def _members(self, value: dict[str, Any], edit: Callable[[str, Path], str]) -> dict[str, Any]:
        edited: dict[str, Any] = {}
        for name, member in value.items():
            self.told(name, "key-hidden")
            new = self._inside(name, member, edit)
            if new is not member:
                edited[name] = new
        return value | edited if edited else value

    def _items(self, value: list[Any], edit: Callable[[str, Path], str]) -> list[Any]:
        edited = [self._inside(place, item, edit) for place, item in enumerate(value)]
        return value if all(map(operator.is_, value, edited)) else edited

    def _inside(self, step: str | int, value: Any, edit: Callable[[str, Path], str]) -> Any:
        if len(self.path) >= self.depth:
            raise TooMuch("it nests deeper than sanitize.max_depth allows")
        self.path.append(step)
        new = self.over(value, edit)
        self.path.pop()
        return new

    def told(self, text: str, name: str) -> None:
        """Counts a text that must not change although it holds what cleaning would remove."""
        if not (text.isascii() and text.isprintable()) and characters.suspicious(text):
            self.found[name] += 1
