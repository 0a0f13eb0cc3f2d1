"""Background tasks with an owner: each is referenced until it ends, and its failure is logged, never lost.

Lives only here: the one call of `asyncio.create_task`, which keeps only a weak reference by itself. Must not know what
a task does. Used by app, pipeline (detached calls), upstream (readers) and identity (key refresh).
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_log = logging.getLogger("sallyport")


class Tasks:
    """A set of running tasks that can be waited for or cancelled together."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Starts `work` now."""
        task = asyncio.create_task(work, name=name)  # noqa: TID251  the one place
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def __len__(self) -> int:
        return len(self._running)

    async def drain(self, wait_s: float) -> int:
        """Waits at most `wait_s` for all to end by themselves; returns how many still run."""
        if self._running:
            await asyncio.wait(self._running, timeout=wait_s)
        return len(self._running)

    def cancel(self) -> None:
        """Cancels what still runs, and waits for nothing."""
        for task in tuple(self._running):
            task.cancel()

    async def close(self) -> None:
        """Cancels what still runs and waits for it."""
        running = tuple(self._running)
        self.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task %s failed: %s", task.get_name(), type(error).__name__, exc_info=error)
