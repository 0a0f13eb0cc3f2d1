"""Reading one HTTP answer: a JSON body or an event stream, bounded, down to the one response that was awaited.

Lives only here: size limits, the search for our response among a server's other messages, how far a stream was read,
`Retry-After`. Must not know what an answer proves (verdict) or whether it may be asked again. Called by `channel.py`,
`stream.py` and `openapi_answer.py`.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from gateway.ports import Clock
from gateway.upstream.verdict import Heard
from gateway.wire import jsonrpc
from gateway.wire.sse import Event, EventTooLarge, Parser
from gateway.wire.strict_json import MalformedJson, parse

MAX_STREAM: Final = 64 * 1024 * 1024
"""Bytes of one event stream, notifications included."""
IDLE_S: Final = 30.0
"""Longest silence of an answer's stream that has begun."""
_LINGER_S: Final = 1.0
_LONGEST_SESSION_ID: Final = 1024

_LONGEST_PLACE: Final = 1024

Other = Callable[[jsonrpc.Request | jsonrpc.Notification], None]
"""Takes what a server says before it answers."""
Take = Callable[[Event], bool]
"""Takes an event; whether that was enough."""


def _never_turned() -> int:
    return 0


@dataclass(slots=True)
class Trail:
    """How far streams that belong together were read, for whoever comes back to the server (SEP-1699)."""

    last_id: str | None = None
    retry_ms: int | None = None
    ended: bool = False
    """Whether the server ended one before its answer."""
    turns: Callable[[], int] = _never_turned
    """How often the call's time began or ceased to stand still: a server that waits for a person may be silent."""

    def follow(self, parser: Parser) -> None:
        if (place := parser.last_id) is not None:
            fits = 0 < len(place) <= _LONGEST_PLACE and place.isascii() and place.isprintable()
            self.last_id = place if fits else None
        if parser.retry_ms is not None:
            self.retry_ms = parser.retry_ms


class Silent(ConnectionError):
    """A stream that had begun told nothing for so long that its connection counts as broken."""


class Unusable(Exception):
    """The answer cannot be used; the text is ours."""


class Reader:
    """How answers of one server are read; at most `max_answer` bytes each."""

    def __init__(self, max_answer: int, clock: Clock) -> None:
        self.max_answer = max_answer
        self.clock = clock
        self._lingering: dict[aiohttp.ClientResponse, asyncio.TimerHandle] = {}

    def close(self) -> None:
        """Lets go of streams whose end nobody waits for."""
        for response in tuple(self._lingering):
            self._let_go(response)

    async def hear(
        self, response: aiohttp.ClientResponse, awaited: jsonrpc.Id | None, other: Other, trail: Trail
    ) -> Heard:
        """The response to `awaited`; with None only the status is read. Raises Unusable and what aiohttp raises."""
        frame: jsonrpc.Response | None = None
        must_be_plain(response)
        if awaited is None:
            response.release()
        elif response.content_type == "text/event-stream":
            frame = await self._stream(response, awaited, other, trail)
        else:
            if not (body := await self.whole(response)):
                raise Unusable(f"HTTP {response.status} without an answer")
            frame = awaited_frame(jsonrpc.classify(parsed(body)), awaited)
        return Heard(frame, "", response.status, _session(response), self.retry_after(response))

    def retry_after(self, response: aiohttp.ClientResponse) -> int | None:
        """`Retry-After` in milliseconds (RFC 9110 §10.2.3, seconds or a date); None when absent or senseless."""
        text = response.headers.get("Retry-After")
        if text is None:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 9:
            return int(text) * 1000
        try:
            return max(0, round((parsedate_to_datetime(text).timestamp() - self.clock.now()) * 1000))
        except (ValueError, OverflowError):
            return None

    async def whole(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, perhaps empty. Raises Unusable when it is too large, and what aiohttp raises."""
        parts: list[bytes] = []
        size = response.content_length or 0
        if size > self.max_answer:
            raise Unusable(f"an answer of more than {self.max_answer} bytes")
        size = 0
        while part := await response.content.readany():
            size += len(part)
            if size > self.max_answer:
                raise Unusable(f"an answer of more than {self.max_answer} bytes")
            parts.append(part)
        return b"".join(parts)

    async def listen(self, response: aiohttp.ClientResponse, take: Take, trail: Trail) -> None:
        """Reads a stream until it ends; we set it no end. Raises Unusable, and what aiohttp raises."""
        must_be_plain(response)
        await self._events(response, math.inf, None, take, trail)

    async def _stream(
        self, response: aiohttp.ClientResponse, awaited: jsonrpc.Id, other: Other, trail: Trail
    ) -> jsonrpc.Response:
        found: list[jsonrpc.Response] = []

        def take(event: Event) -> bool:
            if not event.data:
                return False  # the priming event of 2025-11-25
            frame = jsonrpc.classify(parsed(event.data))
            if isinstance(frame, jsonrpc.Request | jsonrpc.Notification):
                other(frame)
                return False
            found.append(awaited_frame(frame, awaited))
            return True

        if not await self._events(response, MAX_STREAM, IDLE_S, take, trail):
            trail.ended = True
            raise Unusable("the stream ended before the answer")
        self._linger(response)
        return found[0]

    async def _events(
        self, response: aiohttp.ClientResponse, most: float, idle_s: float | None, take: Take, trail: Trail
    ) -> bool:
        """Whether `take` had enough before the stream ended. Only who has begun to tell something can fall silent."""
        parser, size = Parser(self.max_answer), 0
        while part := await _more(response, idle_s if size else None, trail):
            size += len(part)
            if size > most:
                raise Unusable(f"a stream of more than {most} bytes")
            try:
                events = parser.feed(part)
            except EventTooLarge:
                raise Unusable(f"an answer of more than {self.max_answer} bytes") from None
            trail.follow(parser)
            if any(take(event) for event in events):
                return True
        return False

    def _linger(self, response: aiohttp.ClientResponse) -> None:
        """The server ends the stream right after its answer, mostly in a later packet.

        Nobody waits for that: at its end the connection goes back to the pool by itself, or is closed when no end comes.
        """
        if not response.content.is_eof():
            self._lingering[response] = asyncio.get_running_loop().call_later(_LINGER_S, self._let_go, response)
            response.content.on_eof(partial(self._let_go, response))

    def _let_go(self, response: aiohttp.ClientResponse) -> None:
        if (timer := self._lingering.pop(response, None)) is not None:
            timer.cancel()
            response.close()  # does nothing to a connection that is back in the pool


async def _more(response: aiohttp.ClientResponse, idle_s: float | None, trail: Trail) -> bytes:
    """What comes next of a stream; nothing at its end. Raises Silent."""
    while True:
        turns = trail.turns()
        try:
            async with asyncio.timeout(idle_s):
                return await response.content.readany()
        except TimeoutError:
            if trail.turns() == turns and not turns % 2:
                raise Silent from None


def is_stream(response: aiohttp.ClientResponse) -> bool:
    """Whether the server answers with events."""
    return response.status == HTTPStatus.OK and response.content_type == "text/event-stream"


def must_be_plain(response: aiohttp.ClientResponse) -> None:
    """Raises Unusable for a compressed answer: we never ask for one, and it may unfold without end."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unusable("a compressed answer, which was not asked for")


def awaited_frame(frame: jsonrpc.Frame, awaited: jsonrpc.Id) -> jsonrpc.Response:
    """The frame when it is the answer to `awaited`. Raises Unusable.

    An error may name no request; `server-error` is what older SDKs write for that.
    """
    match frame:
        case jsonrpc.Error(id=None | "server-error") as error:
            return replace(error, id=None)
        case jsonrpc.Result(id=found) | jsonrpc.Error(id=found) if found == awaited:
            return frame
        case jsonrpc.Result() | jsonrpc.Error():
            raise Unusable("an answer to another request")
        case jsonrpc.Invalid(why=why):
            raise Unusable(f"not JSON-RPC: {why}")
        case _:
            raise Unusable("a call instead of an answer")


def parsed(data: bytes) -> Any:
    """One JSON value. Raises Unusable."""
    try:
        return parse(data)
    except MalformedJson:
        raise Unusable("malformed JSON") from None


def _session(response: aiohttp.ClientResponse) -> str | None:
    session = response.headers.get("Mcp-Session-Id")
    if session is None or (session.isascii() and session.isprintable() and 0 < len(session) <= _LONGEST_SESSION_ID):
        return session
    raise Unusable("a session id that is not visible ASCII")
