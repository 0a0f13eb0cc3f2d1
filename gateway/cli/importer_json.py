"""JSON as people write it into client configurations: comments and trailing commas allowed, everything else strict.

Lives only here: blanking what strict JSON does not know, without moving a character, so that the line and column of an
error are those of the file. Must not know what the document means. Called by `importer`.
"""

import re
from pathlib import Path
from typing import Any

from gateway.wire.strict_json import MalformedJson, parse

_PIECE = re.compile(rb'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(rb'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_VISIBLE = re.compile(rb"[^\n]")


class Unreadable(ValueError):
    """Not a JSON document; the text names file, line, column and what to do."""


def read(path: Path) -> Any:
    """The document in a file. Raises Unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}: give a file that can be read with --from") from None
    try:
        return loads(data)
    except MalformedJson as error:
        raise Unreadable(
            f"{path}: not JSON: {error}: correct it there (comments and trailing commas are fine)"
        ) from None


def loads(data: bytes) -> Any:
    """Raises MalformedJson; its line and column are those of `data`."""
    plain = _PIECE.sub(_blank, data.removeprefix(b"\xef\xbb\xbf"))
    return parse(_TRAILING.sub(_blank, plain))


def _blank(found: re.Match[bytes]) -> bytes:
    """Strings as they are, everything else as blanks of the same length, line ends kept."""
    return found[1] if found[1] is not None else _VISIBLE.sub(b" ", found[0])
