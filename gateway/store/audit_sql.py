"""The SQL of the audit index: its tables, what goes in, what can be asked.

Lives only here: columns, indexes and statements, over a connection that is handed in. Must not know files, threads or
the journal's form. Used by the audit index only.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from gateway.model.audit import FILTERS, AuditFilter, AuditPage, Cursor, Position
from gateway.store import audit_spent

_VERSION: Final = 3
_COLUMNS: Final = ("id", "time", *FILTERS, "executed", "body")
_SCHEMA: Final = (
    f"CREATE TABLE IF NOT EXISTS entry (n INTEGER PRIMARY KEY, {', '.join(_COLUMNS)})",
    "CREATE UNIQUE INDEX IF NOT EXISTS by_time ON entry (time, id)",
    *(
        f"CREATE INDEX IF NOT EXISTS by_{name} ON entry ({name}, time, id) WHERE {name} IS NOT NULL"
        for name in ("call", "tenant", "agent", "user", "tool", "key", "run")
    ),
    "CREATE TABLE IF NOT EXISTS open_intent (call TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS memory (one INTEGER PRIMARY KEY, said TEXT)",
    "CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY, segment TEXT, start INTEGER, mark TEXT)",
    *audit_spent.SCHEMA,
    f"PRAGMA user_version = {_VERSION}",
)
_INSERT: Final = f"INSERT OR IGNORE INTO entry ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_OPEN: Final = """INSERT OR IGNORE INTO open_intent SELECT ?1, ?2
    WHERE NOT EXISTS (SELECT 1 FROM entry WHERE call = ?1 AND outcome IS NOT NULL)"""


def prepare(db: sqlite3.Connection) -> bool:
    """Makes the tables of a new file. False when the file is of another version of this code."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in _SCHEMA:
            db.execute(statement)
    return version in {0, _VERSION}


def position(db: sqlite3.Connection) -> Position | None:
    """The last line that was taken in."""
    row = db.execute("SELECT segment, start, mark FROM position").fetchone()
    return Position(*row) if row else None


def insert(db: sqlite3.Connection, lines: Iterable[tuple[Position, bytes]]) -> None:
    """Takes lines in; what is no JSON object is passed over, `verify` tells of it."""
    last: Position | None = None
    for last, body in lines:  # noqa: B007
        try:
            made = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue
        if isinstance(made, dict):
            _insert(db, made, body)
    if last is not None:
        db.execute("REPLACE INTO position VALUES (1, ?, ?, ?)", (last.segment, last.start, last.mark))


def _insert(db: sqlite3.Connection, made: dict[str, Any], body: bytes) -> None:
    key = made.get("key")
    columns = made | {"key": key.get("record") if isinstance(key, dict) else None, "body": body}
    values = [value if isinstance(value := columns.get(name), str | bytes) else None for name in _COLUMNS]
    inserted = db.execute(_INSERT, values)
    if not inserted.rowcount:  # a line that stands twice
        return
    intended = False
    if made.get("kind") == "intent":
        db.execute(_OPEN, (made.get("call"), inserted.lastrowid))
    elif "outcome" in made:
        intended = db.execute("DELETE FROM open_intent WHERE call = ?", (made.get("call"),)).rowcount > 0
    audit_spent.take_in(db, made, intended=intended)
    if "memory" in made:
        db.execute("REPLACE INTO memory VALUES (1, ?)", (str(made["memory"]),))


def page(db: sqlite3.Connection, wanted: AuditFilter) -> AuditPage:
    """One page; `next` is set when more was there."""
    if not wanted.equals.keys() <= set(FILTERS):
        raise ValueError("not a field that can be asked for")
    conditions: list[tuple[str, tuple[str, ...]]] = [(f"{name} = ?", (value,)) for name, value in wanted.equals.items()]
    if wanted.since is not None:
        conditions.append(("time >= ?", (wanted.since,)))
    if wanted.until is not None:
        conditions.append(("time < ?", (wanted.until,)))
    if wanted.after is not None:
        beyond = "<" if wanted.newest_first else ">"
        conditions.append((f"(time, id) {beyond} (?, ?)", (wanted.after.time, wanted.after.id)))
    where = " AND ".join(text for text, _ in conditions) or "TRUE"
    order = "DESC" if wanted.newest_first else "ASC"
    rows = db.execute(
        f"SELECT time, id, body FROM entry WHERE {where} ORDER BY time {order}, id {order} LIMIT ?",  # noqa: S608  names are of FILTERS
        (*(value for _, values in conditions for value in values), wanted.limit + 1),
    ).fetchall()
    shown = rows[: wanted.limit]
    more = Cursor(shown[-1][0], shown[-1][1]) if len(rows) > len(shown) else None
    return AuditPage(tuple(body for _, _, body in shown), more)


def of_call(db: sqlite3.Connection, call_id: str) -> tuple[bytes, ...]:
    """All entries of a call in journal order."""
    return tuple(body for (body,) in db.execute("SELECT body FROM entry WHERE call = ? ORDER BY n", (call_id,)))


def open_intents(db: sqlite3.Connection) -> tuple[Mapping[str, Any], ...]:
    """Intents without a terminal entry, in journal order."""
    rows = db.execute("SELECT body FROM open_intent JOIN entry USING (n) ORDER BY n")
    return tuple(orjson.loads(body) for (body,) in rows)


def memory(db: sqlite3.Connection) -> str:
    """What the youngest entry that has `memory` says there."""
    row = db.execute("SELECT said FROM memory").fetchone()
    return row[0] if row else ""
