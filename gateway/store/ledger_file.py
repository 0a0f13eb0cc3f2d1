"""The ledger's SQLite file: how it is opened, and its failures in our words.

Lives only here: the pragmas durability hangs on, and the translation of `sqlite3.Error`. Must not know works, groups or
tables. Called by the writer, on its thread.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.model.work import StoreUnavailable

_VERSION: Final = 2
"""Of all tables together."""


def opened(path: Path, schema: Sequence[str]) -> sqlite3.Connection:
    """In WAL mode with full syncs: a COMMIT that returned survives a power cut. Raises sqlite3.Error, StoreUnavailable."""
    db = sqlite3.connect(path, isolation_level=None)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and version != _VERSION:
        db.close()
        raise StoreUnavailable(
            f"{path}: was made by another version of Sallyport: settle with that version what is in doubt, then move the file "
            "away; calls it remembers could be carried out again."
        )
    db.execute(f"PRAGMA user_version={_VERSION}")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=2000"):
        db.execute(f"PRAGMA {pragma}")
    for statement in schema:
        db.execute(statement)
    return db


def own_failure(error: Exception) -> Exception:
    """What a change raised, as its submitter may see it."""
    match error:
        case sqlite3.Error():
            return StoreUnavailable(f"the ledger file refused a change: {type(error).__name__}")
        case StopIteration():  # a future cannot carry it
            return RuntimeError("a change raised StopIteration")
        case _:
            return error
