"""What every store module shares: reading rows as dictionaries, the clock, and the way to say no."""

import sqlite3
import time
from typing import Any

Row = dict[str, Any]


class Refusal(Exception):
    """The help desk says no; the message is a sentence for the caller to act on."""


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def fetch_all(db: sqlite3.Connection, query: str, *values: object) -> list[Row]:
    return [dict(row) for row in db.execute(query, values)]


def fetch(db: sqlite3.Connection, table: str, id_: int) -> Row:
    """The row with this id, or a refusal; `table` is always one of ours, never input."""
    found = fetch_all(db, f"SELECT * FROM {table} WHERE id = ?", id_)
    if not found:
        raise Refusal(f"There is no {table.removesuffix('s')} {id_}.")
    return found[0]


def count(db: sqlite3.Connection, query: str, *values: object) -> int:
    return int(db.execute(query, values).fetchone()[0] or 0)


def page(
    db: sqlite3.Connection, table: str, wanted: dict[str, object], *, limit: int, offset: int, order: str = "id"
) -> Row:
    """One page of the rows whose columns equal the wanted values (None means any), and how many there are."""
    given = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"{column} = ?" for column in given) or "1"
    values = tuple(given.values())
    return {
        table: fetch_all(
            db, f"SELECT * FROM {table} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?", *values, limit, offset
        ),
        "total": count(db, f"SELECT count(*) FROM {table} WHERE {where}", *values),
    }


def search(db: sqlite3.Connection, table: str, columns: tuple[str, ...], text: str, limit: int) -> Row:
    """The rows that contain the text in one of the columns, without regard to case."""
    where = " OR ".join(f"instr(lower({column}), lower(?)) > 0" for column in columns)
    values = (text,) * len(columns)
    return {
        table: fetch_all(db, f"SELECT * FROM {table} WHERE {where} ORDER BY id LIMIT ?", *values, limit),
        "total": count(db, f"SELECT count(*) FROM {table} WHERE {where}", *values),
    }
