"""The kill switch's rows in SQLite.

Lives only here: one small table. Must not know what a stop touches or how it is asked. Called by the ledger's `Stops`
through `ports.StopStore`.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

from gateway.homes import Writer
from gateway.model.stop import Stop, StopKind
from gateway.model.work import Work

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS kill_switch (
        kind TEXT NOT NULL, target TEXT NOT NULL, why TEXT NOT NULL, by TEXT NOT NULL, at REAL NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('stop', 'read-only', 'pause')),
        PRIMARY KEY (kind, target)
    ) STRICT, WITHOUT ROWID""",
)
"""Statements for the writer."""


class SqliteStops:
    """Implements `ports.StopStore`; every change is durable when it returns. Raises StoreUnavailable."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def put(self, stop: Stop) -> None:
        def change(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO kill_switch VALUES (?, ?, ?, ?, ?, ?)", astuple(stop))

        await self._writer.submit(Work(change, durable=True))

    async def lift(self, kind: StopKind, target: str) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            return db.execute("DELETE FROM kill_switch WHERE kind = ? AND target = ?", (kind, target)).rowcount == 1

        return bool(await self._writer.submit(Work(change, durable=True)))

    async def all(self) -> Sequence[Stop]:
        def change(db: sqlite3.Connection) -> list[Stop]:
            return [Stop(*row) for row in db.execute("SELECT * FROM kill_switch ORDER BY at")]

        stops: list[Stop] = await self._writer.submit(Work(change))
        return stops
