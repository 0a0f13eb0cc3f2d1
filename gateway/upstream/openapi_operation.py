"""An operation of a plain HTTP service, as the rest of this room sees it once its document was read.

Lives only here: the frozen words (operation, parameter, path segment) and how a path template is cut into segments. At
most one parameter stands in a segment, so that a path has one reading. Must not know documents, schemas or sockets. Pure;
made by `openapi_document.py`, used to write requests (`openapi_request.py`) and to read them (`openapi_match.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote

Place = Literal["path", "query", "header"]
Kind = Literal["string", "integer", "number", "boolean"]

LONGEST_PATH: Final = 2_000
"""Characters of a path template."""
BODY: Final = "body"
"""The one argument that is the JSON body, whatever its schema."""
_PARAMETER: Final = re.compile(r"([^{}]*)\{([^{}]+)\}([^{}]*)")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that travels in path, query or headers."""

    name: str
    """On the wire and as argument."""
    place: Place
    kind: Kind
    """Of the value, or of each item."""
    many: bool = False
    """An array: items joined with commas."""
    repeated: bool = False
    """An array in the query: the name stands once for each item (`form`, exploded)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes of a path template, percent-decoded."""

    before: str
    """The whole segment when it holds no parameter."""
    parameter: str | None = None
    after: str = ""

    @property
    def rank(self) -> int:
        """Literal segments win over mixed ones, mixed ones over bare parameters."""
        if self.parameter is None:
            return 0
        return 1 if self.before or self.after else 2


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that can be called."""

    name: str
    method: str
    """In capitals."""
    path: str
    """The template as the document spells it."""
    segments: tuple[Segment, ...]
    parameters: tuple[Parameter, ...]
    takes_body: bool
    definition: Mapping[str, Any]
    """The tool's `tools/list` entry."""


def shown(text: str) -> str:
    """A foreign name fit for a sentence of ours: printable ASCII, shortened."""
    return _UNPRINTABLE.sub("?", text[:64])


def segments(path: str) -> tuple[Segment, ...] | None:
    """A path template in segments; None for one that has no single reading.

    Refused are empty segments (but for a last one: the trailing slash), `.` and `..`, queries, fragments, stray braces, two
    parameters in a segment, and what is longer than `LONGEST_PATH`.
    """
    if not path.startswith("/") or len(path) > LONGEST_PATH or {"?", "#"} & {*path}:
        return None
    parts = path[1:].split("/")
    found = [_segment(part) for part in parts]
    if any(segment is None for segment in found) or "" in parts[:-1]:
        return None
    return tuple(segment for segment in found if segment is not None)


def _segment(part: str) -> Segment | None:
    if match := _PARAMETER.fullmatch(part):
        return Segment(unquote(match[1]), match[2], unquote(match[3]))
    literal = unquote(part)
    return None if {"{", "}"} & {*part} or literal in {".", ".."} else Segment(literal)
