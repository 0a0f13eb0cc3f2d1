"""News for agents: who listens for what, and that a slow listener costs nothing but itself.

Lives only here: the ears that are open, and which resources somebody waits for. News are facts without content ("the list
changed"), so the same one waiting twice is one: what an ear holds is bounded by what it listens for. Must not know eras,
streams or identity: whoever opens an ear has checked what it may hear. One per process; GET streams and
`subscriptions/listen` open ears, `app` brings news in.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.model.news import Kind, ListChanged, News, Updated

Wanted = Callable[[Mapping[str, frozenset[str]]], None]
"""Takes, by upstream, every URI that somebody waits for."""
ALL: Final[frozenset[Kind]] = frozenset({"tools", "prompts", "resources"})


class Ear:
    """One listener. Close it when it stops listening."""

    def __init__(self, hub: "Hub", kinds: frozenset[Kind], resources: Iterable[Updated]) -> None:
        self._hub = hub
        self._kinds = kinds
        self._resources = frozenset(resources)
        self._waiting: dict[News, None] = {}
        self._something = asyncio.Event()

    @property
    def resources(self) -> frozenset[Updated]:
        """The resources whose updates it hears."""
        return self._resources

    def listen_to(self, resources: Iterable[Updated]) -> None:
        """Replaces the resources it hears."""
        self._resources = frozenset(resources)
        self._hub.weigh()

    async def heard(self) -> list[News]:
        """What is new since the last time, in order; waits for at least one."""
        await self._something.wait()
        self._something.clear()
        waiting, self._waiting = list(self._waiting), {}
        return waiting

    def close(self) -> None:
        """Hears nothing from now on."""
        self._hub.forget(self)

    def take(self, news: News) -> None:
        """Called by the hub."""
        match news:
            case ListChanged(kind=kind) if kind in self._kinds:
                pass
            case Updated() if news in self._resources:
                pass
            case _:
                return
        self._waiting[news] = None
        self._something.set()


class Hub:
    """Passes news on."""

    def __init__(self, wanted: Wanted = lambda _: None) -> None:
        self.wanted = wanted
        self._ears: set[Ear] = set()
        self._last: Mapping[str, frozenset[str]] = {}

    def ear(self, kinds: frozenset[Kind], resources: Iterable[Updated] = ()) -> Ear:
        """An ear for these lists and resources."""
        ear = Ear(self, kinds, resources)
        self._ears.add(ear)
        self.weigh()
        return ear

    def hear(self, news: News) -> None:
        """Tells every ear that listens for it."""
        for ear in tuple(self._ears):
            ear.take(news)

    def forget(self, ear: Ear) -> None:
        """Called by an ear that closes."""
        self._ears.discard(ear)
        self.weigh()

    def weigh(self) -> None:
        """Says what is wanted now, where that changed."""
        wanted: dict[str, set[str]] = {}
        for ear in self._ears:
            for resource in ear.resources:
                wanted.setdefault(resource.upstream, set()).add(resource.uri)
        now = {upstream: frozenset(uris) for upstream, uris in wanted.items()}
        if now != self._last:
            self._last = now
            self.wanted(now)
