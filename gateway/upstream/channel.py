"""JSON-RPC messages over one HTTP endpoint: posted once, answered there or on a stream that is taken up again.

Lives only here: MCP's Streamable HTTP as a carrier (2025-03-26 and later), with resumption of a broken stream by GET and
`Last-Event-ID` (SEP-1699), which never sends the message again. Must not know eras, sessions or what a message means.
Called by `http_session.py`, for both eras, and by `sse_legacy.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from yarl import URL

from gateway.model.outcome import Lost, Unsent
from gateway.ports import Reached
from gateway.upstream.answer import Other, Take, Trail, Unusable, is_stream
from gateway.upstream.deadline import Deadline
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.verdict import Exchanged, Heard
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump

Sleep = Callable[[float], Awaitable[None]]
_JSON: Final = {"Content-Type": "application/json"}
_STREAM: Final = {"Accept": "text/event-stream"}
_LEAST_PAUSE_S: Final = 0.1
_FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0


class Channel:
    """One endpoint."""

    def __init__(self, exchange: HttpExchange, url: URL, sleep: Sleep = asyncio.sleep) -> None:
        self.url: Final = url
        self._exchange = exchange
        self._sleep = sleep

    async def post(
        self,
        message: Mapping[str, Any],
        headers: Mapping[str, str],
        deadline: Deadline,
        reached: Reached,
        other: Other,
        *,
        answered: bool = True,
        resumes: bool = False,
    ) -> Exchanged:
        """Sends once. `answered`: a request's answer comes here; `resumes`: the server may break its stream off before.

        Never raises for what the other side does; a cancelled exchange closes its connection.
        """
        try:
            body = dump(message)
        except (TypeError, ValueError):
            return Unsent("it has no JSON form", cause="unfit")
        awaited = message.get("id") if answered and "method" in message else None
        trail = Trail(turns=lambda: deadline.turns)
        hear = self._hearing(awaited, other, trail)
        exchanged = await self._exchange.within(deadline, "POST", self.url, body, {**headers, **_JSON}, reached, hear)
        if resumes and trail.last_id is not None and (trail.ended or _broken(exchanged)):
            back = await self._taken_up(exchanged, headers, deadline, hear, trail)
            if isinstance(back, Heard) and back.frame is not None:
                reached("upstream.answered")
            return back
        return exchanged

    async def listen(
        self,
        headers: Mapping[str, str],
        take: Take,
        trail: Trail,
        deadline: Deadline,
        opened: Callable[[], None] = lambda: None,
    ) -> Exchanged:
        """Reads a stream of the server's own (GET) until it ends; `trail` says where an earlier one broke off.

        Heard: it offers none. Anything else: there was one, or may be one another time.
        """

        async def hear(response: aiohttp.ClientResponse) -> Heard | Lost:
            if not is_stream(response):
                response.close()
                return Heard(None, "no stream", response.status)
            opened()
            try:
                await self._exchange.reader.listen(response, take, trail)
            except Unusable as unusable:
                response.close()
                return Lost(str(unusable))
            return Lost("the stream ended")

        asked = {**headers, **_STREAM, **_place(trail)}
        return await self._exchange.within(deadline, "GET", self.url, None, asked, unnoticed, hear)

    async def _taken_up(
        self, broken: Exchanged, headers: Mapping[str, str], deadline: Deadline, hear: "_Hear", trail: Trail
    ) -> Exchanged:
        """The answer, from the server's streams that follow the broken one. What it was when the server offers none."""
        pause_s = _FIRST_PAUSE_S
        while not deadline.over:
            retry_s = pause_s if trail.retry_ms is None else max(_LEAST_PAUSE_S, trail.retry_ms / 1000)
            left_s = deadline.left_s
            await self._sleep(retry_s if left_s is None else min(retry_s, left_s))
            trail.ended = False
            asked = {**headers, **_STREAM, **_place(trail)}
            back = await self._exchange.within(deadline, "GET", self.url, None, asked, unnoticed, hear)
            if isinstance(back, Heard) and not trail.ended and back.status < 500:
                return back if _is_answer(back) else broken
            if isinstance(back, Lost) and back.timed_out:
                return back
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return Lost("no answer in time", timed_out=True)

    def _hearing(self, awaited: jsonrpc.Id | None, other: Other, trail: Trail) -> "_Hear":
        reader = self._exchange.reader

        async def hear(response: aiohttp.ClientResponse) -> Heard:
            try:
                return await reader.hear(response, awaited, other, trail)
            except Unusable as unusable:
                response.close()
                return Heard(None, str(unusable), response.status, None, reader.retry_after(response))

        return hear


_Hear = Callable[[aiohttp.ClientResponse], Awaitable[Heard]]


def unnoticed(_point: str) -> None:
    """Openings, listings and streams are no crash points of the road."""


def _broken(exchanged: Exchanged) -> bool:
    return isinstance(exchanged, Lost) and not exchanged.timed_out


def _is_answer(back: Heard) -> bool:
    """Whether what came on the way back answers the call. A refusal there is about the GET, and proves nothing of a call that
    the server took before: believed, it would have a call that may have run sent again.
    """
    return back.status == HTTPStatus.OK and back.frame is not None and back.frame.id is not None


def _place(trail: Trail) -> dict[str, str]:
    return {} if trail.last_id is None else {"Last-Event-ID": trail.last_id}
