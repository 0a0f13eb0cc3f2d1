"""The one writer thread: takes whatever is queued, writes it as one group, then releases its callers together.

Lives only here: the order changes → journal append → fdatasync beside COMMIT → release, and who fails when one of these
does (house §1, "Durability, precisely"). The ledger file's only SQLite connection is opened, used and closed in this thread.
Must not know what a change or an entry means. Called on the event loop by the stores and the audit trail.
"""

import asyncio
import concurrent.futures
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from gateway.homes import Journal
from gateway.model.work import JournalUnavailable, StoreUnavailable, Work
from gateway.ports import Reached
from gateway.store.backlog import Backlog
from gateway.store.ledger_file import opened, own_failure
from gateway.store.side_sync import SideSync

_RETRY_S = 1.0
"""How often an idle writer asks a journal that failed whether it works again."""
_RIDERS = 10_000
_log = logging.getLogger("sallyport.store")

Change = Callable[[Any], Any]


@dataclass(slots=True, eq=False)
class _Item:
    """A work in its group. Without a future it is a rider."""

    work: Work
    future: asyncio.Future[Any] | None
    value: Any = None
    error: Exception | None = None
    entries: list[Mapping[str, Any]] = field(default_factory=list)


class GroupWriter:
    """Implements `ports.Writer`. Group commit without a timer: a group is what queued up while the last one was written."""

    def __init__(self, connection_path: Path, journal: Journal, *, reached: Reached, schema: Sequence[str]) -> None:
        """Opens the file and runs `schema` on it. Raises StoreUnavailable."""
        self._backlog = Backlog(journal, reached)
        self._beside = SideSync(self._backlog.sync)
        self._reached = reached
        self._queue: SimpleQueue[list[_Item] | None] = SimpleQueue()
        self._turn: list[_Item] = []
        self._riders: deque[Change] = deque(maxlen=_RIDERS)
        self._closed = False
        self._store_error: str | None = None
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(connection_path, schema, ready), name="writer", daemon=True
        )
        self._thread.start()
        ready.result()

    # -- on the event loop --------------------------------------------------------------------------------------------

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queues `work`; it is done even if the caller stops waiting.

        Works of one turn of the event loop are handed over together: waking a thread costs more than most works.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable("the writer is closed"))
            return future
        if not self._turn:
            loop.call_soon(self._hand_over)
        self._turn.append(_Item(work, future))
        return future

    def _hand_over(self) -> None:
        if self._turn:
            self._queue.put(self._turn)
            self._turn = []

    def ride(self, change: Change) -> None:
        """Queues a change for the next group that commits anyway. What it raises is logged; a group that fails loses it."""
        self._riders.append(change)

    async def close(self) -> None:
        """Writes everything queued, checkpoints, ends the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    @property
    def journal_ok(self) -> bool:
        """Whether the last write of the journal worked."""
        return self._backlog.ok

    @property
    def store_ok(self) -> bool:
        """Whether the last transaction of the ledger file worked."""
        return self._store_error is None

    @property
    def backlog(self) -> int:
        """Entries that wait in memory for the journal."""
        return len(self._backlog)

    @property
    def last_error(self) -> str | None:
        """What failed last, for people; it may have healed since."""
        return self._store_error or self._backlog.last_error

    def _release(self, items: list[_Item]) -> None:
        for item in items:
            if item.future is None or item.future.done():  # the caller was cancelled
                continue
            if item.error is None:
                item.future.set_result(item.value)
            else:
                item.future.set_exception(item.error)

    # -- on the writer thread -----------------------------------------------------------------------------------------

    def _run(self, path: Path, schema: Sequence[str], ready: concurrent.futures.Future[None]) -> None:
        try:
            self._db = opened(path, schema)
        except StoreUnavailable as error:
            ready.set_exception(error)
            return
        except sqlite3.Error as error:
            ready.set_exception(StoreUnavailable(f"{path}: cannot be opened as a ledger file: {error}"))
            return
        ready.set_result(None)
        try:
            while self._next_group():
                pass
            self._last_group()
        finally:
            self._beside.close()
            self._db.close()

    def _next_group(self) -> bool:
        try:
            first = self._queue.get(timeout=None if self._backlog.ok else _RETRY_S)
        except Empty:
            self._group([])
            return True
        queued = [first, *(self._queue.get() for _ in range(self._queue.qsize()))]
        items = [item for turn in queued if turn is not None for item in turn]
        if items:
            self._group(items)
            future = items[-1].future
            assert future is not None
            try:
                future.get_loop().call_soon_threadsafe(self._release, items)
            except RuntimeError:
                _log.warning("the event loop is closed; %d works were written, nobody waits for them", len(items))
        return queued[-1] is not None

    def _last_group(self) -> None:
        if self._riders:
            self._group([_Item(Work(change=lambda _: None), None)])
        try:
            self._backlog.write(())
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (OSError, sqlite3.Error):
            _log.exception("the writer ends with %d entries that could not be written", len(self._backlog))

    def _group(self, items: list[_Item]) -> None:
        """Sets value or error of every item."""
        everything = [*self._boarding(items), *items]
        try:
            try:
                self._attempt(everything, self._write)
            except OSError:
                self._rollback()
                for item in everything:
                    if item.work.needs_journal and item.error is None:
                        item.error = JournalUnavailable("the audit journal cannot be written")
                self._attempt([item for item in everything if not item.work.needs_journal], self._keep)
        except Exception as error:  # noqa: BLE001  a defect must neither end the thread nor leave anybody waiting
            _log.exception("a group of %d works failed", len(items))
            self._rollback()
            for item in items:
                item.error = StoreUnavailable(f"the writer failed: {type(error).__name__}")

    def _boarding(self, items: list[_Item]) -> list[_Item]:
        if not any(item.work.change for item in items):
            return []
        return [_Item(Work(change=self._riders.popleft()), None) for _ in range(len(self._riders))]

    def _attempt(self, items: list[_Item], write: Callable[[list[_Item]], None]) -> None:
        """One pass of the group; every change may run again in a second one. Raises what `write` raises."""
        if any(item.work.change for item in items):
            self._begin(items)
        for item in items:
            if item.error is None:
                self._perform(item, items)
        self._reached("writer.changed")
        sound = [item for item in items if item.error is None]
        durable = write == self._write and any(item.work.durable and item.entries for item in sound)
        write(sound)
        if not self._db.in_transaction:
            if durable:
                self._backlog.sync()
            return
        if durable:
            self._beside.start()
        self._commit(items)
        if durable:
            self._join_sync(sound)

    def _join_sync(self, items: list[_Item]) -> None:
        """When only the sync failed, changes stand and entries do not; who needs the journal takes its change back."""
        try:
            self._beside.wait()
        except OSError:
            for item in items:
                if item.work.needs_journal and item.error is None:
                    item.error = JournalUnavailable("the audit journal cannot be synced")
            self._keep([item for item in items if not item.work.needs_journal])

    def _begin(self, items: list[_Item]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._store_failed(items, error, journaled=False)

    def _perform(self, item: _Item, items: list[_Item]) -> None:
        """Change and entries of one work; what they raise undoes and fails this work alone."""
        work = item.work
        try:
            if work.change is None:
                item.entries = [] if work.entries is None else [entry() for entry in work.entries(None)]
                return
            self._db.execute("SAVEPOINT work")
            item.value = work.change(self._db)
            item.entries = [] if work.entries is None else [entry() for entry in work.entries(item.value)]
            self._db.execute("RELEASE work")
        except Exception as error:  # noqa: BLE001  the submitter's to handle
            self._undo(item, items, error)

    def _undo(self, item: _Item, items: list[_Item], error: Exception) -> None:
        item.error = own_failure(error)
        if item.future is None:
            _log.error("a change that rode along failed", exc_info=error)
        if item.work.change is None:
            return
        if self._db.in_transaction:
            self._db.execute("ROLLBACK TO work")
            self._db.execute("RELEASE work")
        else:  # SQLite itself gave the whole transaction up: disk full, I/O error
            self._store_failed(items, error, journaled=False)

    def _write(self, done: list[_Item]) -> None:
        self._backlog.write([entry for item in done for entry in item.entries])

    def _keep(self, done: list[_Item]) -> None:
        self._backlog.keep([entry for item in done for entry in item.entries])

    def _commit(self, items: list[_Item]) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            self._store_failed(items, error, journaled=True)
        else:
            self._store_error = None
            self._reached("writer.committed")

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _store_failed(self, items: list[_Item], error: Exception, *, journaled: bool) -> None:
        self._store_error = f"ledger file: {error}"
        for item in items:
            if item.work.change is not None and (item.error is None or not journaled):
                item.error = StoreUnavailable("the ledger file cannot be written", journaled=journaled)
