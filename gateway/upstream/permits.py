"""The bulkhead of one upstream: so many calls at once, so many waiting in order, nobody for long.

Lives only here: slots, the bounded first-in-first-out queue, and the promise that no slot is lost to a cancelled caller.
Must not know HTTP, processes or what a call is. Used by both kinds of upstream; the pipeline takes and returns permits.
"""

import asyncio
from types import TracebackType

from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock, Permit

LONGEST_WAIT_S = 2.0
_RETRY_AFTER_MS = 1000


class _Slot:
    """One slot, given back once however often its context is left."""

    __slots__ = ("_held", "_permits")

    def __init__(self, permits: "Permits") -> None:
        self._permits = permits
        self._held = True

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._permits.put_back()


class Permits:
    """At most `limit` slots out; at most `queue` callers waiting for one."""

    def __init__(self, upstream: str, limit: int, queue: int, clock: Clock) -> None:
        self._upstream = upstream
        self._free = limit
        self._queue = queue
        self._clock = clock
        self._waiting: dict[asyncio.Future[bool], None] = {}

    def try_permit(self) -> Permit | None:
        """A slot if one is free now. None is free while somebody waits: a returned slot goes to the first in line."""
        if self._free <= 0:
            return None
        self._free -= 1
        return _Slot(self)

    async def permit(self, deadline: float) -> Permit:
        """Waits at most until `deadline` (monotonic seconds) or 2 s. Raises Refused: upstream-unavailable."""
        if (permit := self.try_permit()) is not None:
            return permit
        wait_s = min(LONGEST_WAIT_S, deadline - self._clock.monotonic())
        if len(self._waiting) >= self._queue or wait_s <= 0:
            raise self._refused("is busy and its queue is full")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting[turn] = None
        timer = loop.call_later(wait_s, self._give_up, turn)
        try:
            granted = await turn
        except asyncio.CancelledError:
            # The slot may have been handed over in the same loop turn in which the caller was cancelled.
            if turn.done() and not turn.cancelled() and turn.result():
                self.put_back()
            raise
        finally:
            timer.cancel()
            self._waiting.pop(turn, None)
        if not granted:
            raise self._refused("had no free slot in time")
        return _Slot(self)

    def put_back(self) -> None:
        """Returns a slot, straight to the first caller that still waits; or lends it while a call waits for a person."""
        self._free += 1
        while self._waiting and self._free > 0:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                self._free -= 1
                turn.set_result(True)

    def take_back(self) -> None:
        """The slot of a call that goes on. It has waited for its person, and waits for no slot: for a while more than `limit`
        may be out, and none is given to anybody else until that is over.
        """
        self._free -= 1

    def _give_up(self, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            self._waiting.pop(turn, None)
            turn.set_result(False)

    def _refused(self, what: str) -> Refused:
        return Refused(
            Reason.UPSTREAM_UNAVAILABLE, f"Upstream {self._upstream} {what}.", retry_after_ms=_RETRY_AFTER_MS
        )
