"""Tickets and their tags. A change that changes nothing leaves `updated_at` alone, so repeats are harmless."""

import sqlite3

from examples.helpdesk.store import outbox
from examples.helpdesk.store.rows import Refusal, Row, fetch, fetch_all, now, page
from examples.helpdesk.store.rows import search as search_rows


def _tags(db: sqlite3.Connection, id_: int) -> list[str]:
    return [row["tag"] for row in fetch_all(db, "SELECT tag FROM ticket_tags WHERE ticket_id = ? ORDER BY tag", id_)]


def _with_tags(db: sqlite3.Connection, found: Row) -> Row:
    return {**found, "tickets": [{**ticket, "tags": _tags(db, ticket["id"])} for ticket in found["tickets"]]}


def _change(db: sqlite3.Connection, id_: int, **wanted: str) -> Row:
    ticket = fetch(db, "tickets", id_)
    for column, value in wanted.items():
        if ticket[column] != value:
            db.execute(f"UPDATE tickets SET {column} = ?, updated_at = ? WHERE id = ?", (value, now(), id_))
    return get(db, id_=id_)


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return {**fetch(db, "tickets", id_), "tags": _tags(db, id_)}


def find(db: sqlite3.Connection, *, text: str, limit: int = 20) -> Row:
    return _with_tags(db, search_rows(db, "tickets", ("subject", "body"), text, limit))


def list_page(
    db: sqlite3.Connection,
    *,
    status: str | None = None,
    priority: str | None = None,
    assignee: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Row:
    wanted: dict[str, object] = {"status": status, "priority": priority, "assignee": assignee}
    return _with_tags(db, page(db, "tickets", wanted, limit=limit, offset=offset))


def list_of_customer(db: sqlite3.Connection, *, id_: int, limit: int = 20, offset: int = 0) -> Row:
    fetch(db, "customers", id_)
    return _with_tags(db, page(db, "tickets", {"customer_id": id_}, limit=limit, offset=offset))


def transcript(db: sqlite3.Connection, *, id_: int) -> str:
    ticket = get(db, id_=id_)
    customer = fetch(db, "customers", ticket["customer_id"])
    lines = [f"Ticket {id_}: {ticket['subject']}", f"From: {customer['name']}", "", ticket["body"]]
    for mail in fetch_all(db, "SELECT * FROM outbox WHERE ticket_id = ? ORDER BY id", id_):
        lines += ["", f"Reply of {mail['created_at']}:", mail["body"]]
    for note in fetch_all(db, "SELECT * FROM notes WHERE ticket_id = ? ORDER BY id", id_):
        lines += ["", f"Internal note by {note['author']}:", note["text"]]
    return "\n".join(lines)


def create(
    db: sqlite3.Connection,
    *,
    customer_id: int,
    subject: str,
    body: str,
    priority: str = "normal",
    order_id: int | None = None,
) -> Row:
    fetch(db, "customers", customer_id)
    if order_id is not None and fetch(db, "orders", order_id)["customer_id"] != customer_id:
        raise Refusal(f"Order {order_id} does not belong to customer {customer_id}.")
    moment = now()
    ticket = db.execute(
        "INSERT INTO tickets (customer_id, order_id, subject, body, status, priority, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, 'open', ?, ?, ?)",
        (customer_id, order_id, subject, body, priority, moment, moment),
    )
    return get(db, id_=int(ticket.lastrowid or 0))


def update(db: sqlite3.Connection, *, id_: int, subject: str | None = None, body: str | None = None) -> Row:
    if subject is None and body is None:
        raise Refusal("Nothing to update: give a subject, a body or both.")
    ticket = fetch(db, "tickets", id_)
    return _change(db, id_, subject=subject or ticket["subject"], body=body or ticket["body"])


def close(db: sqlite3.Connection, *, id_: int, resolution: str) -> Row:
    ticket = fetch(db, "tickets", id_)
    if ticket["status"] == "closed" and ticket["resolution"] != resolution:
        raise Refusal(f"Ticket {id_} is already closed with another resolution; reopen it first.")
    return _change(db, id_, status="closed", resolution=resolution)


def reopen(db: sqlite3.Connection, *, id_: int) -> Row:
    return _change(db, id_, status="open")


def assign(db: sqlite3.Connection, *, id_: int, assignee: str) -> Row:
    if fetch(db, "tickets", id_)["status"] == "closed":
        raise Refusal(f"Ticket {id_} is closed; reopen it before assigning it.")
    return _change(db, id_, assignee=assignee)


def set_priority(db: sqlite3.Connection, *, id_: int, priority: str) -> Row:
    return _change(db, id_, priority=priority)


def add_tag(db: sqlite3.Connection, *, id_: int, tag: str) -> Row:
    fetch(db, "tickets", id_)
    db.execute("INSERT OR IGNORE INTO ticket_tags (ticket_id, tag) VALUES (?, ?)", (id_, tag))
    return get(db, id_=id_)


def remove_tag(db: sqlite3.Connection, *, id_: int, tag: str) -> Row:
    fetch(db, "tickets", id_)
    db.execute("DELETE FROM ticket_tags WHERE ticket_id = ? AND tag = ?", (id_, tag))
    return get(db, id_=id_)


def reply(db: sqlite3.Connection, *, id_: int, body: str) -> Row:
    ticket = fetch(db, "tickets", id_)
    customer = fetch(db, "customers", ticket["customer_id"])
    if customer["email"] is None:
        raise Refusal(f"Customer {customer['id']} has no e-mail address any more, so ticket {id_} cannot be answered.")
    return outbox.send(db, to=customer["email"], subject=f"Re: {ticket['subject']}", body=body, ticket_id=id_)
