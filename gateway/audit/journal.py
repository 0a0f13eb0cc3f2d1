"""The append-only truth: segments of chained lines, written by the one writer thread.

Lives only here: writing, rolling a failed write back, rotation, fdatasync. A failed `append` or `sync` leaves chain and
length as they were before it. Must not know what entries mean or who waits for them. Built by app after `recover`
looked at what the last process left; called by the writer.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit import record, segments, torn
from gateway.ports import Clock, Reached

_DATASYNC: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""macOS has no fdatasync."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far the journal has come: what a rollback goes back to."""

    size: int
    """Good bytes of the open segment."""
    head: bytes
    """Hash of the last entry."""
    entries: int
    """Number of the last entry, counted over all segments from 1."""


class SegmentJournal:
    """Implements `ports.Journal`. One process owns the folder; nothing here is safe for a second writer."""

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int,
        clock: Clock,
        reached: Reached,
        write: Callable[[int, memoryview], int] = os.write,
        sync: Callable[[int], None] = _DATASYNC,
    ) -> None:
        """Recovers a torn tail, then opens the last segment. Raises JournalDamaged, OSError.

        A segment is closed when it has reached `segment_bytes`; one group of entries is never divided.
        """
        self._folder, self._limit = folder, segment_bytes
        self._clock, self._reached = clock, reached
        self._os_write, self._os_sync = write, sync
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = torn.recover(folder)
        self._dirty = False
        if found.segment is None:
            self._name, self._at = "", _Mark(0, segments.GENESIS, 0)
            self._fd = -1
            self._rotate()
        else:
            self._name, self._at = found.segment, _Mark(found.size, found.head, found.entries)
            self._fd = os.open(folder / found.segment, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._before = self._at
        if found.cut is not None:
            facts = {"file": found.cut.file, "bytes": found.cut.bytes, "detail": found.cut.detail}
            self.append([record.entry("recovered", clock.now(), facts)])
            self.sync()

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Writes entries as one piece, rotating first when the segment is full."""
        self._mend()
        if self._at.size >= self._limit:
            self._rotate()
        made = [record.body(record.stamped(entry, self._clock)) for entry in entries]
        head, data = _chain(self._at.head, made)
        self._write(self._fd, data)
        self._before = self._at
        self._at = _Mark(self._at.size + len(data), head, self._at.entries + len(made))

    def sync(self) -> None:
        """fdatasync; when it fails the last `append` is taken back, so that writing it again cannot double it."""
        try:
            self._os_sync(self._fd)
        except OSError:
            self._at, self._dirty = self._before, True
            raise

    def close(self) -> None:
        """Syncs and closes the file. Raises OSError."""
        try:
            self._mend()
            self._os_sync(self._fd)
        finally:
            os.close(self._fd)

    def _write(self, fd: int, data: bytes) -> None:
        """All of `data` or nothing."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._os_write(fd, rest) :]
        except OSError:
            self._dirty = fd == self._fd
            if self._dirty:
                self._mend()
            raise

    def _mend(self) -> None:
        """Cuts what a failed write or sync left behind. Raises OSError; then nothing may be written yet."""
        if self._dirty:
            os.ftruncate(self._fd, self._at.size)
            self._dirty = False

    def _rotate(self) -> None:
        """Ends the segment and starts the next; on failure the old one stays open."""
        if self._fd >= 0:
            self._os_sync(self._fd)
            self._reached("journal.rotate.synced")
        first = self._at.entries + 1
        facts: dict[str, Any] = {"format": 1, "first": first}
        if self._name:
            facts["previous"] = {"name": self._name, "hash": self._at.head.hex()}
        head, data = _chain(self._at.head, [record.body(record.entry("segment", self._clock.now(), facts))])
        path = self._folder / segments.name_of(first)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._reached("journal.rotate.created")
            self._write(fd, data)
            self._os_sync(fd)
            self._reached("journal.rotate.written")
            torn.sync_folder(self._folder)
            self._reached("journal.rotate.switched")
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._name = fd, path.name
        self._at = self._before = _Mark(len(data), head, first)


def _chain(head: bytes, bodies: Iterable[bytes]) -> tuple[bytes, bytes]:
    """The last hash, and the lines as one piece."""
    written = []
    for body in bodies:
        head = segments.chained(head, body)
        written.append(segments.line(head, body))
    return head, b"".join(written)
