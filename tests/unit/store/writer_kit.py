"""A writer over a real ledger file and a journal in memory that fails on request."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.model.work import Work
from gateway.store.writer import GroupWriter

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY)",
    # a deferred constraint is checked by COMMIT: the way to make a real COMMIT fail on a healthy disk
    "PRAGMA foreign_keys=ON",
    "CREATE TABLE IF NOT EXISTS orphan (x INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
)


class FakeJournal:
    """Keeps entries in memory, counts, fails on request, and can hold the writer in the middle of a group."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []
        self.appends = self.syncs = 0
        self.append_error: OSError | None = None
        self.sync_error: OSError | None = None
        self.entered, self.go = threading.Event(), threading.Event()
        self.go.set()
        self._last = 0

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self.entered.set()
        assert self.go.wait(5)
        if self.append_error is not None:
            raise self.append_error
        self._last = len(self.entries)
        self.entries.extend(entries)
        self.appends += 1

    def sync(self) -> None:
        if self.sync_error is not None:
            del self.entries[self._last :]
            raise self.sync_error
        self.syncs += 1

    def names(self) -> list[Any]:
        return [entry.get("n", entry["kind"]) for entry in self.entries]


class Desk:
    """A writer over a real file, with the points it passed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.journal = FakeJournal()
        self.points: list[str] = []
        self.writer = GroupWriter(self.path, self.journal, reached=self.points.append, schema=SCHEMA)

    def rows(self) -> list[int]:
        with sqlite3.connect(self.path) as db:
            found = [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")]
        db.close()
        return found

    async def group(self, *works: Work) -> list[Any]:
        """Runs the works as one group: they queue up while the writer is held inside another."""
        self.journal.entered.clear()
        self.journal.go.clear()
        first = self.writer.submit(entry("first"))
        assert await asyncio.to_thread(self.journal.entered.wait, 5)
        waiting = [self.writer.submit(work) for work in works]
        self.journal.go.set()
        await asyncio.wait_for(asyncio.gather(first, return_exceptions=True), 5)
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)


def insert(x: int):
    return lambda db: db.execute("INSERT INTO t VALUES (?)", (x,)).rowcount


def entry(n: Any, **how: Any) -> Work:
    return Work(entries=lambda _: (lambda: {"kind": "call", "n": n},), **how)


def change(x: int, **how: Any) -> Work:
    return Work(change=insert(x), entries=lambda _: (lambda: {"kind": "call", "n": x},), **how)


def failing(error: Exception) -> Work:
    def run(db: Any) -> None:
        insert(900)(db)
        raise error

    return Work(change=run, entries=lambda _: (lambda: {"kind": "call", "n": "never"},))
