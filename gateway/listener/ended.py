"""Tombstones of legacy sessions in this process: enough where one process answers.

Lives only here: which ids were ended by DELETE, bounded, until they would have ended anyway. Must not know what a session
holds. Given to `Sessions` by `app.py`; several processes share tombstones through their store instead.
"""

from typing import Final

from gateway.ports import Clock

MOST: Final = 65_536


class EndedHere:
    """Implements `homes.EndedSessions`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}

    def __contains__(self, key: bytes) -> bool:
        return key in self._until

    def add(self, key: bytes, until: float) -> None:
        """The oldest makes way where there are too many."""
        if len(self._until) >= MOST:
            now = self._clock.now()
            self._until = {name: ends for name, ends in self._until.items() if ends >= now}
        if len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[key] = until
