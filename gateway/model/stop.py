"""One row of the kill switch.

Lives only here: what can be stopped. Must not know who asks or where rows are kept.
"""

from dataclasses import dataclass
from typing import Literal

StopKind = Literal["all", "tenant", "agent", "user", "tool", "upstream"]


@dataclass(frozen=True, slots=True)
class Stop:
    """One row of the kill switch."""

    kind: StopKind
    target: str
    """Id without its kind; empty for `all`."""
    why: str
    by: str
    at: float
