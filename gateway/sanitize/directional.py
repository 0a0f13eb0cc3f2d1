"""Marks and isolates that steer the direction of text: kept where right-to-left text needs them, else removed.

Lives only here: when a mark or an isolate earns its place in a line. Must not know the other invisible characters; it
runs after they are gone. Embeddings and overrides never arrive here. Called by `characters.py`.
"""

import re
from typing import Final

from gateway.sanitize import alphabets
from gateway.sanitize.findings import Findings

_DEEPEST: Final = 4

_ANY: Final = re.compile(f"[{alphabets.MARK}{alphabets.ISOLATE}]")
_RUN: Final = re.compile(f"[{alphabets.MARK}{alphabets.ISOLATE}]{{2,}}")
_MARK: Final = re.compile(f"[{alphabets.MARK}]")
_MARK_IN_WORD: Final = re.compile(f"(?<=[A-Za-z0-9])[{alphabets.MARK}](?=[A-Za-z0-9])")
_ISOLATE: Final = re.compile(f"[{alphabets.ISOLATE}]")
_RIGHT_TO_LEFT: Final = re.compile(f"[{alphabets.RIGHT_TO_LEFT}]")


def settle(text: str, found: Findings, *, isolates: bool) -> str:
    """The text with only the marks, and if `isolates` the isolates, that do honest work; removals are counted."""
    if not _ANY.search(text):
        return text
    return "\n".join(_line(line, found, isolates=isolates) for line in text.split("\n"))


def _line(line: str, found: Findings, *, isolates: bool) -> str:
    if not _ANY.search(line):
        return line
    marks = _MARK_IN_WORD
    if _RIGHT_TO_LEFT.search(line):
        line = _RUN.sub(lambda run: _without(_MARK, run[0], "bidi-mark", found), line)
    else:
        marks = _MARK
    line = _without(marks, line, "bidi-mark", found)
    if isolates and marks is _MARK_IN_WORD and _in_order(line):
        return line
    return _without(_ISOLATE, line, "bidi-control", found)


def _without(unwanted: re.Pattern[str], text: str, name: str, found: Findings) -> str:
    text, count = unwanted.subn("", text)
    found[name] += count
    return text


def _in_order(line: str) -> bool:
    """Whether isolates nest, close and hold something: empty ones are no typography but a code."""
    if _RUN.search(line):
        return False
    depth = 0
    for char in _ISOLATE.findall(line):
        depth += -1 if char == "\u2069" else 1
        if not 0 <= depth <= _DEEPEST:
            return False
    return depth == 0
