"""What one may ask of the audit records, how their time is written, and how far a reader of the journal has come.

Lives only here: the frozen values between the query parser, the index and those who show answers. Must not know SQL,
files or HTTP.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100

FILTERS: Final = (
    "kind",
    "call",
    "tenant",
    "agent",
    "user",
    "tool",
    "upstream",
    "outcome",
    "reason",
    "decision",
    "key",
    "run",
)
"""Fields of `record.schema.json` that can be asked for by equality; `key` means `key.record`."""


def stamp(moment: float) -> str:
    """Unix seconds as RFC 3339, UTC, microseconds; always 27 characters, so that text order is time order."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the time and id of its last entry. Opaque to callers."""

    time: str
    id: str

    def text(self) -> str:
        """As callers carry it."""
        return base64.urlsafe_b64encode(json.dumps([self.time, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises ValueError for anything `text` did not make."""
        try:
            found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            found = None
        match found:
            case [str(time), str(id)]:
                return cls(time, id)
            case _:
                raise ValueError("not a cursor of an earlier page")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """One question: every condition must hold."""

    since: str | None = None
    """First moment, RFC 3339 UTC with microseconds, as `time` is written."""
    until: str | None = None
    """First moment that is not asked for any more."""
    equals: Mapping[str, str] = field(default_factory=dict)
    """Field of FILTERS → value."""
    newest_first: bool = True
    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of entries, each as JSON bytes exactly as the journal holds them."""

    entries: tuple[bytes, ...]
    next: Cursor | None
    """None when there is nothing more at this moment."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last journal line a reader has seen."""

    segment: str
    start: int
    """Offset of that line in bytes."""
    mark: str
    """Its chain hash (hex), which proves that it is still the same line."""


class PositionLost(Exception):
    """The journal does not hold this position; what was built from it must be built again."""
