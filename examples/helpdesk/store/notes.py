"""Internal notes on tickets, written by staff and never shown to the customer."""

import sqlite3

from examples.helpdesk.store.rows import Row, fetch, fetch_all, now, page
from examples.helpdesk.store.rows import search as search_rows


def _typed(note: Row) -> Row:
    return {**note, "pinned": bool(note["pinned"])}


def _typed_page(found: Row) -> Row:
    return {**found, "notes": [_typed(note) for note in found["notes"]]}


def add(db: sqlite3.Connection, *, ticket_id: int, author: str, text: str) -> Row:
    fetch(db, "tickets", ticket_id)
    note = db.execute(
        "INSERT INTO notes (ticket_id, author, text, pinned, created_at) VALUES (?, ?, ?, 0, ?)",
        (ticket_id, author, text, now()),
    )
    return get(db, id_=int(note.lastrowid or 0))


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return _typed(fetch(db, "notes", id_))


def list_page(db: sqlite3.Connection, *, ticket_id: int, limit: int = 20, offset: int = 0) -> Row:
    fetch(db, "tickets", ticket_id)
    return _typed_page(page(db, "notes", {"ticket_id": ticket_id}, limit=limit, offset=offset, order="pinned DESC, id"))


def find(db: sqlite3.Connection, *, text: str, limit: int = 20) -> Row:
    return _typed_page(search_rows(db, "notes", ("text", "author"), text, limit))


def update(db: sqlite3.Connection, *, id_: int, text: str) -> Row:
    fetch(db, "notes", id_)
    db.execute("UPDATE notes SET text = ? WHERE id = ?", (text, id_))
    return get(db, id_=id_)


def set_pinned(db: sqlite3.Connection, *, id_: int, pinned: bool) -> Row:
    fetch(db, "notes", id_)
    db.execute("UPDATE notes SET pinned = ? WHERE id = ?", (pinned, id_))
    return get(db, id_=id_)


def delete(db: sqlite3.Connection, *, id_: int) -> str:
    db.execute("DELETE FROM notes WHERE id = ?", (id_,))
    return f"There is no note {id_} any more."


def authors(db: sqlite3.Connection) -> str:
    rows = fetch_all(db, "SELECT author, count(*) AS amount FROM notes GROUP BY author ORDER BY author")
    return "\n".join(f"{row['author']}: {row['amount']}" for row in rows)
