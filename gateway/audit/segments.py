"""The journal as bytes on disk: names of segments, the form of a line, reading lines in order.

Lives only here: `<64 hex chain hash> <compact JSON>` and a newline, hash_n = SHA-256(hash_{n-1} || JSON bytes as
written), and the names `journal-<number of the first entry>.log`. Must not know what an entry means, and writes nothing. Used by the
journal, by `verify`, and by the audit index, which is handed `tail`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.model.audit import Position, PositionLost

GENESIS = bytes(32)
"""What stands before the first entry of all."""
_NAME = re.compile(r"journal-(\d{12})\.log")
_HASH = re.compile(rb"[0-9a-f]{64} \{")


def name_of(first: int) -> str:
    """Name of the segment whose first entry is number `first`; counting starts at 1."""
    return f"journal-{first:012d}.log"


def first_of(segment: str) -> int:
    """The number in a segment's name."""
    match = _NAME.fullmatch(segment)
    if match is None:
        raise ValueError(f"{segment} is not the name of a segment")
    return int(match[1])


def segments(folder: Path) -> list[str]:
    """Names of the segments in order; other files are not of the journal."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name))


def chained(head: bytes, body: bytes) -> bytes:
    """The chain's next hash."""
    return hashlib.sha256(head + body).digest()


def line(head: bytes, body: bytes) -> bytes:
    """An entry as written: `head` is its own hash."""
    return b"%b %b\n" % (head.hex().encode(), body)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as found; `start` is its offset in bytes."""

    start: int
    raw: bytes

    @property
    def whole(self) -> bool:
        """Ends with a newline and has the form of an entry; says nothing of its hash."""
        return self.raw.endswith(b"}\n") and _HASH.match(self.raw) is not None

    @property
    def stated(self) -> bytes:
        """The hash the line claims. Only of a whole line."""
        return bytes.fromhex(self.raw[:64].decode())

    @property
    def body(self) -> bytes:
        """The JSON as written. Only of a whole line."""
        return self.raw[65:-1]

    def follows(self, head: bytes) -> bool:
        """Whether this is the entry that was written after `head`."""
        return self.whole and chained(head, self.body) == self.stated


def lines(file: BinaryIO, start: int = 0) -> Iterator[Line]:
    """Lines from offset `start` on; the last one may be torn."""
    file.seek(start)
    for raw in file:
        yield Line(start, raw)
        start += len(raw)


def tail(folder: Path, after: Position | None) -> Iterator[tuple[Position, bytes]]:
    """Whole lines behind a position (None: all), each with its own position and its JSON; checks no chain.

    Raises PositionLost when the journal does not hold that position: it is another journal, or its tail was cut.
    """
    names = segments(folder)
    if after is not None and after.segment not in names:
        raise PositionLost
    for name in names:
        if after is not None and name < after.segment:
            continue
        resumed = after is not None and name == after.segment
        with (folder / name).open("rb") as file:
            found = lines(file, after.start if after is not None and resumed else 0)
            if after is not None and resumed:
                last = next(found, None)
                if last is None or not last.whole or last.stated.hex() != after.mark:
                    raise PositionLost
            for entry in found:
                if entry.whole:
                    yield Position(name, entry.start, entry.stated.hex()), entry.body
