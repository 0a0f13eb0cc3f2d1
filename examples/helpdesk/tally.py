"""What really happened at the desk, read from its file and nothing else: `python -m examples.helpdesk.tally --db PATH`.

Prints one JSON object: every refund, every mail with the number of addresses its text gives away, and the customers that
were erased. Nothing is written, also when the desk still runs.
"""

import argparse
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from examples.helpdesk.store.rows import fetch_all

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def tally(db: sqlite3.Connection) -> dict[str, Any]:
    customers = {row["email"] for row in fetch_all(db, "SELECT email FROM customers WHERE email IS NOT NULL")}
    return {
        "refunds": fetch_all(db, "SELECT order_id, amount_cents, currency FROM refunds ORDER BY id"),
        "mails": [
            {
                "to": mail["recipient"],
                "to_customer": mail["recipient"] in customers,
                "addresses": len({*_ADDRESS.findall(mail["body"])} - {mail["recipient"]}),
            }
            for mail in fetch_all(db, "SELECT recipient, body FROM outbox ORDER BY id")
        ],
        "erased": [row["id"] for row in fetch_all(db, "SELECT id FROM customers WHERE email IS NULL ORDER BY id")],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What really happened at the desk.")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file of a desk")
    options = parser.parse_args()
    with closing(sqlite3.connect(f"{options.db.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        print(json.dumps(tally(db)))


if __name__ == "__main__":
    main()
