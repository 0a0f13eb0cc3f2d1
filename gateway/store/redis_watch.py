"""What one gateway hears of the others: pushes, and a look each second that makes up for lost ones.

Lives only here: when the amnesia guard looks, the kill switch is read again, tombstones are refreshed, waiters are woken,
and the log hears that the store is away or back. Must not know what any of that means. Two tasks per process, started by
`redis_home.py`; a failing server ends neither.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final

from gateway.model.work import StoreUnavailable
from gateway.ports import Clock
from gateway.store.redis_ears import Ears
from gateway.store.redis_generation import Generation
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import CHANNEL, ENDED_TOPIC, STOPS_TOPIC
from gateway.store.redis_sessions import RedisEndedSessions
from gateway.store.redis_stops import RedisStops

POLL_S: Final = 1.0
INSPECT_S: Final = 60.0
_log = logging.getLogger("sallyport.store")


class RedisWatch:
    """Keeps this process up to date with its server."""

    def __init__(self, guard: Guard, ears: Ears, stops: RedisStops, sessions: RedisEndedSessions, clock: Clock) -> None:
        self._guard = guard
        self._ears = ears
        self._stops = stops
        self._sessions = sessions
        self._clock = clock
        self._pushed = asyncio.Event()
        self._inspected = clock.monotonic()
        self._seen: tuple[str | None, str | None, Generation | None] = (None, None, None)
        self._said: str | None = None
        self.on_stops: Callable[[], Awaitable[None]] | None = None
        """Called when the kill switch may have changed, and once when the server is first reached."""
        self.confirmed_at: float | None = None
        """Monotonic seconds when the kill switch was last known to be up to date; None before the first time."""

    async def poll(self) -> None:
        """For ever: a look each second, and at once after a push that concerns everybody."""
        while True:
            try:
                await self.tick()
            except StoreUnavailable:  # `fault` says so, and the next look tries again
                self._seen = (None, None, self._seen[2])  # what was stopped meanwhile must be saved
            except Exception:  # noqa: BLE001  nobody would start this task again
                _log.exception("a look at the store failed")
            self._say()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._pushed.wait()
            self._pushed.clear()

    async def listen(self) -> None:
        """For ever: pushes."""
        while True:
            with suppress(StoreUnavailable):
                async with aclosing(self._guard.link.listen(CHANNEL)) as topics:
                    async for topic in topics:
                        self._hear(topic)
            await asyncio.sleep(POLL_S)

    async def tick(self) -> None:
        """One look. Raises StoreUnavailable."""
        looked_at = self._clock.monotonic()
        if looked_at - self._inspected >= INSPECT_S:
            self._inspected = looked_at
            await self._guard.link.inspect()
        stops, ended = await self._guard.tick()
        self._guard.save()  # each second: whoever is killed with the server must still know what it had seen
        await self._follow(stops, ended, self._guard.known)
        self.confirmed_at = looked_at  # the answer is as old as the question

    async def _follow(self, stops: str, ended: str, generation: Generation | None) -> None:
        """Each part of `_seen` moves only when it was followed, so that a failure is made up for at the next look."""
        seen_stops, seen_ended, seen_generation = self._seen
        if generation != seen_generation:
            if seen_generation is not None:  # an operator accepted a loss
                await self._stops.restore()
            seen_stops = seen_ended = None
        if stops != seen_stops and self.on_stops is not None:
            await self.on_stops()
            seen_stops = stops
        self._seen = (seen_stops, seen_ended, generation)
        if ended != seen_ended:
            await self._sessions.refresh()
        await self._sessions.tell()
        self._seen = (seen_stops, ended, generation)

    def _say(self) -> None:
        """Into the log, once for each change: a store that is away for a night fills no disk."""
        fault, said = self._guard.fault, self._said
        if fault is not None and fault != said:
            _log.warning("%s", fault)
        elif fault is None and said is not None:
            _log.info("the store %s is usable again", self._guard.link.place)
        self._said = fault

    def _hear(self, topic: str) -> None:
        if topic in {"", STOPS_TOPIC, ENDED_TOPIC}:
            self._pushed.set()
        else:
            self._ears.tell(topic)
