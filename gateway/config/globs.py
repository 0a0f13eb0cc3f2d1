"""What a glob of canonical ids means, wherever an operator writes one: agents' lists, an upstream's tools, policy rows.

Lives only here: the two stars, and a matcher whose time is linear in the name. `*` stands for any run of characters but
`/`, so that `files/*` does not silently take in `files/a/b`; `**` as the whole last segment stands for any rest, for URIs
hold slashes. Without a regular expression: names come from upstreams, and stars cost a backtracking matcher dearly. Pure
text; must not know tools, agents or rows. Used by the catalog and by policy.
"""

from functools import lru_cache
from typing import Final

STAR: Final = "*"
REST: Final = "**"


class Glob:
    """One pattern, taken apart once."""

    __slots__ = ("_parts", "_rest")

    def __init__(self, pattern: str) -> None:
        segments = pattern.split("/")
        self._rest = len(segments) > 1 and segments[-1] == REST
        self._parts = [segment.split(STAR) for segment in segments[: -1 if self._rest else None]]

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` matches."""
        parts = self._parts
        segments = name.split("/", len(parts)) if self._rest else name.split("/")
        if len(segments) != len(parts) + self._rest:
            return False
        return all(map(_fits, parts, segments))


def _fits(parts: list[str], text: str) -> bool:
    """Whether a segment is these literals in order, with anything between them."""
    if len(parts) == 1:
        return text == parts[0]
    head, tail = parts[0], parts[-1]
    at, end = len(head), len(text) - len(tail)
    if end < at or not text.startswith(head) or not text.endswith(tail):
        return False
    for part in parts[1:-1]:
        if (at := text.find(part, at, end)) < 0:
            return False
        at += len(part)
    return True


@lru_cache(maxsize=4096)
def glob(pattern: str) -> Glob:
    """The pattern, kept."""
    return Glob(pattern)


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches the pattern."""
    return name == pattern if STAR not in pattern else glob(pattern).matches(name)


def misplaced(pattern: str) -> bool:
    """Whether `**` stands anywhere but as the whole last segment behind others, where it would mean no more than `*`."""
    head, slash, last = pattern.rpartition("/")
    return REST in head or (REST in last and (last != REST or not slash))
