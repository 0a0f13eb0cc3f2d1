"""The outbox: mail the help desk sends is a row here and never leaves the machine."""

import sqlite3

from examples.helpdesk.store.rows import Row, fetch, now, page


def send(db: sqlite3.Connection, *, to: str, subject: str, body: str, ticket_id: int | None = None) -> Row:
    if ticket_id is not None:
        fetch(db, "tickets", ticket_id)
    mail = db.execute(
        "INSERT INTO outbox (recipient, subject, body, ticket_id, created_at) VALUES (?, ?, ?, ?, ?)",
        (to, subject, body, ticket_id, now()),
    )
    return fetch(db, "outbox", int(mail.lastrowid or 0))


def list_page(db: sqlite3.Connection, *, recipient: str | None = None, limit: int = 20, offset: int = 0) -> Row:
    return page(db, "outbox", {"recipient": recipient}, limit=limit, offset=offset)
