"""The GET streams of legacy sessions: one per session, kept open, quiet until something has to be said.

Lives only here: which streams are open, their keep-alive, their end. A stream waits; it ties up no worker and counts as no
request in flight. Must not know JSON-RPC or identity. Called by the legacy conversation; `plane.close` ends them all,
because an HTTP server waits for open responses before it stops.
"""

import asyncio
from typing import Final

from gateway.listener.caller import Receive, Send
from gateway.listener.limits import Limits
from gateway.listener.sessions import Session
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock
from gateway.tasks import Tasks

_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_BREATH: Final = b": still here\n\n"


class Streams:
    """Open streams by session."""

    def __init__(self, limits: Limits, clock: Clock, tasks: Tasks) -> None:
        self._limits = limits
        self._clock = clock
        self._tasks = tasks
        self._open: dict[bytes, asyncio.Event] = {}
        """Sessions with a stream, each with the event that ends it."""
        self._closing = False

    def take(self, session: Session) -> None:
        """Reserves the session's one stream for `hold`. Raises Refused: stream-taken, sessions-full."""
        if session.key in self._open:
            raise Refused(Reason.STREAM_TAKEN, "This session has a GET stream already.")
        if len(self._open) >= self._limits.streams:
            raise Refused(
                Reason.SESSIONS_FULL, f"{self._limits.streams} GET streams are open already.", retry_after_ms=5_000
            )
        self._open[session.key] = asyncio.Event()

    async def hold(self, session: Session, ends: float, receive: Receive, send: Send) -> None:
        """Keeps a taken stream open until its caller leaves, the session ends or Unix time `ends` has come."""
        over = self._open[session.key]
        watch = self._tasks.start(_until_gone(receive, over), "stream")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while not over.is_set() and not self._closing and self._clock.now() < ends:
                await send({"type": "http.response.body", "body": _BREATH, "more_body": True})
                await _pause(over, self._limits.keep_alive_s)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the caller went away in the middle of a write
        finally:
            watch.cancel()
            del self._open[session.key]

    def end(self, session: Session) -> None:
        """Ends the session's stream, if it has one."""
        if (over := self._open.get(session.key)) is not None:
            over.set()

    def close(self) -> None:
        """Ends all streams; one that is asked for later ends at once."""
        self._closing = True
        for over in self._open.values():
            over.set()


async def _until_gone(receive: Receive, over: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    over.set()


async def _pause(over: asyncio.Event, longest_s: float) -> None:
    try:
        async with asyncio.timeout(longest_s):
            await over.wait()
    except TimeoutError:
        pass
