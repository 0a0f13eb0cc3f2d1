"""The GET streams of legacy sessions: the standalone one that tells news, and those a client came back for.

Lives only here: which are open, what is written to them and when, their keep-alive, their end. A stream waits; it ties up
no worker and counts as no request in flight. Must not know whose session it is or what a request was. Called by the legacy
conversation; `plane.close` ends them all, because an HTTP server waits for open responses before it stops.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

from gateway.listener.caller import Caller, Send
from gateway.listener.hub import Ear
from gateway.listener.legacy_replay import Line
from gateway.listener.limits import Limits, Seats
from gateway.listener.outlet import BREATH, STREAM
from gateway.model.news import ListChanged, News, Updated
from gateway.model.principal import Principal, Who
from gateway.model.refusal import Reason, Refused
from gateway.tasks import Tasks
from gateway.wire import jsonrpc, sse
from gateway.wire.strict_json import dump


@dataclass(eq=False, slots=True)
class Open:
    """Not an answer yet: a stream to be held open. Implements Reader."""

    line: Line
    after: int
    """Number of the last event the client has seen."""
    over: Callable[[], bool]
    """Whether its session or the credential that opened it has ended."""
    ear: Ear | None = None
    """What the standalone stream tells."""
    may_hear: Callable[[News], bool] = lambda _: True
    primes: bool = False
    """Whether it begins with an event that only has a name (2025-11-25, SEP-1699)."""
    gone: bool = False
    owner: Who | None = None
    """Whose seat it has, once it has one."""

    def leave(self) -> None:
        """Stops reading."""
        self.gone = True
        self.line.more.set()


class Streams:
    """Open GET streams."""

    def __init__(self, limits: Limits, seats: Seats, tasks: Tasks) -> None:
        self._limits = limits
        self._seats = seats
        self._tasks = tasks
        self._open: set[Open] = set()
        self._closing = False

    def take(self, opened: Open, principal: Principal) -> None:
        """Makes it the reader of its line, to be held. Raises Refused: sessions-full."""
        opened.owner = principal.who
        if not self._seats.take(opened.owner):
            detail = f"{self._limits.streams} streams are open already, or half of them by this caller."
            raise Refused(Reason.SESSIONS_FULL, detail, retry_after_ms=5_000)
        opened.line.taken_by(opened)
        self._open.add(opened)

    async def hold(self, opened: Open, caller: Caller, send: Send) -> None:
        """Writes a taken stream until its caller leaves, another takes it, it has nothing more to say, or it is over."""
        caller.watch(opened.leave)
        news = None if opened.ear is None else self._tasks.start(_tell(opened, opened.ear), "news")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": STREAM})
            await _write(send, BREATH)
            if opened.primes:
                opened.line.keep(b"")
            await self._follow(opened, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the caller went away in the middle of a write
        finally:
            opened.gone = True
            self._open.discard(opened)
            assert opened.owner is not None
            self._seats.leave(opened.owner)
            if news is not None:
                news.cancel()

    def close(self) -> None:
        """Ends all streams; one that is asked for later ends at once."""
        self._closing = True
        for opened in self._open:
            opened.leave()

    async def _follow(self, opened: Open, send: Send) -> None:
        line, seen = opened.line, opened.after
        while True:
            line.more.clear()
            for event in line.after(seen):
                if opened.gone:
                    return
                await _write(send, sse.event(event.data, event.name))
                seen = event.number
            if line.more.is_set():
                continue
            if line.ended_at is not None:
                if line.delivered is not None and not opened.gone:
                    line.delivered()
                return
            if opened.gone or self._closing or opened.over():
                return
            if not await _woken(line.more, self._limits.keep_alive_s):
                await _write(send, BREATH)


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _tell(opened: Open, ear: Ear) -> None:
    """Turns what the ear hears into events; the line keeps them for a client that breaks off and comes back."""
    while True:
        for news in await ear.heard():
            if opened.may_hear(news):
                opened.line.keep(dump(_notification(news)))


def _notification(news: News) -> dict[str, Any]:
    match news:
        case ListChanged(kind=kind):
            return jsonrpc.notification(f"notifications/{kind}/list_changed")
        case Updated(uri=uri):
            return jsonrpc.notification("notifications/resources/updated", {"uri": uri})
        case _:
            assert_never(news)


async def _woken(more: asyncio.Event, longest_s: float) -> bool:
    try:
        async with asyncio.timeout(longest_s):
            await more.wait()
    except TimeoutError:
        return False
    return True
