"""Who waits in this process for something that another process may change.

Lives only here: topics and their waiters. A push is a hint and may be lost, so whoever waits also looks for himself after
a while. Must not know Redis. The watch tells; the stores wait.
"""

import asyncio
from collections import defaultdict


class Ears:
    """Waiters by topic."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def tell(self, topic: str) -> None:
        """Wakes everybody who waits for `topic`."""
        for waiter in self._waiting.pop(topic, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def hear(self, topic: str, within_s: float) -> None:
        """Returns when `topic` was told, and after `within_s` at the latest."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[topic].add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=max(0.0, within_s))
        finally:
            self._waiting[topic].discard(waiter)
            if not self._waiting[topic]:
                del self._waiting[topic]
