"""The first content of an empty help desk: always the same customers, orders, tickets, refunds, notes, articles."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from examples.helpdesk import poison, texts

_T = TypeVar("_T")

_CUSTOMERS = 30
_ORDERS = 60
_TICKETS = 40
_REFUNDED_ORDERS = (3, 8, 15, 23, 38, 51)
_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def _moment(day: int) -> str:
    return (_START + timedelta(days=day, minutes=37 * day)).isoformat(timespec="seconds")


def _pick(choices: tuple[_T, ...], number: int) -> _T:
    return choices[number % len(choices)]


def _customer_of_order(order: int) -> int:
    return order * 7 % _CUSTOMERS + 1


def fill(db: sqlite3.Connection) -> None:
    _customers(db)
    _orders(db)
    _tickets(db)
    _refunds(db)
    _notes(db)
    _articles(db)


def _customers(db: sqlite3.Connection) -> None:
    for number in range(1, _CUSTOMERS + 1):
        name = f"{_pick(texts.FIRST_NAMES, number)} {_pick(texts.LAST_NAMES, number * 3)}"
        db.execute(
            "INSERT INTO customers (id, name, email, phone, tier, country, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                name,
                f"{name.lower().replace(' ', '.')}{number}@example.com",
                f"+1-555-01{number:02d}",
                _pick(("standard", "standard", "plus", "business"), number),
                _pick(("DE", "US", "FR", "GB", "NL"), number),
                _moment(number // 4),
            ),
        )


def _orders(db: sqlite3.Connection) -> None:
    for number in range(1, _ORDERS + 1):
        item, cents = _pick(texts.ITEMS, number * 3)
        status = _pick(("delivered", "shipped", "paid", "delivered", "pending"), number)
        sent = status in ("shipped", "delivered")
        db.execute(
            "INSERT INTO orders (id, customer_id, item, total_cents, currency, status, shipping_address, tracking,"
            " placed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                _customer_of_order(number),
                item,
                cents,
                _pick(("EUR", "USD", "EUR"), number),
                status,
                f"{number} {_pick(texts.STREETS, number)}, {_pick(texts.TOWNS, number * 5)}",
                f"SP{number:06d}" if sent else None,
                _moment(10 + number // 2),
            ),
        )


def _tickets(db: sqlite3.Connection) -> None:
    for number in range(1, _TICKETS + 1):
        subject, body, tag = _pick(texts.COMPLAINTS, number)
        if number == poison.TICKET_ID:
            subject, body, tag = poison.SUBJECT, poison.body(), "billing"
        closed = number % 6 == 0
        db.execute(
            "INSERT INTO tickets (id, customer_id, order_id, subject, body, status, priority, assignee, resolution,"
            " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                _customer_of_order(number),
                number,
                subject,
                body,
                "closed" if closed else _pick(("open", "pending", "open"), number),
                _pick(("normal", "low", "normal", "high", "urgent"), number),
                _pick((*texts.STAFF, None), number),
                "Explained and agreed with the customer." if closed else None,
                _moment(45 + number),
                _moment(46 + number),
            ),
        )
        db.execute("INSERT INTO ticket_tags (ticket_id, tag) VALUES (?, ?)", (number, tag))


def _refunds(db: sqlite3.Connection) -> None:
    """The first order is refunded in full, the others by half."""
    for position, order in enumerate(_REFUNDED_ORDERS):
        total, currency = db.execute("SELECT total_cents, currency FROM orders WHERE id = ?", (order,)).fetchone()
        db.execute(
            "INSERT INTO refunds (order_id, amount_cents, currency, reason, status, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                order,
                total if position == 0 else total // 2,
                currency,
                "Damaged on arrival",
                _pick(("approved", "requested"), position),
                _moment(60 + position),
            ),
        )


def _notes(db: sqlite3.Connection) -> None:
    for number in range(1, 13):
        db.execute(
            "INSERT INTO notes (ticket_id, author, text, pinned, created_at) VALUES (?, ?, ?, ?, ?)",
            (number * 3, _pick(texts.STAFF, number), _pick(texts.NOTES, number), number % 4 == 0, _moment(50 + number)),
        )


def _articles(db: sqlite3.Connection) -> None:
    for number, (title, topic, body) in enumerate(texts.ARTICLES, start=1):
        db.execute(
            "INSERT INTO articles (title, topic, body, published, updated_at) VALUES (?, ?, ?, ?, ?)",
            (title, topic, body, number < len(texts.ARTICLES), _moment(number)),
        )
