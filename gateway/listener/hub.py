"""News for agents: who listens for what, and that a slow listener costs nothing but itself.

Lives only here: the ears that are open, and which resources somebody waits for. News are facts without content ("the list
changed"), so the same one waiting twice is one: what an ear holds is bounded by what it listens for. Must not know eras,
streams or identity: whoever opens an ear has checked what it may hear. One per process; GET streams and
`subscriptions/listen` open ears, `app` brings news in.
"""

import asyncio
from collections import Counter
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
        before, self._resources = self._resources, frozenset(resources)
        self._hub.weigh(before, self._resources)

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
        self._listeners: Counter[Updated] = Counter()
        """How many ears listen for it: looking through all of them at every change would stop the process."""
        self._wanted: dict[str, set[str]] = {}

    def ear(self, kinds: frozenset[Kind], resources: Iterable[Updated] = ()) -> Ear:
        """An ear for these lists and resources."""
        ear = Ear(self, kinds, resources)
        self._ears.add(ear)
        self.weigh(frozenset(), ear.resources)
        return ear

    def hear(self, news: News) -> None:
        """Tells every ear that listens for it."""
        for ear in tuple(self._ears):
            ear.take(news)

    def forget(self, ear: Ear) -> None:
        """Called by an ear that closes."""
        if ear in self._ears:
            self._ears.discard(ear)
            self.weigh(ear.resources, frozenset())

    def weigh(self, before: frozenset[Updated], now: frozenset[Updated]) -> None:
        """Called by an ear that listens for something else. Says what is wanted, where that changed."""
        begun = [one for one in now - before if not self._listeners[one]]
        self._listeners.update(now - before)
        self._listeners.subtract(before - now)
        over = [one for one in before - now if not self._listeners[one]]
        for one in begun:
            self._wanted.setdefault(one.upstream, set()).add(one.uri)
        for one in over:
            del self._listeners[one]
            self._wanted[one.upstream].discard(one.uri)
        if begun or over:
            self.wanted({upstream: frozenset(uris) for upstream, uris in self._wanted.items() if uris})
