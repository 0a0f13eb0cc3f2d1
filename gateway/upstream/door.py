"""Opening sessions with one HTTP server: Streamable HTTP of either era, and the oldest transport where that is not understood.

Lives only here: the order in which transports are tried (MCP 2025-03-26, backwards compatibility). Must not know who shares a
session or when one is opened again. Called by `links.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

from yarl import URL

from gateway.model.call import Era
from gateway.upstream.channel import Channel, unnoticed
from gateway.upstream.deadline import Deadline
from gateway.upstream.http_session import HttpSession, Site
from gateway.upstream.link import MODERN, NoLink, open_link
from gateway.upstream.sse_legacy import SseLegacy
from gateway.upstream.verdict import Exchanged
from gateway.wire import jsonrpc


class Door:
    """Where sessions with one server begin."""

    def __init__(self, url: URL, ids: Iterator[int], site: Site) -> None:
        self._ids = ids
        self._site: Final = site
        self._channel: Final = Channel(site.exchange, url, site.sleep)

    def modern(self) -> HttpSession:
        """The session of a server that keeps none: nothing has to be said to open it."""
        return HttpSession(MODERN, self._channel, self._site)

    async def open(self, era: Era | Literal["auto"], declared: Mapping[str, Any], deadline: Deadline) -> HttpSession:
        """Opens one in which the server may ask what was `declared`. Raises NoLink."""
        try:
            talk = partial(self._talk, deadline)
            link = await open_link(talk, self._ids, era, declared=declared)
        except NoLink as none:
            if not none.older:
                raise
            return await self._older(none, declared, deadline)
        session = HttpSession(link, self._channel, self._site)
        if declared and link.era == "legacy":
            session.listen()
            await session.listens()
        return session

    async def _older(self, none: NoLink, declared: Mapping[str, Any], deadline: Deadline) -> HttpSession:
        """The same over HTTP+SSE (2024-11-05). Raises `none`, what was found before, when the server offers no stream."""
        site = self._site
        older = SseLegacy(site.exchange, self._channel.url, site.clock, site.standing, site.sleep)
        try:
            await older.open(deadline)
        except NoLink:
            raise none from None
        try:
            talk = partial(self._say_on, older, deadline)
            link = await open_link(talk, self._ids, "legacy", declared=declared)
        except BaseException:
            older.close()
            raise
        if older.ended:
            raise NoLink("its stream ended while it was opened")
        session = HttpSession(replace(link, in_session=True, place=str(older.endpoint)), older, site)
        older.hear, older.on_end = session.voices.hear, session.drop
        return session

    async def _talk(self, deadline: Deadline, message: Mapping[str, Any], extra: Mapping[str, str]) -> Exchanged:
        return await self._channel.post(message, extra, deadline, unnoticed, _ignore)

    async def _say_on(
        self, older: SseLegacy, deadline: Deadline, message: Mapping[str, Any], extra: Mapping[str, str]
    ) -> Exchanged:
        return await older.post(message, extra, deadline, unnoticed)


def _ignore(_frame: jsonrpc.Request | jsonrpc.Notification) -> None:
    """What a server says before a session is open is for nobody."""
