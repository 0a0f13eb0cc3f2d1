"""Policies on disk, principals and a clock that stands still: what every test of the room needs."""

from pathlib import Path

from gateway.config.schema import Policy
from gateway.model.principal import Principal
from gateway.policy.faults import Findings
from gateway.policy.rows import Dialect, read_rows
from gateway.policy.rules import Rules

SHIPPED = Path(__file__).parents[3] / "policies"
MODEL = (SHIPPED / "model.conf").read_text()
CONDITIONS = "small: args.amount <= 100\nown: args.owner == user\noffice: now.getHours() < 18\n"
SECTION = Policy(model=Path("model.conf"), rows=Path("policy.csv"), conditions=Path("conditions.yaml"))


class Clock:
    """2025-06-02, a Monday, 12:00 UTC, until somebody sets it."""

    at = 1748865600.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def write(folder: Path, rows: str, conditions: str = CONDITIONS, model: str = MODEL) -> None:
    (folder / "model.conf").write_text(model)
    (folder / "policy.csv").write_text(rows)
    (folder / "conditions.yaml").write_text(conditions)


def rules(
    folder: Path, rows: str, conditions: str = CONDITIONS, model: str = MODEL, clock: Clock | None = None
) -> Rules:
    write(folder, rows, conditions, model)
    return Rules.load(SECTION, folder, clock or Clock())


def row_faults(rows: str, *, everyone: bool = True) -> list[str]:
    found = Findings("policy.csv", [])
    read_rows(rows, Dialect({"small": None, "own": None}, everyone=everyone), found)
    return [str(fault) for fault in found.faults]


def who(
    user: str | None = "alice", agent: str = "bot", tenant: str = "default", roles: tuple[str, ...] = ()
) -> Principal:
    return Principal(tenant, agent, "key:k1", user, "key:k1", frozenset(roles))
