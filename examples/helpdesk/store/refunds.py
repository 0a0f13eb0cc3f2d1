"""Refunds: each call of `create` writes one row, so an order paid back twice by mistake shows as two rows."""

import sqlite3

from examples.helpdesk.store.rows import Refusal, Row, count, fetch, now, page


def create(db: sqlite3.Connection, *, order_id: int, amount_cents: int, reason: str) -> Row:
    order = fetch(db, "orders", order_id)
    if order["status"] == "pending":
        raise Refusal(f"Order {order_id} is not paid yet, so there is nothing to refund.")
    refunded = count(db, "SELECT sum(amount_cents) FROM refunds WHERE order_id = ? AND status <> 'rejected'", order_id)
    left = order["total_cents"] - refunded
    if left == 0:
        raise Refusal(f"Order {order_id} is already refunded in full ({refunded} cents {order['currency']}).")
    if amount_cents > left:
        raise Refusal(f"Only {left} cents {order['currency']} of order {order_id} are left to refund.")
    refund = db.execute(
        "INSERT INTO refunds (order_id, amount_cents, currency, reason, status, created_at)"
        " VALUES (?, ?, ?, ?, 'requested', ?)",
        (order_id, amount_cents, order["currency"], reason, now()),
    )
    return get(db, id_=int(refund.lastrowid or 0))


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return fetch(db, "refunds", id_)


def list_page(
    db: sqlite3.Connection,
    *,
    order_id: int | None = None,
    status: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Row:
    return page(db, "refunds", {"order_id": order_id, "status": status}, limit=limit, offset=offset)


def _decide(db: sqlite3.Connection, id_: int, verdict: str, opposite: str) -> Row:
    if fetch(db, "refunds", id_)["status"] == opposite:
        raise Refusal(f"Refund {id_} is already {opposite} and cannot be {verdict}.")
    db.execute("UPDATE refunds SET status = ? WHERE id = ?", (verdict, id_))
    return get(db, id_=id_)


def approve(db: sqlite3.Connection, *, id_: int) -> Row:
    return _decide(db, id_, "approved", opposite="rejected")


def reject(db: sqlite3.Connection, *, id_: int) -> Row:
    return _decide(db, id_, "rejected", opposite="approved")
