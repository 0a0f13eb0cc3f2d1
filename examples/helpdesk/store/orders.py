"""Orders. Amounts are integer cents in the currency of the order."""

import sqlite3

from examples.helpdesk.store.rows import Refusal, Row, fetch, page


def get(db: sqlite3.Connection, *, id_: int) -> Row:
    return fetch(db, "orders", id_)


def list_page(
    db: sqlite3.Connection,
    *,
    customer_id: int | None = None,
    status: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Row:
    return page(db, "orders", {"customer_id": customer_id, "status": status}, limit=limit, offset=offset)


def track(db: sqlite3.Connection, *, id_: int) -> str:
    order = fetch(db, "orders", id_)
    if order["status"] in ("shipped", "delivered"):
        return f"Order {id_} ({order['item']}) is {order['status']}, tracking number {order['tracking']}."
    return f"Order {id_} ({order['item']}) is {order['status']} and has no tracking number."


def cancel(db: sqlite3.Connection, *, id_: int, reason: str) -> Row:
    status = fetch(db, "orders", id_)["status"]
    if status not in ("pending", "paid"):
        raise Refusal(f"Order {id_} is {status} and can no longer be cancelled; create a refund instead.")
    db.execute("UPDATE orders SET status = 'cancelled', cancel_reason = ? WHERE id = ?", (reason, id_))
    return get(db, id_=id_)


def set_address(db: sqlite3.Connection, *, id_: int, shipping_address: str) -> Row:
    status = fetch(db, "orders", id_)["status"]
    if status not in ("pending", "paid"):
        raise Refusal(f"Order {id_} is {status}; its shipping address can no longer be changed.")
    db.execute("UPDATE orders SET shipping_address = ? WHERE id = ?", (shipping_address, id_))
    return get(db, id_=id_)
