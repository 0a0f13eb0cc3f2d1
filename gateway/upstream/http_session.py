"""A server as it was opened over HTTP: how messages of one session travel, and the stream on which it speaks by itself.

Lives only here: what belongs to one session of whichever era and transport, from its first message to its farewell. Must not
know which callers share it (links), what a call is or what an answer proves. Made by `door.py`, used by `http.py`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.ports import Clock, Reached
from gateway.tasks import Tasks
from gateway.upstream.answer import Other, Trail, parsed
from gateway.upstream.channel import LONGEST_PAUSE_S, Channel, Sleep, unnoticed
from gateway.upstream.conversation import Conversation, Voices, Volume
from gateway.upstream.deadline import Deadline
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.link import Link
from gateway.upstream.sse_legacy import SseLegacy
from gateway.upstream.verdict import Exchanged, Heard
from gateway.wire import jsonrpc
from gateway.wire.sse import Event

_SAY_S: Final = 5.0
_FAREWELL_S: Final = 1.0
_STREAM_S: Final = 2.0
"""Longest wait for the server's own stream before the first call: what it asks there sooner may be lost."""
_FIRST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """What all sessions of one server have in common."""

    upstream: str
    exchange: HttpExchange
    clock: Clock
    tasks: Tasks
    """Of the process: answers that are being made."""
    standing: Tasks
    """Of the upstream: streams that are read as long as their sessions live."""
    news: Callable[[jsonrpc.Notification], None]
    """Takes what a server says about no call."""
    sleep: Sleep = asyncio.sleep


class HttpSession:
    """What is shared by the calls of one link."""

    def __init__(self, link: Link, channel: Channel | SseLegacy, site: Site) -> None:
        self.link: Final = link
        self.voices: Final = Voices(site.upstream, self.say, site.news, site.tasks)
        self.volume: Final = Volume(link.capabilities)
        self.live = True
        """Whether nothing has contradicted it yet."""
        self.in_use = False
        """Whether anything was asked in it: one that was opened a moment ago is not forgotten, so a 404 there says less."""
        self.ended = asyncio.Event()
        self.used = site.clock.monotonic()
        self._channel = channel
        self._site = site
        self._listening: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._lively = False
        self._missed: Callable[[], None] = _nothing

    def hearing(self, of: Conversation | None = None) -> Other:
        """Takes what the server says before it answers. A modern one must not ask there, and is not answered."""

        def hear(frame: jsonrpc.Request | jsonrpc.Notification) -> None:
            if self.link.era == "legacy" or isinstance(frame, jsonrpc.Notification):
                self.voices.hear(frame, of)

        return hear

    async def ask(
        self, message: Mapping[str, Any], extra: Mapping[str, str], deadline: Deadline, reached: Reached, other: Other
    ) -> Exchanged:
        """Sends a request once; `other` takes what the server says before it answers."""
        self.used = self._site.clock.monotonic()
        headers = {**self.link.headers, **extra}
        if isinstance(self._channel, SseLegacy):
            return await self._channel.post(message, headers, deadline, reached)
        resumes = self.link.era == "legacy"
        return await self._channel.post(message, headers, deadline, reached, other, resumes=resumes)

    async def say(self, message: Mapping[str, Any]) -> None:
        """Sends what has no answer, as far as the server takes it."""
        deadline = Deadline(self._site.clock.monotonic() + _SAY_S, self._site.clock)
        await self.ask(message, {}, deadline, unnoticed, _ignore)

    def listen(self, missed: Callable[[], None] = lambda: None) -> None:
        """Reads the stream on which a legacy server speaks by itself. `missed`: it may have said what nobody heard."""
        self._missed = missed
        if self._listening is None and isinstance(self._channel, Channel) and self.live:
            self._listening = self._site.standing.start(self._listen(self._channel), "a server's own stream")

    async def listens(self) -> None:
        """Until that stream is open, the server offers none, or it took too long."""
        if self._listening is not None:
            opened = self._site.standing.start(self._opened.wait(), "opening of a server's own stream")
            await asyncio.wait((self._listening, opened), timeout=_STREAM_S, return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()

    def drop(self) -> None:
        """It is not to be used for anything new; calls under way go on."""
        self.live = False
        self.ended.set()
        if self._listening is not None:
            self._listening.cancel()
        if isinstance(self._channel, SseLegacy):
            self._channel.retire()

    async def end(self) -> None:
        """Ends it as far as the server cares; failures do not matter."""
        self.drop()
        if isinstance(self._channel, SseLegacy):
            self._channel.close()
        elif self.link.in_session:
            await self._site.exchange.delete(self.link.headers, _FAREWELL_S)

    async def _listen(self, channel: Channel) -> None:
        trail, pause_s, endless = Trail(), _FIRST_PAUSE_S, Deadline(None, self._site.clock)

        def opened() -> None:
            if self._opened.is_set() and trail.last_id is None:
                self._missed()
            self._opened.set()

        while True:
            ended = await channel.listen(self.link.headers, self._take, trail, endless, opened)
            if isinstance(ended, Heard) and ended.status < 500:
                return  # 405: it has none; 404: it knows the session no more, as the next call will learn
            pause_s, self._lively = _FIRST_PAUSE_S if self._lively else min(pause_s * 2, LONGEST_PAUSE_S), False
            await self._site.sleep(pause_s if trail.retry_ms is None else max(pause_s, trail.retry_ms / 1000))

    def _take(self, event: Event) -> bool:
        """False: there is never enough. Raises Unusable."""
        if event.data:
            self._lively = True
            frame = jsonrpc.classify(parsed(event.data))
            if isinstance(frame, jsonrpc.Request | jsonrpc.Notification):
                self.voices.hear(frame)
        return False


def _ignore(_frame: jsonrpc.Request | jsonrpc.Notification) -> None:
    """What has no answer has nothing before it either."""


def _nothing() -> None:
    """Nobody follows."""
