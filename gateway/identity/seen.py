"""Names shown before, in the memory of one process: what makes a user assertion single-use.

Lives only here: how such names are kept and dropped. A restart forgets them, which `peers` makes up for. Must not know
what the names stand for. Given to `peers` by `app` where one process owns the state; several share a home in Redis.
"""

import heapq
from typing import Final

from gateway.model.work import StoreUnavailable
from gateway.ports import Clock

MOST: Final = 100_000
"""Names kept at once, about 35 MB; at the default life of an assertion, 1,500 calls a second."""
_DROPPED_AT_ONCE: Final = 2
"""More than one is added, so that the past goes sooner than the present comes; never a long pause for all of it."""


class Seen:
    """Implements homes.FirstSeen."""

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._until: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []

    async def first(self, name: str, ttl_s: float) -> bool:
        """True exactly once per name within `ttl_s` seconds.

        Raises StoreUnavailable when it is full: to forget one early would let it be used again.
        """
        now = self._clock.monotonic()
        for _ in range(_DROPPED_AT_ONCE):
            if self._ends and self._ends[0][0] <= now:
                until, gone = heapq.heappop(self._ends)
                if self._until[gone] == until:
                    del self._until[gone]
        if self._until.get(name, now) > now:
            return False
        if len(self._ends) >= self._most:
            raise StoreUnavailable(f"{self._most} names are in use at once")
        self._until[name] = now + ttl_s
        heapq.heappush(self._ends, (now + ttl_s, name))
        return True
