"""What calls used up, as the audit index tells it: so that budgets survive a restart.

Lives only here: one row for every call that cost something, made from its entries, and the sums over them. An open
intent counts what it reserved; so does a call in doubt, until somebody finds that it was not carried out. Must not know
files, threads or limits. Used by the audit index only.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.model.audit import stamp
from gateway.model.spend import Counter, Scope, Unit, Who

_UNITS: Final = ("calls", "mutating", "bytes", "tokens", "money")
_FACTS: Final = ("session", "run", "user", "agent", "tool")
SCHEMA: Final = (
    f"CREATE TABLE IF NOT EXISTS spent (call PRIMARY KEY, time, tenant, {', '.join((*_FACTS, *_UNITS))}) WITHOUT ROWID",
    *(
        f"CREATE INDEX IF NOT EXISTS spent_by_{name} ON spent ({name}, time) WHERE {name} IS NOT NULL"
        for name in ("tenant", *_FACTS)
    ),
)
_COLUMNS: Final = 3 + len(_FACTS) + len(_UNITS)
_KEEP: Final = f"REPLACE INTO spent VALUES ({', '.join('?' * _COLUMNS)})"  # noqa: S608  only placeholders
_DROP: Final = "DELETE FROM spent WHERE call = ?"
_PAID: Final = frozenset({"answered", "answered-error", "in-doubt", "withheld"})


def take_in(db: sqlite3.Connection, made: Mapping[str, Any], *, intended: bool) -> None:
    """What one entry says of its call; `intended`: the call had an intent, so it was to leave traces."""
    call = made.get("call")
    if not isinstance(call, str):
        return
    match made.get("kind"):
        case "intent":
            db.execute(_KEEP, _row(made, mutating=1))
        case "call" if _cost_something(made):
            db.execute(_KEEP, _row(made, mutating=int(intended)))
        case "call":
            db.execute(_DROP, (call,))
        case "resolved" if made.get("resolved") == "not-executed":
            db.execute(_DROP, (call,))


def used(db: sqlite3.Connection, counter: Counter, since: float) -> int:
    """By the calls of one counter; Unix seconds."""
    who = "".join(f" AND {fact} IS ?" for fact, _ in counter.who)
    question = f"SELECT total({counter.unit}) FROM spent WHERE tenant = ? AND time >= ?{who}"  # noqa: S608  Literals
    (total,) = db.execute(question, (counter.tenant, stamp(since), *(value for _, value in counter.who))).fetchone()
    return int(total)


def used_by(db: sqlite3.Connection, scope: Scope, unit: Unit, since: float) -> Sequence[tuple[str, Who, int]]:
    """By every id of a scope."""
    fact = next((one for one in _FACTS if one == scope), "NULL")
    named = f" AND {fact} IS NOT NULL" if scope != "tenant" else ""
    question = f"SELECT tenant, {fact}, total({unit}) FROM spent WHERE time >= ?{named} GROUP BY 1, 2"  # noqa: S608  Literals
    rows = db.execute(question, (stamp(since),)).fetchall()
    return [(tenant, () if scope == "tenant" else ((scope, name),), int(total)) for tenant, name, total in rows]


def _cost_something(made: Mapping[str, Any]) -> bool:
    outcome = made.get("outcome")
    return outcome in _PAID or (outcome == "failed" and made.get("executed") == "unknown")


def _row(made: Mapping[str, Any], *, mutating: int) -> Sequence[str | int | None]:
    cost = made.get("cost")
    told = cost if isinstance(cost, dict) else {}
    if "run_proof" not in made:  # a label of the agent's own choice must not use up a proven run
        made = {**made, "run": None}
    facts = [
        value if isinstance(value := made.get(name), str) else None for name in ("call", "time", "tenant", *_FACTS)
    ]
    amounts = [amount if isinstance(amount := told.get(unit), int) else 0 for unit in ("bytes", "tokens", "money")]
    return *facts, 1, mutating, *amounts
