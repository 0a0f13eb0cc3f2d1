"""Curation: which tools of which upstreams an agent gets, and in what form; the shelves beside them are `shelves`'.

Lives only here: the current snapshot, swapped whole when an upstream's list changes, and the views made from it. Must
not know users, policy or upstream connections: `app` brings lists in with `learn`, the pipeline asks for views.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from gateway.catalog.definition import Known, Listing, Publish, examine
from gateway.catalog.names import beginning, canonical, published
from gateway.catalog.offer import Offer, offered
from gateway.catalog.shelf import Shelf
from gateway.catalog.shelves import Shelves
from gateway.catalog.view import CuratedView, Unread, view_of
from gateway.catalog.weight import Unusable
from gateway.config.globs import matches
from gateway.config.schema import Agent
from gateway.config.upstreams import UpstreamConfig
from gateway.model.tool import Beside, BesideKind, Effect, Tool, ToolId

_MOST_VIEWS: Final = 512
"""Views kept per snapshot; one per agent and distinct set of permissions."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    version: int
    listings: Mapping[str, Listing]
    offers: Mapping[str, Mapping[ToolId, Offer]]
    """By agent."""
    ids: Mapping[str, frozenset[ToolId]]
    """By agent: the keys of `offers`, hashed once."""
    problems: tuple[str, ...]
    views: dict[tuple[str, frozenset[ToolId]], CuratedView] = field(default_factory=dict)
    """A memo: the one thing in here that changes, and never what it says."""


class Curation:
    """Implements sights.Catalog."""

    def __init__(
        self,
        upstreams: Mapping[str, UpstreamConfig],
        agents: Mapping[str, Agent],
        publish: Publish,
        *,
        repeats: bool = True,
    ) -> None:
        """`repeats`: whether tools are offered with `x_occurrence`."""
        self._upstreams = upstreams
        self._agents = agents
        self._publish = publish
        self._repeats = repeats
        self._now = _Snapshot(0, {}, {}, {}, ())
        self._shelves = Shelves(upstreams, agents, publish)
        self._learning = Lock()

    @property
    def version(self) -> int:
        """Grows with every change of an upstream's list; 0 until the first was learned."""
        return self._now.version

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is hidden although an agent should have it, and why; one sentence each, safe to show."""
        return self._now.problems + self._shelves.problems

    def learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> bool:
        """Replaces what is known of an upstream's tools; False, and the version stays, when nothing changed.

        Takes seconds for thousands of tools, so it may run in a thread of its own: readers see the old snapshot or the
        new one, and of two that learn at once one waits.
        """
        with self._learning:
            return self._learn(upstream, definitions)

    def learn_beside(self, upstream: str, beside: Beside) -> frozenset[BesideKind]:
        """The same for what it lists beside tools; the kinds that changed."""
        with self._learning:
            return self._shelves.learn(upstream, beside)

    def shelf(self, agent: str) -> Shelf:
        """What the agent's curation lets through beside tools."""
        return self._shelves.of(agent)

    def wants_beside(self, upstream: str) -> bool:
        """Whether any agent could get anything beside tools of this upstream, so that reading its lists makes sense."""
        return self._shelves.wanted(upstream)

    def _learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> bool:
        before = self._now.listings.get(upstream)
        listing = examine(upstream, self._upstreams[upstream], definitions, self._publish, before)
        if listing.says_the_same(before):
            return False
        listings = {**self._now.listings, upstream: listing}
        problems = [problem for one in listings.values() for problem in one.problems]
        offers = {agent: self._curated(agent, listings, problems) for agent in self._agents}
        ids = {agent: frozenset(tools) for agent, tools in offers.items()}
        self._now = _Snapshot(self._now.version + 1, listings, offers, ids, tuple(problems))
        return True

    def ids(self, agent: str) -> frozenset[ToolId]:
        """Canonical ids that the agent's curation lets through, before policy; none for an unknown agent."""
        return self._now.ids.get(agent, frozenset())

    def names(self, agent: str) -> Mapping[ToolId, str]:
        """The published name of every tool in `ids`."""
        return {tool: offer.name for tool, offer in self._now.offers.get(agent, {}).items()}

    def everything(self) -> Sequence[tuple[ToolId, Effect]]:
        """Every usable tool of every upstream with its effect in force, ordered by id; for people, not for agents."""
        tools = (known.tool for listing in self._now.listings.values() for known in listing.known.values())
        return sorted((tool.id, tool.effect) for tool in tools)

    def tools(self) -> Mapping[ToolId, Tool]:
        """Every usable tool of every upstream."""
        known = (known for listing in self._now.listings.values() for known in listing.known.values())
        return {one.tool.id: one.tool for one in known}

    def tool(self, id: ToolId) -> Tool | None:  # noqa: A002
        """A usable tool by its canonical id, whoever may see it."""
        upstream, _, name = id.partition("/")
        listing = self._now.listings.get(upstream)
        known = None if listing is None else listing.known.get(name)
        return None if known is None else known.tool

    def schemas(self) -> Mapping[ToolId, Mapping[str, Any]]:
        """The upstream's own inputSchema of every usable tool."""
        tools = (known.tool for listing in self._now.listings.values() for known in listing.known.values())
        return {tool.id: tool.definition["inputSchema"] for tool in tools}

    def view(self, agent: str, visible: frozenset[ToolId]) -> CuratedView:
        """The view of an agent restricted to `visible`."""
        now = self._now
        if (view := now.views.get((agent, visible))) is not None:
            return view
        if len(now.views) >= _MOST_VIEWS:
            now.views.clear()
        offers = (offer for tool, offer in now.offers.get(agent, {}).items() if tool in visible)
        view = view_of(offers, self._unread(agent, now.listings))
        now.views[agent, visible] = view
        return view

    def _unread(self, agent: str, listings: Mapping[str, Listing]) -> Unread:
        if (said := self._agents.get(agent)) is None:
            return Unread()
        patterns = [pattern.partition("/")[0] for pattern in said.tools]
        unread = {
            upstream
            for upstream in self._upstreams
            if upstream not in listings and any(matches(pattern, upstream) for pattern in patterns)
        }
        given = {of.name: tool.partition("/")[0] for tool, of in said.override.items() if of.name}
        return Unread(
            {name: upstream for name, upstream in given.items() if upstream in unread},
            {beginning(self._prefix(upstream)): upstream for upstream in unread},
        )

    def _prefix(self, upstream: str) -> str:
        prefix = self._upstreams[upstream].prefix
        return upstream if prefix is None else prefix

    def _curated(self, agent: str, listings: Mapping[str, Listing], problems: list[str]) -> dict[ToolId, Offer]:
        """The agent's tools by canonical id; what cannot be offered, or not under a name of its own, is left out."""
        named: dict[str, list[tuple[Known, str]]] = {}
        globs, overrides = self._agents[agent].tools, self._agents[agent].override
        for upstream, listing in listings.items():
            for own, known in listing.known.items():
                tool = canonical(upstream, own)
                if any(matches(pattern, tool) for pattern in globs):
                    override = overrides.get(tool)
                    natural = published(self._prefix(upstream), tool)
                    name = (override.name if override else None) or natural
                    named.setdefault(name, []).append((known, tool))
        offers: dict[ToolId, Offer] = {}
        for name, claimants in named.items():
            if len(claimants) > 1:
                tools = ", ".join(tool for _, tool in claimants)
                problems.append(f"agents.{agent}: {tools}: hidden: they would all be published as {name}")
                continue
            known, tool = claimants[0]
            try:
                offers[tool] = offered(known, name, overrides.get(tool), repeats=self._repeats)
            except Unusable as fault:
                problems.append(f"agents.{agent}.override.{tool}: hidden: {fault}")
        return offers
