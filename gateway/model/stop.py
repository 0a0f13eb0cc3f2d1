"""One row of the kill switch.

Lives only here: what can be stopped, and how far. Must not know who asks or where rows are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

StopKind = Literal["all", "tenant", "agent", "user", "tool", "upstream", "run"]
StopMode = Literal["stop", "read-only", "pause"]
"""stop: nothing passes, reads in flight are cancelled. read-only: declared reads pass. pause: new calls are told to come
back later; what waits for a person or a twin goes on waiting."""
STRICTNESS: Final[Mapping[StopMode, int]] = {"read-only": 0, "pause": 1, "stop": 2}
"""Which of several rows speaks, and whether a changed row is looser than it was."""
TRIP: Final = "trip"
LOOPS: Final = "loops"
"""Who wrote rows that no person wrote."""


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

    @property
    def name(self) -> tuple[StopKind, str]:
        """There is one row of each."""
        return self.kind, self.target
