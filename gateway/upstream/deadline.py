"""When a call must have its answer, as something that can stand still: a person's time is not the server's.

Lives only here: the moment, and the one timer of the asyncio loop that holds the exchange under way to it. Must not know
what is exchanged. Made for every call; moved by conversations, kept by whatever waits for a server.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from gateway.model.call import LONGEST_S
from gateway.ports import Clock


class Lent(Protocol):
    """Where the slot of a call comes from."""

    def put_back(self) -> None: ...

    def take_back(self) -> None: ...


class Deadline:
    """A moment in monotonic seconds; None: there is no end."""

    __slots__ = ("_at", "_clock", "_kept", "_last", "_open", "_slot", "_timer", "turns")

    def __init__(self, at: float | None, clock: Clock, slot: Lent | None = None) -> None:
        """`slot` is lent to others while it stands still."""
        self._at = at
        self._clock = clock
        self._last = clock.monotonic() + LONGEST_S
        """However often it stands still: the end of all patience."""
        self.turns = 0
        """How often it began or ceased to stand still; odd while it does."""
        self._slot = slot
        self._open = 0
        self._kept: float | None = None
        """Seconds that were left when it began to stand still."""
        self._timer: asyncio.Timeout | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds; None while they do not run out."""
        return None if self._at is None or self._open else self._at - self._clock.monotonic()

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    @property
    def patience_s(self) -> float:
        """Seconds that it may stand still from now on."""
        return max(0.0, self._last - self._clock.monotonic())

    @property
    def over(self) -> bool:
        return (left_s := self.left_s) is not None and left_s <= 0

    def timer(self) -> asyncio.Timeout:
        """To be entered by the one exchange that waits now: it raises TimeoutError when the time is over."""
        self._timer = asyncio.timeout(self.left_s)
        return self._timer

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """No time passes inside; several may be open at once."""
        if not self._open:
            self._kept = self.left_s
            self.turns += 1
            if self._slot is not None:
                self._slot.put_back()
        self._open += 1
        self._move()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self.turns += 1
                if self._slot is not None:
                    self._slot.take_back()
                if self._kept is not None:
                    self._at = min(self._clock.monotonic() + self._kept, self._last)
            self._move()

    def _move(self) -> None:
        if self._timer is None:
            return
        left_s = self.left_s
        with suppress(RuntimeError):  # it rang in this very moment, or nothing waits now
            self._timer.reschedule(None if left_s is None else asyncio.get_running_loop().time() + left_s)
