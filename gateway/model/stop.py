"""One row of the kill switch.

Lives only here: what can be stopped, and how far. Must not know who asks or where rows are kept.
"""

from dataclasses import dataclass
from typing import Literal

StopKind = Literal["all", "tenant", "agent", "user", "tool", "upstream", "run"]
StopMode = Literal["stop", "read-only", "pause"]
"""stop: nothing passes, reads in flight are cancelled. read-only: declared reads pass. pause: new calls are told to come
back later; what waits for a person or a twin goes on waiting."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One row of the kill switch."""

    kind: StopKind
    target: str
    """Id without its kind; empty for `all`."""
    why: str
    by: str
    at: float
    mode: StopMode = "stop"
