"""The desk itself: a report over all tables, and two tools that touch no data and serve tests and benchmarks."""

import sqlite3

import anyio

from examples.helpdesk.store.rows import count, fetch_all


def echo(_db: sqlite3.Connection, *, text: str) -> str:
    return text


async def slow(_db: sqlite3.Connection, *, seconds: float) -> str:
    await anyio.sleep(seconds)
    return f"Slept for {seconds} seconds."


def report(db: sqlite3.Connection) -> str:
    tickets = fetch_all(db, "SELECT status, count(*) AS amount FROM tickets GROUP BY status ORDER BY status")
    refunds = fetch_all(
        db, "SELECT currency, sum(amount_cents) AS cents FROM refunds WHERE status = 'approved' GROUP BY currency"
    )
    lines = [f"{row['amount']} tickets are {row['status']}." for row in tickets]
    lines += [f"{row['cents']} cents {row['currency']} are approved for refund." for row in refunds]
    lines.append(f"{count(db, 'SELECT count(*) FROM outbox')} mails are in the outbox.")
    return "\n".join(lines)
