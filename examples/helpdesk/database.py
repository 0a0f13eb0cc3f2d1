"""The SQLite file both servers share: its tables, how it is opened, and what a transaction is."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.helpdesk import seed

_BUSY_SECONDS = 10

_TABLES = (
    """CREATE TABLE IF NOT EXISTS customers (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, phone TEXT,
        tier TEXT NOT NULL, country TEXT NOT NULL, created_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, item TEXT NOT NULL,
        total_cents INTEGER NOT NULL CHECK (total_cents > 0), currency TEXT NOT NULL, status TEXT NOT NULL,
        shipping_address TEXT NOT NULL, tracking TEXT, cancel_reason TEXT, placed_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS tickets (
        id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers,
        order_id INTEGER REFERENCES orders, subject TEXT NOT NULL, body TEXT NOT NULL, status TEXT NOT NULL,
        priority TEXT NOT NULL, assignee TEXT, resolution TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS ticket_tags (
        ticket_id INTEGER NOT NULL REFERENCES tickets, tag TEXT NOT NULL, PRIMARY KEY (ticket_id, tag))""",
    """CREATE TABLE IF NOT EXISTS refunds (
        id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders,
        amount_cents INTEGER NOT NULL CHECK (amount_cents > 0), currency TEXT NOT NULL, reason TEXT NOT NULL,
        status TEXT NOT NULL, created_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
        ticket_id INTEGER REFERENCES tickets, created_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets, author TEXT NOT NULL,
        text TEXT NOT NULL, pinned INTEGER NOT NULL, created_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS articles (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL,
        published INTEGER NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS article_links (
        article_id INTEGER NOT NULL REFERENCES articles, ticket_id INTEGER NOT NULL REFERENCES tickets,
        PRIMARY KEY (article_id, ticket_id))""",
)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock at once, keep everything or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time: SQLite answers two that switch an empty file to WAL at once with "locked"."""
    with Path(f"{path}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _prepare(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    with transaction(db):
        for table in _TABLES:
            db.execute(table)
        if db.execute("SELECT count(*) FROM customers").fetchone()[0] == 0:
            seed.fill(db)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database in this file; an empty file is given its tables and the seed first."""
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        with _alone(path):
            _prepare(db)
        yield db
    finally:
        db.close()
