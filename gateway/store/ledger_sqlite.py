"""The ledger's records in SQLite: one table, read and written on the writer thread only.

Lives only here: which step must be durable, and what is undone when it did not become so. Every step is SELECT → pure
decision → write, inside the group's transaction. Leases are monotonic seconds of this process; `recover` closes those of
the last one. Must not know keys, windows, budgets or who waits. Called by the ledger room through `homes.ClaimStore`, and
by the audit trail's recovery pass (`fate`).
"""

import math
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, assert_never

from gateway.homes import Writer
from gateway.model import transitions
from gateway.model.claim import (
    DOUBTS,
    DOUBTS_AT_ONCE,
    TOKEN_BITS,
    Claim,
    ClaimAnswer,
    Departure,
    Done,
    Doubted,
    Ending,
    Found,
    InDoubt,
    NotDone,
    State,
    Won,
)
from gateway.model.transitions import Moment, Row
from gateway.model.work import Entry, JournalUnavailable, Work
from gateway.ports import Clock, Reached
from gateway.store import claims_table as table
from gateway.store.approvals_sqlite import consume
from gateway.store.sealing import Seal

SCHEMA: Final = table.SCHEMA
"""Statements for the writer."""


class SqliteClaims:
    """Implements `homes.ClaimStore`."""

    def __init__(self, writer: Writer, clock: Clock, secret: bytes, reached: Reached) -> None:
        self._writer = writer
        self._clock = clock
        self._seal = Seal(secret)
        self._reached = reached
        self.on_resolved: Callable[[int, bool], None] = lambda _token, _executed: None
        """Told of every doubt that is settled by somebody's word."""

    async def claim(self, claim: Claim, intent: Entry | None) -> ClaimAnswer:
        """Raises StoreUnavailable; with an intent also JournalUnavailable. Then nothing was claimed."""
        token = secrets.randbits(TOKEN_BITS)  # here, not inside: a change may run twice
        records = _guarded(claim)
        abouts = {record: self._seal.close_about(record, claim.about) for record in records}

        def change(db: sqlite3.Connection) -> tuple[ClaimAnswer, bytes, bytes | None]:
            """The answer, and of an answer that is kept its record and sealed bytes."""
            now = self._now()
            table.purge(db, claim.owner, now)
            before = [table.row(db, record) for record in records]
            answer, after = transitions.claim(before, claim, token, now, departing=intent is not None)
            for record, old, new in zip(records, before, after, strict=True):
                if new is not None and isinstance(answer, Won):
                    if old is not None:  # its other record may stay behind
                        table.doubt(db, old.token)
                    table.put(db, record, new, abouts[record], second=record == claim.also)
                elif new is not None and new is not old:
                    table.doubt(db, new.token)
            self._reached("claims.claimed")
            if not isinstance(answer, Found) or answer.state is not State.DONE:
                return answer, b"", None
            decided = next(name for name, row in zip(records, after, strict=True) if row and row.token == answer.token)
            return answer, decided, table.kept(db, decided)

        departing = intent is not None
        work = Work(
            change,
            lambda said: (intent,) if intent is not None and isinstance(said[0], Won) else (),
            durable=departing,
            needs_journal=departing,
        )
        answer, record, blob = await self._or_taken_back(work, claim, token)
        return await self._seal.found(record, answer, blob) if record else answer

    async def depart(self, claim: Claim, token: int, intent: Entry, approval: str | None = None) -> Departure:
        """Raises StoreUnavailable, JournalUnavailable; then nothing may be sent."""

        def change(db: sqlite3.Connection) -> Departure:
            now = self._now()
            records = _guarded(claim)
            after = [transitions.depart(table.row(db, record), token, claim, now) for record in records]
            if "lost" in after:
                return Departure.LOST
            if approval is not None and not consume(db, approval, claim.record.hex(), claim.call_id, now.wall):
                return Departure.UNAPPROVED
            for record, row in zip(records, after, strict=True):
                table.apply(db, record, row)
            self._reached("claims.departed")
            return Departure.DEPARTED

        work = Work(
            change, lambda said: (intent,) if said is Departure.DEPARTED else (), durable=True, needs_journal=True
        )
        return Departure(await self._or_taken_back(work, claim, token))

    async def renew(self, claim: Claim, token: int) -> None:
        """Raises StoreUnavailable."""

        def change(db: sqlite3.Connection) -> None:
            now = self._now()
            for record in _guarded(claim):
                table.apply(db, record, transitions.renew(table.row(db, record), token, claim, now))

        await self._writer.submit(Work(change))

    async def _or_taken_back(self, work: Work, claim: Claim, token: int) -> Any:
        """A departure whose intent did not become durable did not happen, whether or not its row was committed."""
        try:
            return await self._writer.submit(work)
        except JournalUnavailable:
            await self.finish(claim, token, NotDone(), None)
            raise

    async def finish(self, claim: Claim, token: int, ending: Ending, terminal: Entry | None) -> bool:
        """Writes the terminal entry even when the token was lost. Raises StoreUnavailable."""
        records = _guarded(claim)
        kept = await self._sealed(records, ending)

        def change(db: sqlite3.Connection) -> bool:
            now, held = self._now(), False
            for record in records:
                row = table.row(db, record)
                after = transitions.finish(row, token, ending, now, second=record == claim.also)
                held |= table.apply(db, record, after, kept.get(record))
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
            row = table.row(db, claim.record)
            table.apply(db, claim.record, transitions.delivered(row, token, keep_s, now))

        self._writer.ride(change)

    async def recover(self) -> list[str]:
        """Closes what the last process left, before anything is claimed: its leases mean nothing any more.

        What was only claimed is dropped: nothing was sent. What was sent becomes doubt. Returns the records in doubt by
        this (hex). Raises StoreUnavailable.
        """
        doubted: list[str] = await self._writer.submit(Work(lambda db: table.recover(db, self._now()), durable=True))
        return doubted

    async def changed(self, claim: Claim, within_s: float) -> bool:  # noqa: ARG002
        """Nobody else writes this file."""
        return False

    async def fate(self, record: str, call_id: str) -> State | None:
        """State of the record as far as it is this call's. Raises StoreUnavailable."""
        row = await self._writer.submit(Work(lambda db: table.row(db, bytes.fromhex(record))))
        return row.state if row is not None and row.call_id == call_id else None

    async def doubts(self) -> Sequence[Doubted]:
        """Every call in doubt, oldest first, at most `claim.DOUBTS`. Raises StoreUnavailable."""
        found: dict[int, Doubted] = {}
        after: table.Place | None = (-math.inf, 0, b"")
        while after is not None and len(found) < DOUBTS:
            page: list[tuple[table.Place, Doubted]] = await self._writer.submit(Work(partial(self._doubts, after)))
            for _, one in page:
                if one.token not in found:
                    found[one.token] = replace(one, about=self._seal.about(one.record, one.about))
            after = page[-1][0] if len(page) == DOUBTS_AT_ONCE else None
        return list(found.values())[:DOUBTS]

    def _doubts(self, after: table.Place, db: sqlite3.Connection) -> list[tuple[table.Place, Doubted]]:
        return table.doubts(db, self._now(), after)

    async def resolve(self, record: bytes, token: int, verdict: Done | NotDone, entry: Entry) -> bool:
        """Raises StoreUnavailable, JournalUnavailable; then it is in doubt still."""
        others: list[bytes] = await self._writer.submit(Work(lambda db: table.under(db, token)))
        records = (record, *(name for name in others if name != record))
        kept = await self._sealed(records, verdict)
        moved: dict[bytes, tuple[Row | None, Row]] = {}

        def change(db: sqlite3.Connection) -> bool:
            now = self._now()
            moved.clear()  # a change may run twice
            for name in records:
                before = table.row(db, name)
                after = transitions.resolve(before, token, verdict, now, second=name != record)
                if after == "lost" and name == record:
                    return False
                if after != "lost":
                    moved[name] = before, after
                    table.update(db, name, after, kept.get(name))
            self._reached("claims.resolving")
            return True

        work = Work(change, lambda held: (entry,) if held else (), durable=True, needs_journal=True)
        try:
            held = bool(await self._writer.submit(work))
        except JournalUnavailable:
            await self._writer.submit(Work(lambda db: table.unsettle(db, moved), durable=True))
            raise
        self._reached("claims.resolved")
        if held:
            self.on_resolved(token, isinstance(verdict, Done))
        return held

    async def _sealed(self, records: Sequence[bytes], ending: Ending) -> dict[bytes, bytes]:
        """What each record will keep."""
        match ending:
            case Done(kept=kept):
                return {record: await self._seal.close(record, kept) for record in records}
            case NotDone() | InDoubt():
                return {}
            case _:
                assert_never(ending)

    def _now(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())


def _guarded(claim: Claim) -> tuple[bytes, ...]:
    """Its records, in the order in which they decide."""
    return (claim.record,) if claim.also is None else (claim.also, claim.record)
