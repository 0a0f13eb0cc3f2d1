"""The one who waits for an answer: still here, gone, or having said "never mind".

Lives only here: watching a connection while the road is walked, and cancelling a walk without cancelling anything else.
A disconnect cancels a modern request and only ends the waiting of a legacy one (MCP 2025: disconnect is not cancel). Must
not know what is being walked or how an answer looks. One per request; made by `plane`, used by the conversations.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final, TypeVar

from gateway.tasks import Tasks

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")
LEAVING: Final = "sallyport.leaving"
"""ASGI extension of our own connection (`Watch`). Another server is watched by a task, which costs a read 8 % more CPU."""
Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Calls back once when the connection is lost; returns what ends the watch."""


class NeverMind(Exception):
    """The caller cancelled; there is nothing to answer, or only that."""


class Caller:
    """One caller, seen from the task that serves it."""

    __slots__ = ("_connection", "_tasks", "_unwatch", "_walk", "cancelled", "gone", "receive")

    def __init__(self, receive: Receive, tasks: Tasks, extensions: Mapping[str, Any] | None = None) -> None:
        self.receive = receive
        self._tasks = tasks
        self._connection: Watch | None = (extensions or {}).get(LEAVING)
        self._walk: asyncio.Task[Any] | None = None
        self._unwatch: Callable[[], object] | None = None
        self.gone = False
        """The connection is closed: whatever is sent now reaches nobody."""
        self.cancelled = False

    async def walk(self, work: Awaitable[T], *, leaving_cancels: bool) -> T:
        """Awaits `work` while watching the connection. Raises NeverMind when the caller cancelled it.

        `work` runs in this very task (a task of its own would cost every call one more); it is cancelled the way
        `asyncio.timeout` does it, so that a cancellation from outside still passes through untouched.
        """
        task = self._walk = asyncio.current_task()
        assert task is not None
        self.watch(partial(self._left, leaving_cancels=leaving_cancels))
        try:
            return await work
        except asyncio.CancelledError:
            if not self.cancelled or task.cancelling() > 1:
                raise
            raise NeverMind from None
        finally:
            self._walk = None
            if self.cancelled:
                task.uncancel()

    def cancel(self) -> None:
        """Cancels the walk, if it is being walked."""
        if self._walk is not None and not self.cancelled:
            self.cancelled = True
            self._walk.cancel()

    def watch(self, left: Callable[[], None]) -> None:
        """Calls `left` once when the connection is lost; one watch at a time."""
        if self._connection is not None:
            self._unwatch = self._connection(left)
        else:
            self._unwatch = self._tasks.start(self._until_gone(left), "caller").cancel

    def release(self) -> None:
        """Stops watching. Whoever made a caller calls this when the answer is out."""
        if self._unwatch is not None:
            self._unwatch()

    async def _until_gone(self, left: Callable[[], None]) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        left()

    def _left(self, *, leaving_cancels: bool) -> None:
        self.gone = True
        if leaving_cancels:
            self.cancel()
