"""One HTTP/1.1 connection: uvicorn's, with the limits it lacks before there is a request that could be refused.

Lives only here: how large a head may grow and how long it may take, how long a client may read nothing of what is written
to it, that an idle connection tells `idle.py` of itself, and that the parser's complaint never takes the place of an answer
that is under way. What is cut off before its head was complete has no call id and leaves no record; a client that does not
read is hung up on, and to everybody else it has left. Must not know paths, MCP or who calls. `app.py` hands it to the HTTP
servers of both planes.
"""

import asyncio
from collections.abc import Callable
from fcntl import ioctl
from functools import partial
from struct import unpack
from termios import TIOCOUTQ
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.listener.caller import LEAVING
from gateway.listener.idle import Idle

MAX_HEAD: Final = 320 * 1024
"""Bytes that may come without completing a head; counted by packets of up to 256 KB, so far above `Limits.header_bytes`."""
MAX_LINES: Final = 1_000
"""Headers; in memory a short one is thirty times what it is on the wire. `Limits.headers` judges whole heads."""
MAX_BEHIND: Final = 32
"""Requests behind the one that is answered. One packet brings thousands, each a hundred times what it is on the wire, and
uvicorn reads the next packet after every answer."""


class Connection(HttpToolsProtocol):
    """Reads requests, runs the application, writes answers."""

    head_s: ClassVar = 10.0
    """From the opening of a connection, or the first byte of a later request, to the end of its head."""
    stalled_s: ClassVar = 10.0
    """For how long what is written may wait without a byte of it being taken."""
    idle: ClassVar = Idle()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_due: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._over = False
        self._left: Callable[[], None] | None = None
        self._running: RequestResponseCycle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        self._lie_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._taken()
        self.idle.leave(self._whence, self._end)
        # uvicorn tells its newest request only, and the one that is answered goes on writing
        if self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)
        if self._left is not None:
            self._left()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(self._untaken)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_LINES:
            raise ValueError("too many headers")  # the parser stops, and complains through `send_400_response`

    def on_headers_complete(self) -> None:
        self._head_came()
        self.idle.leave(self._whence, self._end)
        if len(self.pipeline) >= MAX_BEHIND:
            raise ValueError("too many requests at once")  # as above: those before it are answered
        super().on_headers_complete()
        extensions: dict[str, Any] = {LEAVING: self._watch}
        self.scope["extensions"] = extensions
        if self.parser.should_upgrade():
            # httptools takes what follows for another protocol, so it would read a body as the next request.
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering:
            self._lie_idle()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        super().data_received(data)
        if self._head_due is not None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._end()
        elif self.timeout_keep_alive_task is None and not self._answering:
            self._await_head()  # empty lines between requests end uvicorn's patience with an idle connection

    def send_400_response(self, msg: str) -> None:
        # What stands behind a complete request must not answer for it: it may have been carried out.
        if self._answering and (self.pipeline or not self.cycle.more_body):
            self._end()
        else:
            super().send_400_response(msg)

    def _watch(self, left: Callable[[], None]) -> Callable[[], None]:
        """Implements `caller.Watch`; one request at a time is answered, so there is one to tell."""
        self.flow.resume_reading()  # a large body may have stopped it, and who does not read sees nobody leave
        self._left = left
        if self.cycle.disconnected:
            self.loop.call_soon(left)
        return partial(self._unwatch, left)

    def _unwatch(self, left: Callable[[], None]) -> None:
        if self._left is left:  # else the next request of this connection watches already
            self._left = None

    def _lie_idle(self) -> None:
        if not self.transport.is_closing():
            self.idle.join(self._whence, self._end)

    @property
    def _whence(self) -> tuple[Any, str | None]:
        """Its server, and its client's address."""
        return self.server, self.client[0] if self.client else None

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end(self) -> None:
        """Hears no more and hangs up; after the answer, where one is under way."""
        self._over = True
        if self._answering:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _watch_reader(self, waiting: int) -> None:
        """Looks again later whether the client took anything of the bytes that wait; a slow one takes some."""
        self._taken()
        self._stalled = self.loop.call_later(self.stalled_s, self._look_again, waiting)

    def _look_again(self, waited: int) -> None:
        if (waiting := self._untaken) < waited:
            self._watch_reader(waiting)
        else:
            self.transport.abort()

    @property
    def _untaken(self) -> int:
        """Bytes that wait here and in the kernel. There alone a slow client's progress shows: what is here moves in lumps."""
        sock = self.transport.get_extra_info("socket")
        try:
            (queued,) = unpack("i", ioctl(sock.fileno(), TIOCOUTQ, b"\0" * 4))
        except OSError:
            queued = 0
        return int(self.transport.get_write_buffer_size() + queued)

    def _taken(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        self._stalled = None

    def _await_head(self) -> None:
        if self._head_due is None and not self.transport.is_closing():
            self._head_due = self.loop.call_later(self.head_s, self._end)

    def _head_came(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
        self._head_due, self._head_size = None, 0
