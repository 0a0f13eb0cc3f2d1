"""Customers: the personal data of the help desk lives only in this table."""

import csv
import io
import sqlite3

from examples.helpdesk.store.rows import Refusal, Row, fetch, fetch_all, now
from examples.helpdesk.store.rows import search as search_rows


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return fetch(db, "customers", id_)


def find(db: sqlite3.Connection, *, text: str, limit: int = 20) -> Row:
    return search_rows(db, "customers", ("name", "email", "country"), text, limit)


def _refuse_taken_email(db: sqlite3.Connection, email: str, owner: int | None) -> None:
    for other in fetch_all(db, "SELECT id FROM customers WHERE email = ?", email):
        if other["id"] != owner:
            raise Refusal(f"The address {email} already belongs to customer {other['id']}.")


def create(db: sqlite3.Connection, *, name: str, email: str, country: str, phone: str | None = None) -> Row:
    _refuse_taken_email(db, email, owner=None)
    customer = db.execute(
        "INSERT INTO customers (name, email, phone, tier, country, created_at) VALUES (?, ?, ?, 'standard', ?, ?)",
        (name, email, phone, country, now()),
    )
    return get(db, id_=int(customer.lastrowid or 0))


def _refuse_erased(db: sqlite3.Connection, id_: int) -> None:
    if fetch(db, "customers", id_)["email"] is None:
        raise Refusal(f"Customer {id_} was erased and cannot be changed.")


def update_email(db: sqlite3.Connection, *, id_: int, email: str) -> Row:
    _refuse_erased(db, id_)
    _refuse_taken_email(db, email, owner=id_)
    db.execute("UPDATE customers SET email = ? WHERE id = ?", (email, id_))
    return get(db, id_=id_)


def set_tier(db: sqlite3.Connection, *, id_: int, tier: str) -> Row:
    _refuse_erased(db, id_)
    db.execute("UPDATE customers SET tier = ? WHERE id = ?", (tier, id_))
    return get(db, id_=id_)


def export_all(db: sqlite3.Connection) -> str:
    columns = ("id", "name", "email", "phone", "tier", "country")
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(db.execute(f"SELECT {', '.join(columns)} FROM customers ORDER BY id"))
    return table.getvalue()


def erase(db: sqlite3.Connection, *, id_: int) -> Row:
    fetch(db, "customers", id_)
    db.execute("UPDATE customers SET name = 'erased customer', email = NULL, phone = NULL WHERE id = ?", (id_,))
    db.execute("UPDATE orders SET shipping_address = 'erased' WHERE customer_id = ?", (id_,))
    return get(db, id_=id_)
