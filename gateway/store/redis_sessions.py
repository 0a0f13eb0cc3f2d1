"""Tombstones of legacy sessions that several gateways share: asked in memory, told through Redis.

Lives only here: the mirror, and what the others were not told yet. Every gateway keeps what it knows, so an emptied server
learns it again. Must not know what a session holds. Asked by the legacy conversation through `homes.EndedSessions`;
the watch refreshes it.
"""

from typing import Final

from gateway.model.work import StoreUnavailable
from gateway.ports import Clock
from gateway.store.redis_link import RedisLink
from gateway.store.redis_names import CHANNEL, ENDED, ENDED_TOPIC, ENDED_VERSION, Script
from gateway.tasks import Tasks

_ENDED: Final = Script.of("ended")
_AT_ONCE: Final = 500


class RedisEndedSessions:
    """Implements `homes.EndedSessions`."""

    def __init__(self, link: RedisLink, clock: Clock, tasks: Tasks) -> None:
        self._link = link
        self._clock = clock
        self._tasks = tasks
        self._until: dict[bytes, float] = {}
        self._untold: dict[bytes, float] = {}

    def __contains__(self, key: bytes) -> bool:
        return self._until.get(key, 0.0) > self._clock.now()

    def add(self, key: bytes, until: float) -> None:
        """In force here at once; elsewhere when the store can be told."""
        self._until[key] = self._untold[key] = until
        self._tasks.start(self._tell_now(), "redis-ended-session")

    async def tell(self) -> None:
        """Tells what the others do not know. Raises StoreUnavailable; then it is told later."""
        while told := list(self._untold.items())[:_AT_ONCE]:
            words = [word for key, until in told for word in (until, key)]
            args = (self._clock.now(), CHANNEL, ENDED_TOPIC, *words)
            await self._link.run(_ENDED, (ENDED, ENDED_VERSION), args)
            for key, until in told:
                if self._untold.get(key) == until:
                    del self._untold[key]

    async def refresh(self) -> None:
        """Learns what the others ended, and tells what the server does not know. Raises StoreUnavailable."""
        now = self._clock.now()
        flat = await self._link.command("ZRANGEBYSCORE", ENDED, f"({now}", "+inf", "WITHSCORES")
        known = {key: float(until) for key, until in zip(flat[::2], flat[1::2], strict=True)}
        mine = {key: until for key, until in self._until.items() if until > now}
        self._untold = {key: until for key, until in mine.items() if known.get(key, 0.0) < until}
        self._until = known | self._untold
        await self.tell()

    async def _tell_now(self) -> None:
        try:
            await self.tell()
        except StoreUnavailable:
            return  # the watch tries again
