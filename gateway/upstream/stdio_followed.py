"""A child process as its news are followed: it says everything on its one stdout.

Lives only here: the small requests of following over pipes. Must not know when they are made (following) or when a process
is started. Made by `stdio.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from gateway.model.call import Era
from gateway.model.outcome import Carried
from gateway.ports import Clock
from gateway.upstream import envelope
from gateway.upstream.channel import unnoticed
from gateway.upstream.child import Child
from gateway.upstream.deadline import Deadline
from gateway.upstream.http_followed import SHORT_S
from gateway.upstream.verdict import carried
from gateway.wire import jsonrpc


class StdioFollowed:
    """Implements Followed."""

    def __init__(
        self,
        child: Child,
        era: Era,
        ids: Iterator[int],
        clock: Clock,
        able: Callable[[Deadline], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self.era: Era = era
        self._child = child
        self._ids = ids
        self._clock = clock
        self._able = able

    async def capabilities(self) -> Mapping[str, Any]:
        return await self._able(Deadline(self._clock.monotonic() + SHORT_S, self._clock))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Carried:
        return carried(await self._child.ask(jsonrpc.request(next(self._ids), method, params), SHORT_S, unnoticed))

    async def subscribe(self, notifications: Mapping[str, Any]) -> None:
        """A subscription that is cancelled here is cancelled at the server, too."""
        params = envelope.params("modern", {"notifications": notifications})
        await self._child.ask(jsonrpc.request(next(self._ids), "subscriptions/listen", params), None, unnoticed)

    def listen(self, missed: Callable[[], None]) -> None:
        """It is heard from its start on; `missed` never."""

    async def over(self) -> None:
        await asyncio.wait((self._child.ended,))
