"""A journal on disk, a clock that is set by hand, and a writer that writes at once."""

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.audit import segments
from gateway.audit.journal import SegmentJournal
from gateway.model.work import JournalUnavailable, Work


class HandClock:
    """Starts at a round moment and moves only when told."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_790_000_000.0, 100.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def tick(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class DirectWriter:
    """Implements `ports.Writer` for works without a change; `down` makes the journal unwritable."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []
        self.works: list[Work] = []
        self.down = False

    def submit(self, work: Work) -> Awaitable[Any]:
        self.works.append(work)
        return asyncio.ensure_future(self._write(work))

    async def _write(self, work: Work) -> None:
        if self.down and work.needs_journal:
            raise JournalUnavailable("down")
        assert work.entries is not None
        self.entries.extend(entry() for entry in work.entries(None))

    def ride(self, change: Any) -> None:
        raise AssertionError("nothing of the audit room rides")


class Shelf:
    """A folder with a journal."""

    def __init__(self, folder: Path, clock: HandClock) -> None:
        self.folder, self.clock = folder, clock
        self.points: list[str] = []

    def open(self, segment_bytes: int = 1 << 20, **seams: Any) -> SegmentJournal:
        return SegmentJournal(
            self.folder, segment_bytes=segment_bytes, clock=self.clock, reached=self.points.append, **seams
        )

    def fill(self, numbers: Iterable[int], segment_bytes: int = 1 << 20) -> None:
        """Opens, writes one entry per append, closes."""
        journal = self.open(segment_bytes)
        for number in numbers:
            journal.append([fake(number)])
        journal.close()

    @property
    def names(self) -> list[str]:
        return segments.segments(self.folder)

    def last(self) -> Path:
        return self.folder / self.names[-1]

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in segments.tail(self.folder, None)]

    def calls(self) -> list[str]:
        """What is left of the entries of `fake`."""
        return [entry["call"] for entry in self.entries() if entry["kind"] == "call"]


def fake(number: int) -> dict[str, Any]:
    return {"kind": "call", "id": f"id-{number}", "time": "2026-01-01T00:00:00.000000Z", "call": f"c{number}"}
