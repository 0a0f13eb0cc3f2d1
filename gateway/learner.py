"""What keeps the catalog's knowledge of one upstream fresh: its lists are read, read again, and at once when it says so.

Lives only here: when lists are read, and what a failure means (the old list stays, and somebody can see it). Must not know
how a list is read or curated, nor who listens for news. One for each upstream, so a slow one delays nobody. Made and
started by `app.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.model.news import Hear, Kind, ListChanged, News, Updated
from gateway.ports import Clock, Upstream, UpstreamFault
from gateway.sights import Catalog

_log = logging.getLogger("sallyport")
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 5.0
_LISTING_S = 10.0
_BREATH_S: Final = 0.2
"""Least time between two readings, however often an upstream says that its lists changed."""
_LONGEST_BREATH_S: Final = 5.0
"""The same for one that says so again and again, as a server does that calls them changed because they were read."""
Kinds = tuple[Kind, ...]
Reading = Callable[[], Awaitable[set[Kind]]]
"""Reads lists, hands them to the catalog; the kinds that changed."""


@dataclass(slots=True)
class Listed:
    """What is known of one upstream's lists."""

    tried: bool = False
    tools: int = 0
    at: float | None = None
    """Unix seconds of the last list of tools that was taken."""
    fault: str | None = None
    """Why the list of tools was not taken, else why what stands beside them was not."""


class Learner:
    """Reads the lists of one upstream."""

    def __init__(
        self, upstream: Upstream, catalog: Catalog, refresh_s: float, clock: Clock, hear: Hear, *, beside: bool
    ) -> None:
        """`hear` takes news for agents. `beside`: whether anybody wants prompts or resources of this upstream."""
        self.upstream = upstream
        self.state = Listed()
        self._catalog = catalog
        self._refresh_s = refresh_s
        self._clock = clock
        self._hear = hear
        parts: list[tuple[Kinds, Reading]] = [(("tools",), self._tools)]
        if beside:
            parts.append((("prompts", "resources"), self._others))
        self._parts = tuple(parts)
        self._faults: dict[Kinds, str] = {}
        self._said: set[Kind] = set()
        """Lists of which the upstream said that they changed, until they were read."""
        self._tried = asyncio.Event()
        self._due = asyncio.Event()
        self._breath_s = _BREATH_S

    async def tried(self) -> None:
        """Until the lists were read once, with whatever result."""
        await self._tried.wait()

    async def run(self) -> None:
        """Forever; a fault keeps the last list and is retried with growing pauses."""
        pause = _FIRST_RETRY_S
        while True:
            self._due.clear()
            if await self.learn():
                pause = _FIRST_RETRY_S
                await self._rest(self._refresh_s)
            else:
                await self._rest(pause)
                pause = min(pause * 2, _LAST_RETRY_S)

    def look(self) -> None:
        """Reads the lists now: calls fail, and the first list after an outage says that it is over."""
        self._due.set()

    async def follow(self) -> None:
        """Forever: what the upstream says on its own."""
        await self.upstream.follow(self._news)

    async def learn(self) -> bool:
        """Reads the lists once; whether all of them could be taken. A fault in one takes nothing of the others away."""
        taken = await asyncio.gather(*(self._part(kinds, reading) for kinds, reading in self._parts))
        faults = (self._faults[kinds] for kinds, _ in self._parts if kinds in self._faults)
        self.state.tried, self.state.fault = True, next(faults, None)
        self._tried.set()
        return all(taken)

    async def _part(self, kinds: Kinds, reading: Reading) -> bool:
        said = self._said.intersection(kinds)
        self._said -= said
        try:
            changed = await reading()
        except UpstreamFault as fault:
            why = str(fault)
            if self._faults.get(kinds) != why:
                _log.warning("upstream %s: %s not listed: %s", self.upstream.id, " and ".join(kinds), why)
        except Exception:  # noqa: BLE001  a list nobody foresaw must not keep every later one from being read
            why = "its list could not be taken; the gateway's log says why"
            _log.exception("upstream %s: its list of %s could not be taken", self.upstream.id, " and ".join(kinds))
        else:
            self._faults.pop(kinds, None)
            for kind in kinds:
                if kind in changed | said:
                    self._hear(ListChanged(kind))
            return True
        self._faults[kinds] = why
        self._said |= said
        return False

    async def _tools(self) -> set[Kind]:
        definitions = await self.upstream.list_tools(self._clock.monotonic() + _LISTING_S)
        # In a thread: an upstream of many tools must not hold up everybody's calls.
        changed = await asyncio.to_thread(self._catalog.learn, self.upstream.id, definitions)
        self.state.tools, self.state.at = len(definitions), self._clock.now()
        return {"tools"} if changed else set()

    async def _others(self) -> set[Kind]:
        beside = await self.upstream.list_beside(self._clock.monotonic() + _LISTING_S)
        changed = await asyncio.to_thread(self._catalog.learn_beside, self.upstream.id, beside)
        return {"resources" if kind == "templates" else kind for kind in changed}

    def _news(self, news: News) -> None:
        match news:
            case ListChanged(kind=kind):
                self._said.add(kind)
                self._due.set()
            case Updated():
                self._hear(news)

    async def _rest(self, wait_s: float) -> None:
        """`wait_s`, or less when the upstream says that a list changed; one that was quiet meanwhile is read at once."""
        breath_s = min(self._breath_s, wait_s)
        await asyncio.sleep(breath_s)
        rested = self._clock.monotonic()
        try:
            async with asyncio.timeout(wait_s - breath_s):
                await self._due.wait()
        except TimeoutError:
            quiet = True
        else:
            quiet = self._clock.monotonic() - rested > breath_s
        self._breath_s = _BREATH_S if quiet else min(self._breath_s * 2, _LONGEST_BREATH_S)


async def first_lists(learners: Iterable[Learner], within_s: float) -> None:
    """Until every list was read once, at most `within_s`.

    A gateway that was restarted is called at once, and its agents must not hear that their tools are unknown.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            for learner in learners:
                await learner.tried()
