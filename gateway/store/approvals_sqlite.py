"""Approvals in SQLite: one table beside the claims, read and written on the writer thread only.

Lives only here: rows ↔ `model.Approval`, arguments sealed at rest, and who is woken by a decision. Every step is SELECT →
pure decision → write, inside the group's transaction; `consume` is called by the claim store inside the transaction that
departs, so that a yes cannot outlive the call it permitted. Must not know who may decide or who asks. Called by the
approval room through `ports.ApprovalStore`.
"""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from gateway.homes import Writer
from gateway.model.approval import KEPT_S, PENDING_PER_AGENT, Approval, ApprovalState, Vote
from gateway.model.work import Work
from gateway.store.sealing import Box
from gateway.wire.strict_json import dump, parse

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY, record TEXT NOT NULL, binding TEXT NOT NULL, tenant TEXT NOT NULL, agent TEXT NOT NULL,
        asked_at REAL NOT NULL, expires_at REAL NOT NULL, state TEXT NOT NULL, consumed_by TEXT, facts TEXT NOT NULL,
        arguments BLOB NOT NULL,
        CHECK ((state = 'consumed') = (consumed_by IS NOT NULL))
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX IF NOT EXISTS approvals_open ON approvals (record) WHERE state IN ('pending', 'approved')",
    "CREATE INDEX IF NOT EXISTS approvals_denied ON approvals (binding) WHERE state = 'denied'",
    "CREATE INDEX IF NOT EXISTS approvals_waiting ON approvals (tenant, agent) WHERE state = 'pending'",
    "CREATE INDEX IF NOT EXISTS approvals_asked_at ON approvals (asked_at)",
    "CREATE INDEX IF NOT EXISTS approvals_expires_at ON approvals (expires_at)",
)
"""Statements for the writer. The unique index holds the fact whose loss would be a second departure under one question."""

_COLUMNS: Final = ("id", "record", "binding", "tenant", "agent", "asked_at", "expires_at", "state", "consumed_by")
_LISTED: Final = 1_000
_PURGED_AT_ONCE: Final = 4
_READ: Final = f"SELECT {', '.join(_COLUMNS)}, facts, arguments FROM approvals"  # noqa: S608  names of ours

Arguments = Callable[[str, bytes], Mapping[str, Any]]
"""Opens the arguments of the approval with this id."""


class SqliteApprovals:
    """Implements `ports.ApprovalStore`; every change is durable when it returns. Raises StoreUnavailable."""

    def __init__(self, writer: Writer, secret: bytes) -> None:
        self._writer = writer
        self._box = Box(secret, b"sallyport approval arguments v1")
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    async def ask(self, wanted: Approval) -> Approval | None:
        sealed, now = self._box.close(wanted.id.encode(), dump(dict(wanted.arguments))), wanted.asked_at
        ended: list[str] = []

        def change(db: sqlite3.Connection) -> Approval | None:
            ended.clear()  # a change may run twice
            _purge(db, now)
            standing = None
            for found in self._found(db, "record = ? AND state IN ('pending', 'approved', 'denied')", wanted.record):
                if found.stands_for(wanted.binding, now):
                    standing = found
                elif (after := found.voided(now)) is not found:
                    _update(db, after)
                    ended.append(after.id)
            if standing is not None:
                return standing
            for found in self._found(db, "binding = ? AND state = 'denied'", wanted.binding):
                if found.stands_for(wanted.binding, now):
                    return found
            if _pending(db, wanted) >= PENDING_PER_AGENT:
                return None
            db.execute("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*_values(wanted), sealed))
            return wanted

        answer: Approval | None = await self._writer.submit(Work(change, durable=True))
        self._wake(ended)
        return answer

    async def decide(self, id: str, vote: Vote) -> Approval | None:  # noqa: A002
        def change(db: sqlite3.Connection) -> Approval | None:
            for found in self._found(db, "id = ?", id):
                after = found.decided(vote)
                if after is not found:
                    _update(db, after)
                return after
            return None

        decided: Approval | None = await self._writer.submit(Work(change, durable=True))
        self._wake([id])
        return decided

    async def get(self, id: str) -> Approval | None:  # noqa: A002
        found: list[Approval] = await self._writer.submit(Work(lambda db: list(self._found(db, "id = ?", id))))
        return found[0] if found else None

    async def all(self) -> Sequence[Approval]:
        """Newest first."""
        newest = f"TRUE ORDER BY asked_at DESC, id DESC LIMIT {_LISTED}"
        found: list[Approval] = await self._writer.submit(Work(lambda db: list(self._found(db, newest))))
        return found

    async def changed(self, id: str, within_s: float) -> None:  # noqa: A002
        """At once for what happens in this process; nobody else writes this file."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[id].add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=within_s)
        finally:
            self._waiting[id].discard(waiter)
            if not self._waiting[id]:
                del self._waiting[id]

    def _wake(self, ids: Iterable[str]) -> None:
        for waiter in [waiter for name in ids if name in self._waiting for waiter in self._waiting[name]]:
            if not waiter.done():
                waiter.set_result(None)

    def _found(self, db: sqlite3.Connection, where: str, *values: str) -> list[Approval]:
        return [_approval(row, self._opened) for row in db.execute(f"{_READ} WHERE {where}", values)]

    def _opened(self, id: str, sealed: bytes) -> Mapping[str, Any]:  # noqa: A002
        arguments: Mapping[str, Any] = parse(self._box.open(id.encode(), sealed))
        return arguments


def consume(db: sqlite3.Connection, approval: str, record: str, call_id: str, now: float) -> bool:
    """Uses up the approval for a departure of `record` (hex) by `call_id`; False when it permits none.

    Part of the transaction that departs: both happen or neither.
    """
    row = db.execute(f"{_READ} WHERE id = ?", (approval,)).fetchone()
    if row is None:
        return False
    after = _approval(row, _unopened).consumed(record, call_id, now)
    if after is None:
        return False
    _update(db, after)
    return True


def _approval(row: tuple[Any, ...], arguments: Arguments) -> Approval:
    *columns, facts, sealed = row
    known = dict(zip(_COLUMNS, columns, strict=True))
    told = parse(facts.encode())
    return Approval(
        **known | {"state": ApprovalState(known["state"])},
        **told | {"rules": tuple(told["rules"]), "vote": Vote(**told["vote"]) if told["vote"] is not None else None},
        arguments=arguments(known["id"], sealed),
    )


def _unopened(id: str, sealed: bytes) -> Mapping[str, Any]:  # noqa: A002, ARG001
    """No decision needs the arguments: the binding stands for them."""
    return {}


def _values(approval: Approval) -> tuple[Any, ...]:
    """The row without its arguments, which never change."""
    told = asdict(replace(approval, arguments={}))
    del told["arguments"]
    columns = [told.pop(name) for name in _COLUMNS]
    return (*columns, dump(told).decode())


def _update(db: sqlite3.Connection, after: Approval) -> None:
    id, *values = _values(after)  # noqa: A001
    changes = ", ".join(f"{name} = ?" for name in (*_COLUMNS[1:], "facts"))
    db.execute(f"UPDATE approvals SET {changes} WHERE id = ?", (*values, id))  # noqa: S608  names of ours


def _pending(db: sqlite3.Connection, wanted: Approval) -> int:
    """How many questions of this agent wait for an answer now."""
    counted = db.execute(
        "SELECT count(*) FROM approvals WHERE tenant = ? AND agent = ? AND state = 'pending' AND expires_at > ?",
        (wanted.tenant, wanted.agent, wanted.asked_at),
    )
    count: int = counted.fetchone()[0]
    return count


def _purge(db: sqlite3.Connection, now: float) -> None:
    """A few at a time, as the ledger does."""
    db.execute(
        "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE expires_at <= ? LIMIT ?)",
        (now - KEPT_S, _PURGED_AT_ONCE),
    )
