"""The fast path: one look at a value as JSON that proves that none of its strings needs cleaning.

Lives only here: what can stand in serialised JSON when nothing is wrong in any string. It may be wrong in one direction
only: what it cannot prove is walked string by string. Must not know MCP. Called by `results.py` and `journal.py`.
"""

from typing import Any, Final

import re2

from gateway.sanitize import characters, secrets
from gateway.wire import strict_json

_OPAQUE: Final = r'\\[urbf]|"blob":'
"""Escapes that can stand for a control character, and the member in which text can hide in base64."""
_DOUBTFUL: Final = re2.compile(f"{characters.TRIGGER}|{secrets.PROBE}|{_OPAQUE}")


def clean(value: Any) -> bytes | None:
    """The value as JSON when that proves it clean, else None."""
    try:
        data = strict_json.dump(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return None if _DOUBTFUL.search(data) or secrets.anchored(data) else data


def nodes(data: bytes) -> int:
    """At least as many values as the JSON holds."""
    return data.count(b",") + brackets(data) + 1


def brackets(data: bytes) -> int:
    """At least as many levels as the JSON nests."""
    return data.count(b"[") + data.count(b"{")
