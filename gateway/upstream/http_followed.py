"""A session of an HTTP server as its news are followed.

Lives only here: the small requests of following over HTTP. Must not know when they are made (following) or how a session
was opened. Made by `http.py`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from gateway.model.call import Era
from gateway.model.outcome import Carried
from gateway.ports import Clock
from gateway.upstream import envelope
from gateway.upstream.channel import unnoticed
from gateway.upstream.deadline import Deadline
from gateway.upstream.http_session import HttpSession
from gateway.upstream.verdict import carried
from gateway.wire import headers, jsonrpc

SHORT_S: Final = 10.0
"""Longest wait for one of these requests."""


class HttpFollowed:
    """Implements Followed."""

    def __init__(
        self,
        session: HttpSession,
        ids: Iterator[int],
        clock: Clock,
        able: Callable[[Deadline], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self.era: Era = session.link.era
        self._session = session
        self._ids = ids
        self._clock = clock
        self._able = able

    async def capabilities(self) -> Mapping[str, Any]:
        return await self._able(Deadline(self._clock.monotonic() + SHORT_S, self._clock))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Carried:
        message = jsonrpc.request(next(self._ids), method, params)
        deadline = Deadline(self._clock.monotonic() + SHORT_S, self._clock)
        return carried(await self._session.ask(message, {}, deadline, unnoticed, self._session.hearing()))

    async def subscribe(self, notifications: Mapping[str, Any]) -> None:
        method = "subscriptions/listen"
        message = jsonrpc.request(next(self._ids), method, envelope.params("modern", {"notifications": notifications}))
        said, endless = headers.mcp_headers(method, None, None, {}), Deadline(None, self._clock)
        await self._session.ask(message, said, endless, unnoticed, self._session.hearing())

    def listen(self, missed: Callable[[], None]) -> None:
        self._session.listen(missed)

    async def over(self) -> None:
        await self._session.ended.wait()
