"""The response to one POST until it is complete: JSON, or an event stream once something has to be said before the answer.

Lives only here: when a response becomes a stream, the order of its events, keep-alive, and that a client which does not
read costs bounded memory. Must not know JSON-RPC, eras or sessions. Made by `plane` for every POST; dialogues `say`, and
`plane` ends it with the answer. Nothing is written before somebody speaks, so most responses stay plain JSON.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.listener.caller import Caller, Send
from gateway.listener.render import Answer, Headers
from gateway.tasks import Tasks
from gateway.wire import sse

STREAM: Final[Headers] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
BREATH: Final = b": still here\n\n"
_MOST_UNREAD: Final = 1024 * 1024
"""Bytes of events that may wait for a client that does not read; further notifications are dropped."""
_MOST_WAITING: Final = 64
"""Events that may wait behind a write that the client does not take. A burst that nobody tried to write yet is none."""
_NO_CONTENT: Final = frozenset({204, 304})


class Outlet:
    """One response."""

    def __init__(self, send: Send, caller: Caller, tasks: Tasks, *, streams: bool, keep_alive_s: float) -> None:
        """`streams`: the client said that it takes events."""
        self._send = send
        self._caller = caller
        self._tasks = tasks
        self._keep_alive_s = keep_alive_s
        self.streams = streams
        self.remember: Callable[[bytes], str] | None = None
        """Keeps an event for a client that comes back for it, and names it (legacy resumption)."""
        self._unsent: list[bytes] = []
        self._unread = 0
        self._more = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._over = False
        self._stuck = False
        """Whether a write waits for the client."""

    def breathe(self) -> None:
        """From now on: where the answer takes long, a stream that says so begins before it."""
        if self.streams:
            self._late = asyncio.get_running_loop().call_later(self._keep_alive_s, self._begin)

    def say(self, data: bytes) -> bool:
        """One event, in order. False when it was dropped: the client takes none, or leaves too much unread."""
        full = self._unread > _MOST_UNREAD or (self._stuck and len(self._unsent) >= _MOST_WAITING)
        if not self.streams or self._over or (full and not self._caller.gone):
            return False
        self._queue(data)
        return True

    async def end(self, answer: Answer, *, bodiless: bool) -> None:
        """Sends the answer, as the last event of a stream that began; then says so to whoever wants to know."""
        if self._late is not None:
            self._late.cancel()
        if answer.delivered is not None:
            await asyncio.sleep(0)  # lets the watcher see a connection that was closed in this very turn of the loop
        try:
            if self._writing is None:
                self._over = True
                await self._whole(answer, bodiless=bodiless)
            else:
                self._queue(answer.body)
                self._over = True
                self._more.set()
                await self._writing
        except OSError:
            return
        # Not asked again whether the caller is gone: once a response is complete, servers report a disconnect to everyone.
        if answer.delivered is not None and not self._caller.gone:
            answer.delivered()

    async def _whole(self, answer: Answer, *, bodiless: bool) -> None:
        headers = answer.headers if answer.status in _NO_CONTENT else (*answer.headers, _length(answer))
        if not self._caller.gone:
            await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if not self._caller.gone:
            body = b"" if bodiless else answer.body
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _queue(self, data: bytes) -> None:
        event = sse.event(data, None if self.remember is None else self.remember(data))
        if self._caller.gone:
            return
        self._put(event)
        self._more.set()
        if self._writing is None:
            self._writing = self._tasks.start(self._write(), "answer")

    def _begin(self) -> None:
        if self._writing is None and not self._caller.gone:
            self._put(BREATH)
            self._writing = self._tasks.start(self._write(), "answer")

    def _put(self, data: bytes) -> None:
        self._unsent.append(data)
        self._unread += len(data)

    async def _write(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": STREAM})
        while not self._caller.gone:
            self._more.clear()
            told, self._unsent = b"".join(self._unsent), []
            if told:
                self._stuck = True
                await self._send({"type": "http.response.body", "body": told, "more_body": True})
                self._stuck = False
                self._unread -= len(told)
            if self._unsent:
                continue
            if self._over:
                break
            await self._pause()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._keep_alive_s):
                await self._more.wait()
        except TimeoutError:
            self._put(BREATH)


def _length(answer: Answer) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(answer.body)).encode())
