"""Connections on which nothing is asked now: one address keeps so many, then the one that waited longest makes room.

Lives only here: who waits, in which order. Whoever opens connections and leaves them lying takes descriptors from nobody
but itself; an agent host or an ingress that keeps many open loses the oldest, which clients expect of an idle connection.
Must not know HTTP. Used by the connections themselves.
"""

from collections.abc import Callable, Hashable
from typing import Final

Close = Callable[[], None]
MOST: Final = 256


class Idle:
    """Those of every address of one server."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: dict[Hashable, dict[Close, None]] = {}

    def join(self, address: Hashable, close: Close) -> None:
        """One more waits; beyond the most the oldest is closed."""
        waiting = self._waiting.setdefault(address, {})
        waiting[close] = None
        if len(waiting) > self._most:
            oldest = next(iter(waiting))
            del waiting[oldest]
            oldest()

    def leave(self, address: Hashable, close: Close) -> None:
        """It is asked something, or is gone; once is enough, twice does no harm."""
        if (waiting := self._waiting.get(address)) is None:
            return
        waiting.pop(close, None)
        if not waiting:
            del self._waiting[address]
