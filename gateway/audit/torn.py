"""What the last process left: a whole journal, one torn at its very end, or one that is damaged.

Lives only here: the line between a torn tail (cut off, kept aside, told of by a `recovered` entry) and damage, which
is evidence and never cut: then the gateway does not start. Must not know how entries are written. Called by the journal
at open, before anything is appended.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from gateway.audit import segments
from gateway.audit.segments import Line


class JournalDamaged(Exception):
    """The journal cannot be continued; the text names file, line and the next step."""

    def __init__(self, folder: Path, segment: str, number: int, what: str) -> None:
        super().__init__(
            f"{folder / segment}:{number}: {what}. This is not what a crash leaves, so nothing was cut off. "
            f"Run `sallyport audit verify`, keep a copy of {folder}, then move the folder aside to start a new journal."
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """What was taken off the end."""

    file: str
    bytes: int
    detail: str


@dataclass(frozen=True, slots=True)
class Found:
    """Where to go on. Without a segment the journal is new."""

    segment: str | None
    size: int
    head: bytes
    entries: int
    cut: Cut | None


@dataclass(frozen=True, slots=True)
class _Scan:
    size: int
    head: bytes
    count: int
    rest: tuple[Line, ...]
    """From the first line on that does not follow; empty for a whole segment."""


def recover(folder: Path) -> Found:
    """Checks the last segment line by line and its link to the one before; cuts a torn tail. Raises JournalDamaged."""
    names = segments.segments(folder)
    cut: Cut | None = None
    while names:
        name = names.pop()
        head = _last_hash(folder, names[-1]) if names else segments.GENESIS
        scan = _scan(folder / name, head)
        _refuse_evidence(folder, name, scan)
        if scan.rest or not scan.count:
            cut = _keep_aside(folder, name, scan)
        if scan.count:
            first = segments.first_of(name)
            return Found(name, scan.size, scan.head, first + scan.count - 1, cut)
        # A crash in the middle of a rotation: the segment has no entry yet. The one before is the last, and was synced.
        (folder / name).unlink()
        sync_folder(folder)
    return Found(None, 0, segments.GENESIS, 0, cut)


def sync_folder(folder: Path) -> None:
    """Makes names in the folder durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _scan(path: Path, head: bytes) -> _Scan:
    size = count = 0
    with path.open("rb") as file:
        found = segments.lines(file)
        for line in found:
            if not line.follows(head):
                return _Scan(size, head, count, (line, *found))
            size, head, count = size + len(line.raw), line.stated, count + 1
    return _Scan(size, head, count, ())


def _last_hash(folder: Path, name: str) -> bytes:
    with (folder / name).open("rb") as file:
        *_, last = (b"", *file)
    line = Line(0, last)
    if not line.whole:
        raise JournalDamaged(folder, name, 0, "its last line is not an entry, though a later segment exists")
    return line.stated


def _refuse_evidence(folder: Path, name: str, scan: _Scan) -> None:
    """A torn write leaves no entry behind the tear that continues a chain; where one does, something was changed."""
    if not scan.count and scan.rest and scan.rest[0].whole:
        raise JournalDamaged(folder, name, 1, "it does not continue the segment before it")
    known = {scan.head}
    for line in scan.rest:
        if line is not scan.rest[0] and any(line.follows(head) for head in known):
            raise JournalDamaged(
                folder, name, scan.count + 1, "an entry was altered, removed or moved; whole entries stand behind it"
            )
        if line.whole:
            known = {scan.head, line.stated, segments.chained(scan.head, line.body)}


def _keep_aside(folder: Path, name: str, scan: _Scan) -> Cut:
    """Copies the tail to `<segment>.torn` before it is cut, so that a crash here loses nothing."""
    data = b"".join(line.raw for line in scan.rest)
    aside = folder / f"{name}.torn"
    with aside.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    with (folder / name).open("r+b") as file:
        file.truncate(scan.size)
        os.fsync(file.fileno())
    detail = (
        f"The last write of the process before was torn; {len(data)} bytes after entry {scan.count} of {name} were cut."
    )
    return Cut(aside.name, len(data), detail)
