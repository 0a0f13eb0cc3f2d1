"""The table of the ledger's records: rows ↔ `transitions.Row`, in SQL.

Lives only here: the columns, and that a row whose state cannot be read counts as in doubt. Two records of one call are two
rows with the same token. Must not know what a transition means, nor what is sealed in `about` and `kept`. Called by the
SQLite claim store, on the writer thread.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from gateway.model.claim import DOUBTS_AT_ONCE, Doubted, State
from gateway.model.transitions import After, Moment, Row

_SETTLED_OR_OPEN: Final = "('claimed', 'sent', 'done', 'retryable')"
_SENT: Final = "(state = 'sent' OR (state = 'claimed' AND doubted_at IS NOT NULL))"
"""Once, at least: now, or before it was claimed to be sent again."""
SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS claims (
        record BLOB PRIMARY KEY, second INTEGER NOT NULL, fingerprint BLOB NOT NULL, state TEXT NOT NULL,
        token INTEGER NOT NULL, owner TEXT NOT NULL, lease_until REAL NOT NULL, call_id TEXT NOT NULL,
        since REAL NOT NULL, began REAL NOT NULL, origin TEXT NOT NULL,
        doubted_at REAL, doubted_began REAL NOT NULL, ends_at REAL, delivered INTEGER NOT NULL, about BLOB NOT NULL, kept BLOB,
        CHECK ((state IN ('done', 'retryable')) = (ends_at IS NOT NULL)),
        CHECK ((state = 'done') = (kept IS NOT NULL))
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS claims_ends_at ON claims (ends_at) WHERE ends_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS claims_open ON claims (state) WHERE state IN ('claimed', 'sent')",
    f"CREATE INDEX IF NOT EXISTS claims_doubt ON claims (since) WHERE state NOT IN {_SETTLED_OR_OPEN}",
    "CREATE INDEX IF NOT EXISTS claims_token ON claims (token)",
)
"""The checks hold the two facts whose loss would be a duplicate: only what is settled has a lifetime, and only an answer is
`done`."""

_PURGED_AT_ONCE: Final = 4
_GRACE_S: Final = 60.0
"""A row outlives its end by this. Terminal entries are written and not synced, and when power fails before the system has
brought one to the disk, only the row can say that the call was carried out."""


def row(db: sqlite3.Connection, record: bytes) -> Row | None:
    """What stands under the record."""
    found = db.execute(
        "SELECT fingerprint, state, token, owner, lease_until, call_id, since, began, origin, ends_at, delivered,"
        " doubted_at, doubted_began FROM claims WHERE record = ?",
        (record,),
    ).fetchone()
    if found is None:
        return None
    (fingerprint, state, token, owner, lease_until, call_id, since, began, origin) = found[:9]
    ends_at, delivered, doubted_at, doubted_began = found[9:]
    settled = (ends_at, bool(delivered), doubted_at, doubted_began)
    return Row(fingerprint, _state(state), token, owner, lease_until, call_id, since, began, origin, *settled)


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        return State.DOUBT


def kept(db: sqlite3.Connection, record: bytes) -> bytes | None:
    """Sealed, what the record keeps."""
    found = db.execute("SELECT kept FROM claims WHERE record = ?", (record,)).fetchone()
    return found[0] if found is not None else None


def put(db: sqlite3.Connection, record: bytes, new: Row, about: bytes, *, second: bool) -> None:
    """Begins the record anew."""
    db.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            record,
            second,
            new.fingerprint,
            new.state.value,
            new.token,
            new.owner,
            new.lease_until,
            new.call_id,
            new.since,
            new.began,
            new.origin,
            new.doubted_at,
            new.doubted_began,
            new.ends_at,
            new.delivered,
            about,
        ),
    )


def update(db: sqlite3.Connection, record: bytes, new: Row, kept: bytes | None = None) -> None:
    """What may change while a call has the record. Without `kept` it keeps what it keeps."""
    db.execute(
        "UPDATE claims SET state = ?, lease_until = ?, since = ?, began = ?, ends_at = ?, delivered = ?,"
        " doubted_at = ?, kept = coalesce(?, kept) WHERE record = ?",
        (
            new.state.value,
            new.lease_until,
            new.since,
            new.began,
            new.ends_at,
            new.delivered,
            new.doubted_at,
            kept,
            record,
        ),
    )


def apply(db: sqlite3.Connection, record: bytes, after: After, kept: bytes | None = None) -> bool:
    """Does what a transition says; False when the token was lost."""
    if after == "lost":
        return False
    update(db, record, after, kept)
    return True


def doubt(db: sqlite3.Connection, token: int) -> None:
    """What was sent under the token is in doubt, under both its records."""
    db.execute(f"UPDATE claims SET state = 'doubt' WHERE token = ? AND {_SENT}", (token,))  # noqa: S608  ours


def unsettle(db: sqlite3.Connection, settled: Mapping[bytes, tuple[Row | None, Row]]) -> None:
    """Back into doubt, as far as the rows are as they were settled; given what each was before, and after that."""
    for record, (before, after) in settled.items():
        db.execute(
            "UPDATE claims SET state = 'doubt', ends_at = NULL, kept = NULL, doubted_at = ?"
            " WHERE record = ? AND token = ? AND state = ? AND ends_at = ?",
            (before and before.doubted_at, record, after.token, after.state.value, after.ends_at),
        )


def under(db: sqlite3.Connection, token: int) -> list[bytes]:
    """The records that a claim has."""
    return [record for (record,) in db.execute("SELECT record FROM claims WHERE token = ?", (token,))]


Place = tuple[float, int, bytes]
"""Of a record among the doubts: since when, whether it is the second of its call, its name."""


def doubts(db: sqlite3.Connection, now: Moment, after: Place) -> list[tuple[Place, Doubted]]:
    """Records in doubt behind a place, oldest first, `about` sealed; of a call's two records the first comes first."""
    db.execute(f"UPDATE claims SET state = 'doubt' WHERE {_SENT} AND lease_until <= ?", (now.steady,))  # noqa: S608  ours
    return [
        ((since, second, record), Doubted(record, token, call_id, print_, since, about, origin, now.steady - began))
        for record, second, token, call_id, print_, since, began, origin, about in db.execute(
            "SELECT record, second, token, call_id, fingerprint, since, began, origin, about FROM claims"  # noqa: S608  ours
            f" WHERE state NOT IN {_SETTLED_OR_OPEN} AND (since, second, record) > (?, ?, ?)"
            f" ORDER BY since, second, record LIMIT {DOUBTS_AT_ONCE}",
            after,
        )
    ]


def recover(db: sqlite3.Connection, now: Moment) -> list[str]:
    """Drops what was only claimed, doubts what was sent; the calls in doubt by this, by their record (hex).

    The steady clock of the last process means nothing to this one, so every doubt is as old as this moment by it.
    """
    doubted = db.execute(f"UPDATE claims SET state = 'doubt' WHERE {_SENT} RETURNING record, second").fetchall()  # noqa: S608
    db.execute("DELETE FROM claims WHERE state = 'claimed'")
    db.execute(f"UPDATE claims SET began = ? WHERE state NOT IN {_SETTLED_OR_OPEN}", (now.steady,))  # noqa: S608  ours
    return [record.hex() for record, second in doubted if not second]


def purge(db: sqlite3.Connection, owner: str, now: Moment) -> None:
    """A few at a time, so that no commit pays for a quiet night; what this process settled has ended by both clocks."""
    db.execute(
        "DELETE FROM claims WHERE record IN (SELECT record FROM claims WHERE ends_at <= ?"
        " AND (owner != ? OR lease_until <= ?) LIMIT ?)",
        (now.wall - _GRACE_S, owner, now.steady - _GRACE_S, _PURGED_AT_ONCE),
    )
