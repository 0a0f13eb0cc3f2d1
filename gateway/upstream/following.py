"""What a server says about no call: that a list changed, that a resource was updated. Followed while there is a session.

Lives only here: what is asked of a server of either era so that it tells (`subscriptions/listen`, `resources/subscribe`),
asked again when somebody wants something else or the server broke off, and news made of its notifications. Must not know
who listens, or how messages travel: a session comes as `Followed`. Called by every kind of MCP upstream.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

from gateway.model.call import Era
from gateway.model.news import Hear, Kind, ListChanged, News, Updated
from gateway.model.outcome import Carried
from gateway.ports import Clock, UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream.channel import LONGEST_PAUSE_S, Sleep
from gateway.wire import jsonrpc

KINDS: Final[tuple[Kind, ...]] = ("tools", "prompts", "resources")
_CHANGED: Final[Mapping[str, Kind]] = {f"notifications/{kind}/list_changed": kind for kind in KINDS}
_UPDATED: Final = "notifications/resources/updated"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_ACKNOWLEDGED_S: Final = 10.0
"""Longest time for which an older subscription is kept beside one that is not acknowledged yet."""
_FIRST_PAUSE_S: Final = 1.0
_log = logging.getLogger("sallyport.upstream")


class Followed(Protocol):
    """A session, as far as following needs it."""

    @property
    def era(self) -> Era: ...

    async def capabilities(self) -> Mapping[str, Any]:
        """What the server says it can do. Raises UpstreamFault."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Carried:
        """One short request."""

    async def subscribe(self, notifications: Mapping[str, Any]) -> None:
        """`subscriptions/listen`, until the server ends it; what it says comes to `Following.take`."""

    def listen(self, missed: Callable[[], None]) -> None:
        """Hears what a legacy server says by itself, from now on."""

    async def over(self) -> None:
        """Until the session is not used any more."""


class Following:
    """The news of one server."""

    def __init__(self, upstream: str, standing: Tasks, clock: Clock, sleep: Sleep) -> None:
        self._upstream = upstream
        self._standing = standing
        self._clock = clock
        self._sleep = sleep
        self._hear: Hear | None = None
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._honoured: Mapping[str, Any] | None = None
        """What a modern server agreed to tell; None: it tells without being asked, or has not agreed yet."""
        self._lists: tuple[Kind, ...] = ()
        """What the server says it tells of its lists."""
        self._gap = False
        """Whether there was a time in which nobody heard it."""

    def want(self, uris: frozenset[str]) -> None:
        """The resources that are wanted now."""
        if uris != self._wanted:
            self._wanted = uris
            self._changed.set()

    def take(self, said: jsonrpc.Notification) -> None:
        """Makes news of a notification; what is none is passed over."""
        if said.method == _ACKNOWLEDGED:
            agreed = said.params.get("notifications")
            self._honoured = agreed if isinstance(agreed, Mapping) else {}
            self._acknowledged.set()
            self._catch_up()
        elif self._hear is None:
            return
        elif (kind := _CHANGED.get(said.method)) is not None:
            if self._honoured is None or self._honoured.get(f"{kind}ListChanged") is True:
                self._hear(ListChanged(kind))
        elif said.method == _UPDATED and isinstance(uri := said.params.get("uri"), str) and self._listens_to(uri):
            self._hear(Updated(self._upstream, uri))

    def tell(self, news: News) -> None:
        """News that did not come as a notification."""
        if self._hear is not None:
            self._hear(news)

    async def run(self, hear: Hear, session: Callable[[], Awaitable[Followed]]) -> None:
        """For ever: follows one session after the other; `session` waits until there is one.

        Only a session that lasted ends the growth of the pauses: after each one everything may have changed and is read
        again, and a server that takes subscriptions and breaks them off at once would be asked for all of it without end.
        """
        self._hear = hear
        pause_s = _FIRST_PAUSE_S
        while True:
            followed, began = await session(), self._clock.monotonic()
            try:
                self._honoured = None
                await (self._modern if followed.era == "modern" else self._legacy)(followed)
            except UpstreamFault as fault:
                _log.debug("%s", fault)
            except Exception:  # noqa: BLE001  a server nobody foresaw must not silence every later session
                _log.exception("upstream %s: its news could not be followed", self._upstream)
            if self._clock.monotonic() - began >= LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _legacy(self, session: Followed) -> None:
        """Until the session is over."""
        able = await session.capabilities()
        self._lists = _lists(able)
        session.listen(self._missed)
        self._catch_up()
        subscribed: frozenset[str] = frozenset()
        over = self._standing.start(session.over(), "end of a session")
        try:
            while not over.done():
                self._changed.clear()
                wanted = self._wanted if _says(able, "resources", "subscribe") else frozenset()
                for method, uris in (("unsubscribe", subscribed - wanted), ("subscribe", wanted - subscribed)):
                    for uri in sorted(uris):
                        await session.ask(f"resources/{method}", {"uri": uri})
                subscribed = wanted
                await self._first(over, self._changed.wait())
        finally:
            over.cancel()
            self._gap = True

    async def _modern(self, session: Followed) -> None:
        """Until the subscription or the session is over."""
        able = await session.capabilities()
        self._lists = _lists(able)
        over = self._standing.start(session.over(), "end of a session")
        current: asyncio.Task[None] | None = None
        self._acknowledged.clear()
        try:
            while not over.done() and (current is None or not current.done()):
                self._changed.clear()
                before, current = current, None
                if asked := self._filter(able):
                    self._acknowledged.clear()
                    current = self._standing.start(session.subscribe(asked), "subscription")
                    # The older one goes on until the new one is there, so that nothing falls between them.
                    await self._first(current, self._acknowledged.wait(), wait_s=_ACKNOWLEDGED_S)
                if before is not None:
                    before.cancel()
                await self._first(over, self._changed.wait(), *([current] if current else []))
        finally:
            over.cancel()
            if current is not None:
                current.cancel()
            self._gap = self._gap or self._acknowledged.is_set()

    def _filter(self, able: Mapping[str, Any]) -> dict[str, Any]:
        """What to ask for: only what the server says it can tell."""
        asked: dict[str, Any] = {f"{kind}ListChanged": True for kind in _lists(able)}
        if self._wanted and _says(able, "resources", "subscribe"):
            asked["resourceSubscriptions"] = sorted(self._wanted)
        return asked

    def _listens_to(self, uri: str) -> bool:
        """Whether it is wanted and, of a modern server, agreed upon."""
        agreed = None if self._honoured is None else self._honoured.get("resourceSubscriptions")
        return uri in self._wanted and (self._honoured is None or (isinstance(agreed, list) and uri in agreed))

    def _catch_up(self) -> None:
        """Once the server is heard again."""
        if self._gap:
            self._gap = False
            self._missed()

    def _missed(self) -> None:
        """What was said while nobody heard is lost: everything that is followed may have changed."""
        if self._hear is not None:
            for kind in self._lists:
                self._hear(ListChanged(kind))
            for uri in sorted(self._wanted):
                self._hear(Updated(self._upstream, uri))

    async def _first(
        self, *waited: "asyncio.Task[Any] | Coroutine[Any, Any, Any]", wait_s: float | None = None
    ) -> None:
        """Until one of them is done; what is no task yet is one only here."""
        tasks = [one if isinstance(one, asyncio.Task) else self._standing.start(one, "wait") for one in waited]
        try:
            await asyncio.wait(tasks, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task, one in zip(tasks, waited, strict=True):
                if task is not one:
                    task.cancel()


def _lists(able: Mapping[str, Any]) -> tuple[Kind, ...]:
    return tuple(kind for kind in KINDS if _says(able, kind, "listChanged"))


def _says(able: Mapping[str, Any], kind: str, what: str) -> bool:
    return isinstance(found := able.get(kind), Mapping) and found.get(what) is True
