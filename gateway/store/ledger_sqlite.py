"""The ledger's records in SQLite: one table, read and written on the writer thread only.

Lives only here: rows ↔ `transitions.Row`, and which step must be durable. Every step is SELECT → pure decision → write,
inside the group's transaction. Leases are monotonic seconds of this process; `recover` closes those of the last one.
Must not know keys, windows, budgets or who waits. Called by the ledger room through `ports.ClaimStore`, and by the
audit trail's recovery pass (`fate`).
"""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.homes import Writer
from gateway.model import transitions
from gateway.model.claim import Claim, ClaimAnswer, Departure, Done, Doubted, Ending, Found, NotDone, State, Won
from gateway.model.transitions import After, Moment, Row
from gateway.model.work import Entry, JournalUnavailable, Work
from gateway.ports import Clock, Reached
from gateway.store.approvals_sqlite import consume
from gateway.store.sealing import Seal

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS claims (
        record BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, state TEXT NOT NULL, token INTEGER NOT NULL,
        owner TEXT NOT NULL, lease_until REAL NOT NULL, call_id TEXT NOT NULL, since REAL NOT NULL,
        ends_at REAL, delivered INTEGER NOT NULL, kept BLOB,
        CHECK ((state IN ('done', 'retryable')) = (ends_at IS NOT NULL)),
        CHECK ((state = 'done') = (kept IS NOT NULL))
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS claims_ends_at ON claims (ends_at) WHERE ends_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS claims_open ON claims (state) WHERE state IN ('claimed', 'sent')",
)
"""Statements for the writer. The checks hold the two facts whose loss would be a duplicate: only what is settled has a
lifetime, and only an answer is `done`."""

_PURGED_AT_ONCE: Final = 4
_GRACE_S: Final = 60.0
"""A row outlives its end by this. Terminal entries are written and not synced, and when power fails before the system has
brought one to the disk, only the row can say that the call was carried out."""
_TOKEN_BITS: Final = 52
"""Exact in a float, for stores whose scripts know no other number."""


class SqliteClaims:
    """Implements `ports.ClaimStore`."""

    def __init__(self, writer: Writer, clock: Clock, secret: bytes, reached: Reached) -> None:
        self._writer = writer
        self._clock = clock
        self._seal = Seal(secret)
        self._reached = reached

    async def claim(self, claim: Claim, intent: Entry | None) -> ClaimAnswer:
        """Raises StoreUnavailable; with an intent also JournalUnavailable. Then nothing was claimed."""
        token = secrets.randbits(_TOKEN_BITS)  # here, not inside: a change may run twice

        def change(db: sqlite3.Connection) -> ClaimAnswer:
            now = self._now()
            _purge(db, now.wall)
            before, kept = _row(db, claim.record)
            answer, after = transitions.claim(before, claim, token, now, departing=intent is not None)
            if after is not before:
                _write(db, claim.record, after, None)
            self._reached("claims.claimed")
            if isinstance(answer, Found) and kept is not None:
                return replace(answer, kept=self._seal.open(claim.record, kept))
            return answer

        departing = intent is not None
        work = Work(
            change,
            lambda answer: (intent,) if intent is not None and isinstance(answer, Won) else (),
            durable=departing,
            needs_journal=departing,
        )
        answer: ClaimAnswer = await self._or_taken_back(work, claim, token)
        return answer

    async def depart(self, claim: Claim, token: int, intent: Entry, approval: str | None = None) -> Departure:
        """Raises StoreUnavailable, JournalUnavailable; then nothing may be sent."""

        def change(db: sqlite3.Connection) -> Departure:
            now = self._now()
            row, _ = _row(db, claim.record)
            after = transitions.depart(row, token, claim.lease_s, now)
            if after == "lost":
                return Departure.LOST
            if approval is not None and not consume(db, approval, claim.record.hex(), claim.call_id, now.wall):
                return Departure.UNAPPROVED
            _apply(db, claim.record, after)
            self._reached("claims.departed")
            return Departure.DEPARTED

        work = Work(
            change, lambda said: (intent,) if said is Departure.DEPARTED else (), durable=True, needs_journal=True
        )
        return Departure(await self._or_taken_back(work, claim, token))

    async def _or_taken_back(self, work: Work, claim: Claim, token: int) -> Any:
        """A departure whose intent did not become durable did not happen, whether or not its row was committed."""
        try:
            return await self._writer.submit(work)
        except JournalUnavailable:
            await self.finish(claim, token, NotDone(), None)
            raise

    async def finish(self, claim: Claim, token: int, ending: Ending, terminal: Entry | None) -> bool:
        """Writes the terminal entry even when the token was lost. Raises StoreUnavailable."""

        def change(db: sqlite3.Connection) -> bool:
            row, _ = _row(db, claim.record)
            after = transitions.finish(row, token, ending, self._now())
            kept = None
            if isinstance(ending, Done) and isinstance(after, Row):
                kept = self._seal.close(claim.record, ending.kept)
            held = _apply(db, claim.record, after, kept)
            self._reached("claims.finished")
            return held

        entries: Callable[[Any], tuple[Entry, ...]] = lambda _: (terminal,) if terminal is not None else ()  # noqa: E731
        # COMMIT makes the ending durable. Its terminal entry is written, not synced: should power fail before it reaches
        # the disk, recovery closes the intent from the ledger's state.
        return bool(await self._writer.submit(Work(change, entries)))

    def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        """Rides on the next commit; the window begins now, however long that takes."""
        now = self._now()

        def change(db: sqlite3.Connection) -> None:
            row, kept = _row(db, claim.record)
            _apply(db, claim.record, transitions.delivered(row, token, keep_s, now), kept)

        self._writer.ride(change)

    async def recover(self) -> list[str]:
        """Closes what the last process left, before anything is claimed: its leases mean nothing any more.

        What was only claimed is dropped: nothing was sent. What was sent becomes doubt. Returns the records in doubt by
        this (hex). Raises StoreUnavailable.
        """

        def change(db: sqlite3.Connection) -> list[str]:
            db.execute("DELETE FROM claims WHERE state = 'claimed'")
            doubted = db.execute("UPDATE claims SET state = 'doubt' WHERE state = 'sent' RETURNING record")
            return [record.hex() for (record,) in doubted.fetchall()]

        doubted: list[str] = await self._writer.submit(Work(change, durable=True))
        return doubted

    async def changed(self, claim: Claim, within_s: float) -> bool:  # noqa: ARG002
        """Nobody else writes this file."""
        return False

    async def fate(self, record: str, call_id: str) -> State | None:
        """State of the record as far as it is this call's. Raises StoreUnavailable."""
        row, _ = await self._writer.submit(Work(lambda db: _row(db, bytes.fromhex(record))))
        return row.state if row is not None and row.call_id == call_id else None

    async def doubts(self) -> Sequence[Doubted]:
        """Every call in doubt, oldest first."""
        raise NotImplementedError

    async def resolve(self, record: bytes, token: int, verdict: Done | NotDone, entry: Entry) -> bool:
        """doubt → done | retryable."""
        raise NotImplementedError

    def _now(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())


def _row(db: sqlite3.Connection, record: bytes) -> tuple[Row | None, bytes | None]:
    """The row and, sealed, what it keeps."""
    found = db.execute(
        "SELECT fingerprint, state, token, owner, lease_until, call_id, since, ends_at, delivered, kept"
        " FROM claims WHERE record = ?",
        (record,),
    ).fetchone()
    if found is None:
        return None, None
    fingerprint, state, token, owner, lease_until, call_id, since, ends_at, delivered, kept = found
    row = Row(fingerprint, State(state), token, owner, lease_until, call_id, since, ends_at, bool(delivered))
    return row, kept


def _apply(db: sqlite3.Connection, record: bytes, after: After, kept: bytes | None = None) -> bool:
    """Does what a transition says; False when the token was lost."""
    match after:
        case "lost":
            return False
        case Row():
            _write(db, record, after, kept)
    return True


def _write(db: sqlite3.Connection, record: bytes, row: Row, kept: bytes | None) -> None:
    db.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record,
            row.fingerprint,
            row.state.value,
            row.token,
            row.owner,
            row.lease_until,
            row.call_id,
            row.since,
            row.ends_at,
            row.delivered,
            kept,
        ),
    )


def _purge(db: sqlite3.Connection, now: float) -> None:
    """A few at a time, so that no commit pays for a quiet night."""
    db.execute(
        "DELETE FROM claims WHERE record IN (SELECT record FROM claims WHERE ends_at <= ? LIMIT ?)",
        (now - _GRACE_S, _PURGED_AT_ONCE),
    )
