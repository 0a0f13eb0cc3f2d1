"""The audit index: a disposable SQLite file built from the journal, so that records can be asked for.

Lives only here: when it is built, rebuilt and brought up to date, and the one connection in the one thread that does
it. It is never the truth: a file that is missing, corrupt, of another version or of another journal is made again. Must
not know chains or segments: `tail` hands it lines. Called by the operator plane, by recovery and for budgets at start.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from gateway.model.audit import AuditFilter, AuditPage, Position, PositionLost
from gateway.model.spend import Counter, Scope, Unit, Who
from gateway.model.work import StoreUnavailable
from gateway.store import audit_spent, audit_sql

T = TypeVar("T")
Tail = Callable[[Position | None], Iterator[tuple[Position, bytes]]]
"""Whole journal lines behind a position, as JSON; raises PositionLost."""

_BATCH = 1000
"""Lines of one transaction."""
_USELESS = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""What a file says that must be built anew; a full disk or a lock is not among them."""


class AuditIndex:
    """Asynchronous face of the index; every answer is as fresh as the journal is at that moment.

    Every question raises StoreUnavailable when journal or index cannot be read or written.
    """

    def __init__(self, path: Path | None, tail: Tail) -> None:
        """`path` None keeps the index in memory: for a journal that another process owns."""
        self._file = IndexFile(path, tail)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit-index")

    async def catch_up(self) -> None:
        """Takes in what the journal has gained. Every question does so first; once a second keeps questions short."""
        await self._ask(lambda _: None)

    async def query(self, wanted: AuditFilter) -> AuditPage:
        """One page of entries, stable under writes."""
        return await self._ask(lambda db: audit_sql.page(db, wanted))

    async def call(self, call_id: str) -> tuple[bytes, ...]:
        """All entries of a call in journal order; empty when there is none."""
        return await self._ask(lambda db: audit_sql.of_call(db, call_id))

    async def used(self, counter: Counter, since: float) -> int:
        """What the calls of a counter used, may have used, or reserve while under way, since a moment (Unix seconds)."""
        return await self._ask(lambda db: audit_spent.used(db, counter, since))

    async def used_by(self, scope: Scope, unit: Unit, since: float) -> Sequence[tuple[str, Who, int]]:
        """The same for every id of a scope: tenant, id and how much."""
        return await self._ask(lambda db: audit_spent.used_by(db, scope, unit, since))

    async def open_intents(self) -> tuple[Mapping[str, Any], ...]:
        """Intents that have no terminal entry, oldest first."""
        return await self._ask(audit_sql.open_intents)

    async def memory(self) -> str:
        """What the youngest entry that speaks of the shared store's memory says; empty when none does."""
        return await self._ask(audit_sql.memory)

    async def close(self) -> None:
        """Closes the file and ends the thread."""
        await self._run(self._file.close)
        self._thread.shutdown()

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._run(lambda: self._file.ask(question))
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(f"the audit index cannot be brought up to date: {error}") from error

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class IndexFile:
    """The file itself, synchronous. All its methods belong to one thread, which opens the connection on first use."""

    def __init__(self, path: Path | None, tail: Tail) -> None:
        self._path, self._tail = path, tail
        self._db: sqlite3.Connection | None = None

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Brings the index up to date and asks; builds it anew when it is of no use. Raises OSError, sqlite3.Error."""
        try:
            return self._ask(question)
        except PositionLost:
            pass
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _USELESS:
                raise
        self._discard()
        return self._ask(question)

    def close(self) -> None:
        """The next question opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        db = self._open()
        self._take_in(db)
        return question(db)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(":memory:" if self._path is None else self._path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA cache_size=-500")  # KB, of 2,000: entries come in order of time
        if not audit_sql.prepare(self._db):
            self._discard()
            return self._open()
        return self._db

    def _discard(self) -> None:
        self.close()
        if self._path is not None:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _take_in(self, db: sqlite3.Connection) -> None:
        lines = self._tail(audit_sql.position(db))
        while batch := list(islice(lines, _BATCH)):
            db.execute("BEGIN IMMEDIATE")
            try:
                audit_sql.insert(db, batch)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
