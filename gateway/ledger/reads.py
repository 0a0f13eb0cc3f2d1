"""Reads on their way to an upstream, which a stop ends there.

Lives only here: that exactly the send is cancelled and its caller is told why, while a caller that leaves at the same
moment stays a caller that left (as `asyncio.timeout` does it). Must not know rows. Used by the room; calls that leave
traces are never cancelled, they end in their record.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType

from gateway.model.refusal import Refusal, Refused

Barred = Callable[[], Refusal | None]


class Reads:
    """Those of this process."""

    def __init__(self) -> None:
        self._under_way: set[Read] = set()

    def around(self, barred: Barred) -> "Read":
        """A context for one send; raises Refused when `barred` gave a reason while it ran."""
        return Read(self._under_way, barred)

    def look(self) -> None:
        """Cancels what is barred now."""
        for read in tuple(self._under_way):
            read.look()


class Read:
    """One of them, and its task."""

    def __init__(self, under_way: "set[Read]", barred: Barred) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way, self._barred, self._task = under_way, barred, task
        self._cancelled_before = task.cancelling()
        self._refusal: Refusal | None = None

    def look(self) -> None:
        """Cancels it when it is barred, once."""
        if self._refusal is None and (refusal := self._barred()) is not None:
            self._refusal = refusal
            self._task.cancel()

    def __enter__(self) -> None:
        self._under_way.add(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._under_way.discard(self)
        if self._refusal is None:
            return
        only_ours = self._task.uncancel() <= self._cancelled_before
        if only_ours and kind is asyncio.CancelledError:
            raise Refused.of(self._refusal) from None
