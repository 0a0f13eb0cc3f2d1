"""What one process takes on at once, and the intake that holds requests to it.

Lives only here: counts and bytes in flight, each caller's share of them, the body's size and deadline. One caller has at most
half of the requests in flight, of their bodies and of the streams (rounded up): nobody can shut all others out. Must not
know what a body says.
`plane` takes a slot for every request it lets past the door and gives it back when the answer is gone.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

from gateway.listener.caller import Receive
from gateway.model.principal import Principal, Who
from gateway.model.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the agent plane."""

    headers: int = 100
    header_bytes: int = 32 * 1024
    body_bytes: int = 4 * 1024 * 1024
    body_s: float = 10.0
    """From the first look at the body to its last byte."""
    in_flight: int = 1_000
    held_bytes: int = 256 * 1024 * 1024
    """Of all bodies in flight together."""
    streams: int = 1_000
    """GET streams and `subscriptions/listen` together; they wait, so they are no requests in flight."""
    keep_alive_s: float = 15.0
    sessions: int = 10_000
    """Legacy sessions of which something is kept: log level, subscriptions, events to be replayed."""
    idle_s: float = 1_800.0
    """After so long without a request, and with nothing open, what is kept of a session is dropped."""
    subscriptions: int = 256
    """Of one session or listen stream."""
    subscribed_chars: int = 32 * 1024
    """Of the URIs of these together: they are kept for hours."""
    questions: int = 32
    """Open to one session's client."""
    parked: int = 1_000
    """Questions to stateless clients, open at once."""
    parked_each: int = 64
    """Of these, to one principal."""
    parked_held_bytes: int = 64 * 1024 * 1024
    """Of the bodies of all requests that wait for such an answer, counted per question."""
    parked_bytes: int = 4 * 1024 * 1024
    """Of these, one principal's."""
    answer_s: float = 300.0
    """How long a client may take to answer a question."""
    away_s: float = 30.0
    """How long a client may be away from a stream on which a question waits."""
    replay_events: int = 512
    """Of one session; the oldest make way, the newest is always kept."""
    replay_bytes: int = 1024 * 1024
    """Of one session."""
    replay_s: float = 300.0
    """How long the events of a stream that ended are kept."""
    replay_held_bytes: int = 64 * 1024 * 1024
    """Of all sessions together."""


class Intake:
    """Counts what is in flight."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = 0
        self.held = 0
        self.shares = Shares(limits.in_flight)
        self.bodies = Shares(limits.held_bytes)


class Shares:
    """What each caller has of so many."""

    def __init__(self, most: int) -> None:
        self._each = (most + 1) // 2
        self._has: Counter[Who] = Counter()

    def take(self, caller: Who, amount: int = 1) -> bool:
        """Whether it was within the caller's share; give it back with `leave`."""
        if self._has[caller] + amount > self._each:
            return False
        self._has[caller] += amount
        return True

    def leave(self, caller: Who, amount: int = 1) -> None:
        """So much less; who has none is forgotten."""
        self._has[caller] -= amount
        if not self._has[caller]:
            del self._has[caller]


class Seats:
    """Counts open streams, of both eras."""

    def __init__(self, limits: Limits) -> None:
        self._free = limits.streams
        self._shares = Shares(limits.streams)

    def take(self, caller: Who) -> bool:
        """Whether there was one for this caller; give it back with `leave`."""
        if self._free <= 0 or not self._shares.take(caller):
            return False
        self._free -= 1
        return True

    def leave(self, caller: Who) -> None:
        """The stream is over."""
        self._free += 1
        self._shares.leave(caller)


class Slot:
    """One request's share of the intake. Whoever made it calls `leave` when the answer is out."""

    __slots__ = ("_entered", "_held", "_intake", "_owner")

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._entered = False
        self._held = 0
        self._owner: Who | None = None

    @property
    def held(self) -> int:
        """Bytes of the body."""
        return self._held

    def enter(self) -> None:
        """Counts the request. Raises Refused: overloaded."""
        if self._intake.requests >= self._intake.limits.in_flight:
            raise _overloaded(f"{self._intake.limits.in_flight} requests are in flight already")
        self._intake.requests += 1
        self._entered = True

    def belongs_to(self, principal: Principal) -> None:
        """Counts the request for its caller. Raises Refused: overloaded."""
        if not self._intake.shares.take(caller := principal.who):
            raise _overloaded("half of those it may carry at once are this caller's already")
        self._owner = caller

    def leave(self) -> None:
        """Gives back what was counted; once is enough, twice does no harm."""
        if self._owner is not None:
            self._intake.shares.leave(self._owner)
            self._intake.bodies.leave(self._owner, self._held)
            self._owner = None
        if self._entered:
            self._intake.requests -= 1
            self._intake.held -= self._held
            self._entered, self._held = False, 0

    async def body(self, receive: Receive, announced: str | None) -> bytes:
        """The whole body. Raises Refused: too-large, too-slow, overloaded, cancelled."""
        if announced is not None and announced.isdecimal() and (len(announced) > 18 or int(announced) > self._limit):
            raise self._too_large()
        try:
            async with asyncio.timeout(self._intake.limits.body_s):
                return await self._read(receive)
        except TimeoutError:
            raise Refused(
                Reason.TOO_SLOW, f"The body was not complete after {self._intake.limits.body_s:g} s."
            ) from None

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(Reason.CANCELLED, "The caller went away before its request was complete.")
            if chunk := message.get("body", b""):
                self._hold(len(chunk))
                parts.append(chunk)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def _limit(self) -> int:
        return self._intake.limits.body_bytes

    def _hold(self, size: int) -> None:
        intake = self._intake
        if self._held + size > self._limit:
            raise self._too_large()
        if intake.held + size > intake.limits.held_bytes:
            raise _overloaded("the bodies of the requests in flight fill the space set aside for them")
        if self._owner is not None and not intake.bodies.take(self._owner, size):
            raise _overloaded("half of the space for the bodies of those in flight is this caller's already")
        self._held += size
        intake.held += size

    def _too_large(self) -> Refused:
        return Refused(Reason.TOO_LARGE, f"The body is larger than {self._limit} bytes.")


def _overloaded(why: str) -> Refused:
    return Refused(Reason.OVERLOADED, f"The gateway takes no more requests now: {why}.", retry_after_ms=1_000)
