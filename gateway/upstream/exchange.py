"""One request and its answer over a warm pool: the only place where aiohttp is driven.

Lives only here: the pool, timeouts, and whether a byte may have left. Must not know eras, sessions or tools. A request is
written at most once: redirects are off, cookies and proxies unknown, and `_Body` keeps aiohttp from sending idempotent
methods again. Called by `channel.py` and `openapi.py`.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar, cast

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError, StreamWriter
from aiohttp.payload import Payload
from multidict import CIMultiDict
from yarl import URL

from gateway.model.outcome import Lost, Unsent
from gateway.ports import Clock, Reached
from gateway.upstream.answer import Reader, Silent
from gateway.upstream.deadline import Deadline

T = TypeVar("T")

CONNECT_S: Final = 2.0
_TLS_S: Final = 3.0
"""For the handshake that comes on top; aiohttp times both as one."""
_IDLE_S: Final = 4.0
"""Shorter than the 5 s after which common servers close idle connections: a request that meets the close is lost."""
_HEADERS: Final = {
    "Accept": "application/json, text/event-stream",
    "Accept-Encoding": "identity",
    "User-Agent": "sallyport",
}
_TYPE: Final = ("Content-Type",)
_TIMEOUTS: Final = {
    scheme: aiohttp.ClientTimeout(total=None, connect=connect_s, ceil_threshold=math.inf)
    for scheme, connect_s in {"http": CONNECT_S, "https": CONNECT_S + _TLS_S}.items()
}
"""The deadline covers pool, connection, head and body; aiohttp's own timer cannot be moved, and would round it up."""
_FAULTS: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, RuntimeError)
"""What aiohttp raises for a peer's misdeeds, and TimeoutError; RuntimeError is its word for a connection that is gone."""


class _Body(Payload):
    """The request body, which knows whether a byte of the request may have left.

    aiohttp holds the head back until the body's first chunk, so nothing has left before `write` is entered, and a transport
    that is closing takes nothing. From then on only an answer can tell. An empty body serves requests without one.
    """

    _autoclose = True

    def __init__(self, value: bytes, reached: Reached) -> None:
        super().__init__(value, content_type="application/json")
        self._size = len(value)
        self._reached = reached
        self.departed = False

    @property
    def consumed(self) -> bool:
        """Always: aiohttp would write PUT, DELETE and GET a second time when a connection breaks, and asks this first."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return cast("bytes", self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._reached("upstream.before-send")
        transport = cast("StreamWriter", writer).transport
        self.departed = transport is not None and not transport.is_closing()
        if self._value:
            await writer.write(self._value)
        else:
            writer.send_headers()
        self._reached("upstream.after-send")


class HttpExchange:
    """The pool toward one server. Needs a running loop from its first exchange on."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        max_answer: int,
        clock: Clock,
        standing: Mapping[str, str] = _HEADERS,
    ) -> None:
        """`headers` are the operator's, `standing` ours, which win."""
        self._url = URL(url)
        self._headers = CIMultiDict(headers)
        self._headers.update(standing)
        self.reader = Reader(max_answer, clock)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def carry(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
        reached: Reached,
        read: Callable[[aiohttp.ClientResponse], Awaitable[T]],
    ) -> T | Unsent | Lost:
        """Sends once, and what `read` makes of the answer; it may raise what aiohttp raises.

        Never raises for what the other side does; a cancelled exchange closes its connection.
        """
        return await self.within(Deadline(deadline, self._clock), method, url, body, headers, reached, read)

    async def within(
        self,
        deadline: Deadline,
        method: str,
        url: URL,
        body: bytes | None,
        headers: Mapping[str, str],
        reached: Reached,
        read: Callable[[aiohttp.ClientResponse], Awaitable[T]],
    ) -> T | Unsent | Lost:
        """The same under a deadline that may move while it is under way."""
        if deadline.over:
            return Unsent("no time was left to send it")
        payload = _Body(body or b"", reached)
        try:
            async with deadline.timer():
                response = await self._pool().request(
                    method,
                    url,
                    data=payload,
                    headers=headers,
                    timeout=_TIMEOUTS[url.scheme],
                    allow_redirects=False,
                    skip_auto_headers=_TYPE if body is None else None,
                )
                try:
                    answer = await read(response)
                except BaseException:
                    response.close()
                    raise
        except _FAULTS as fault:
            return _fault(fault, departed=payload.departed)
        reached("upstream.answered")
        return answer

    async def delete(self, headers: Mapping[str, str], wait_s: float) -> None:
        """Ends a session as far as the server cares; failures do not matter."""
        timeout = aiohttp.ClientTimeout(total=wait_s)
        try:
            async with self._pool().delete(self._url, headers=headers, timeout=timeout, allow_redirects=False):
                pass
        except _FAULTS:
            pass

    async def close(self) -> None:
        """Closes every connection, busy ones too."""
        self.reader.close()
        if self._session is not None:
            await self._session.close()

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers=self._headers,
                max_headers=100,
            )
        return self._session


def _fault(fault: Exception, *, departed: bool) -> Unsent | Lost:
    timed_out = isinstance(fault, TimeoutError)
    if departed:
        broke = "its stream fell silent" if isinstance(fault, Silent) else "the connection broke"
        return Lost("no answer in time" if timed_out else f"{broke} before the answer was complete", timed_out)
    if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return Unsent("TLS failed", cause="unreached")
    return Unsent("it could not be reached in time" if timed_out else "it could not be reached", cause="unreached")
