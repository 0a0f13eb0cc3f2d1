"""The words of a policy: one rule (a `p` row) and one grant (a `g` row), after reading.

Lives only here: their shape, and which columns and actions exist. Must not know files or Casbin. Made by `rows.py`,
read by everything else in the room.
"""

from dataclasses import dataclass
from typing import Final

from gateway.model.decision import Verdict

COLUMNS: Final = ("id", "sub", "tenant", "agent", "tool", "act", "when", "eft")
ACTIONS: Final = ("call", "prompt", "read", "approve")
ALWAYS: Final = "-"
"""What `when` says where there is no condition."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One `p` row."""

    id: str
    sub: str
    """`user:…`, `role:…`, `agent:…`, or `*` in a deny row."""
    tenant: str
    agent: str
    """Bare agent id, or `*`."""
    tool: str
    """Tool glob."""
    act: str
    when: str
    """Name of a condition, or `-`."""
    effect: Verdict
    line: int = 0
    """Where it stands in policy.csv; also the file order."""

    @property
    def values(self) -> tuple[str, ...]:
        """The row as Casbin holds it, in the order of `COLUMNS`."""
        return (self.id, self.sub, self.tenant, self.agent, self.tool, self.act, self.when, self.effect.value)


@dataclass(frozen=True, slots=True)
class Grant:
    """One `g` row: `member` has `role` in `tenant`."""

    member: str
    role: str
    tenant: str
    line: int = 0
