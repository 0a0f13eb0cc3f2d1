"""The bulkhead of one upstream: so many calls at once, so many waiting in order, nobody for long, no agent alone.

Lives only here: slots, shares and the bounded queue, and the promise that no slot is lost to a cancelled caller. Where several
agents use the upstream, one holds at most half of the slots and of the queue (rounded up), whether the others want them now
or not; an agent that has the upstream to itself may use all. Calls whose callers went away go on and keep their slots; once
they hold half of all, an agent that left some behind gets no further one. First in, first out among those who may have one.
Must not know HTTP, processes or what a call is. Used by every kind of upstream; the pipeline takes and returns permits.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock, Permit

LONGEST_WAIT_S = 2.0
_RETRY_AFTER_MS = 1000
_JUDGED_BY: Final = 32
"""So many calls must have ended before their quickest says how long a call takes at least."""


class _Slot:
    """One slot, given back once however often its context is left."""

    __slots__ = ("_agent", "_alone", "_held", "_permits", "_since")

    def __init__(self, permits: "Permits", agent: str, since: float) -> None:
        self._permits = permits
        self._agent = agent
        self._since = since
        self._held = True
        self._alone = False

    def __enter__(self) -> Callable[[], None]:
        return self._left

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            self._held = False
            self._permits.ended(self._agent, self._since, alone=self._alone)

    def _left(self) -> None:
        """Its caller has gone, and the call goes on."""
        if self._held and not self._alone:
            self._alone = True
            self._permits.left_alone(self._agent)


@dataclass(frozen=True, slots=True)
class Loan:
    """The slot of one agent's call while it waits for a person. Implements `deadline.Lent`."""

    permits: "Permits"
    agent: str

    def put_back(self) -> None:
        self.permits.put_back(self.agent)

    def take_back(self) -> None:
        """The call goes on. It has waited for its person, and waits for no slot: for a while more than there are may be out,
        and none is given to anybody else until that is over.
        """
        self.permits.take(self.agent)


class Permits:
    """At most `limit` slots out; at most `queue` callers waiting for one."""

    def __init__(self, upstream: str, limit: int, queue: int, clock: Clock, *, shared: bool = False) -> None:
        """`shared`: more than one agent may use the upstream."""
        self._upstream = upstream
        self._free = limit
        self._limit = limit
        self._half = _half(limit)
        self._share = self._half if shared else limit
        self._queue = queue
        self._queue_share = _half(queue) if shared else queue
        self._clock = clock
        self._held: Counter[str] = Counter()
        """Slots by agent; of them `_alone` without their callers."""
        self._alone: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[bool], str] = {}
        """In order; each with its agent."""
        self._took: deque[float] = deque(maxlen=_JUDGED_BY)

    def try_permit(self, agent: str) -> Permit | None:
        """A slot if the agent may have one now. Nobody is overtaken: a returned slot goes to the first who may have it."""
        if not self._may(agent):
            return None
        self.take(agent)
        return self._slot(agent)

    async def permit(self, deadline: float, agent: str) -> Permit:
        """Waits at most 2 s, and not into the time the call needs before `deadline` (monotonic seconds).

        Raises Refused: upstream-unavailable.
        """
        if (permit := self.try_permit(agent)) is not None:
            return permit
        self._must_fit(agent)
        wait_s = min(LONGEST_WAIT_S, deadline - self._clock.monotonic() - self._least_s)
        if wait_s <= self._turns_s:
            raise self._refused("is busy and would not come to this call in time")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting[turn] = agent
        timer = loop.call_later(wait_s, self._give_up, turn)
        try:
            granted = await turn
        except asyncio.CancelledError:
            # The slot may have been handed over in the same loop turn in which the caller was cancelled.
            if turn.done() and not turn.cancelled() and turn.result():
                self.put_back(agent)
            raise
        finally:
            timer.cancel()
            self._waiting.pop(turn, None)
        if not granted:
            raise self._refused("had no free slot in time")
        return self._slot(agent)

    def loan(self, agent: str) -> Loan:
        """How a call of this agent lends its slot."""
        return Loan(self, agent)

    def take(self, agent: str) -> None:
        """One slot more is out."""
        self._free -= 1
        self._held[agent] += 1

    def put_back(self, agent: str) -> None:
        """Returns a slot, straight to the first who waits and may have it."""
        self._free += 1
        self._held[agent] -= 1
        if not self._held[agent]:
            del self._held[agent]
        self._serve()

    def ended(self, agent: str, since: float, *, alone: bool) -> None:
        """A call is over. `alone`: its caller had gone."""
        self._took.append(self._clock.monotonic() - since)
        if alone:
            self._alone[agent] -= 1
            if not self._alone[agent]:
                del self._alone[agent]
        self.put_back(agent)

    def left_alone(self, agent: str) -> None:
        """The caller of a call under way has gone."""
        self._alone[agent] += 1

    def _may(self, agent: str) -> bool:
        if self._free <= 0 or self._held[agent] >= self._share:
            return False
        return not self._alone[agent] or self._alone.total() < self._half

    def _serve(self) -> None:
        for turn, agent in tuple(self._waiting.items()):
            if self._free <= 0:
                return
            if self._may(agent):
                del self._waiting[turn]
                if not turn.done():
                    self.take(agent)
                    turn.set_result(True)

    def _slot(self, agent: str) -> _Slot:
        return _Slot(self, agent, self._clock.monotonic())

    @property
    def _least_s(self) -> float:
        """What a call takes at least, as far as that is known: none of the last ones was quicker."""
        return min(self._took) if len(self._took) == _JUDGED_BY else 0.0

    @property
    def _turns_s(self) -> float:
        """What those who wait already take at least until a slot is free."""
        return len(self._waiting) // self._limit * self._least_s

    def _must_fit(self, agent: str) -> None:
        """Raises Refused."""
        if len(self._waiting) >= self._queue:
            raise self._refused("is busy and its queue is full")
        if sum(one == agent for one in self._waiting.values()) >= self._queue_share:
            raise self._refused(f"is busy and {agent} has its share of the queue already")

    def _give_up(self, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            self._waiting.pop(turn, None)
            turn.set_result(False)

    def _refused(self, what: str) -> Refused:
        return Refused(
            Reason.UPSTREAM_UNAVAILABLE, f"Upstream {self._upstream} {what}.", retry_after_ms=_RETRY_AFTER_MS
        )


def _half(number: int) -> int:
    return (number + 1) // 2
