"""Every agent's shelf, made anew when an upstream's prompts, resources or templates change.

Lives only here: the curation of what stands beside tools, and who must give way where two upstreams want the same name.
Must not know users, policy or upstream connections. Held by `room`; one snapshot, swapped whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.catalog.beside import KINDS, Item, Offering, examine_beside
from gateway.catalog.definition import Publish
from gateway.catalog.names import published, shown
from gateway.catalog.shelf import Offered, Shelf
from gateway.config.globs import matches
from gateway.config.schema import Agent
from gateway.config.upstreams import UpstreamConfig
from gateway.model.tool import Beside, BesideKind

_EMPTY: Final = Shelf(
    offers={kind: {} for kind in KINDS},
    known={kind: frozenset() for kind in KINDS},
    patterns=(),
    readers={},
    disputed={kind: frozenset() for kind in KINDS},
)
_SAME: Final[Mapping[BesideKind, str]] = {
    "prompts": "they would all be published as",
    "resources": "they have the same URI",
    "templates": "they have the same template",
}


@dataclass(frozen=True, slots=True)
class _Stock:
    offerings: Mapping[str, Offering]
    shelves: Mapping[str, Shelf]
    problems: tuple[str, ...]


class Shelves:
    """The shelves in force."""

    def __init__(self, upstreams: Mapping[str, UpstreamConfig], agents: Mapping[str, Agent], publish: Publish) -> None:
        self._upstreams = upstreams
        self._agents = agents
        self._publish = publish
        self._readers = {
            upstream: config.timeout.total_seconds()
            for upstream, config in upstreams.items()
            if config.kind != "openapi"
        }
        self._now = self._stocked({})

    @property
    def problems(self) -> tuple[str, ...]:
        """Every entry that is hidden although an agent should have it, and why; one sentence each, safe to show."""
        return self._now.problems

    def of(self, agent: str) -> Shelf:
        """The agent's; an empty one for an unknown agent."""
        return self._now.shelves.get(agent, _EMPTY)

    def wanted(self, upstream: str) -> bool:
        """Whether any agent could get anything of this upstream's."""
        return upstream in self._readers and any(
            matches(pattern.partition("/")[0], upstream)
            for agent in self._agents.values()
            for pattern in (*agent.prompts, *agent.resources)
        )

    def learn(self, upstream: str, beside: Beside) -> frozenset[BesideKind]:
        """Replaces what is known of an upstream; the kinds that changed."""
        before = self._now.offerings.get(upstream)
        offering = examine_beside(upstream, self._upstreams[upstream], beside, self._publish, before)
        if offering != before:
            self._now = self._stocked({**self._now.offerings, upstream: offering})
        return offering.changed(before)

    def _stocked(self, offerings: Mapping[str, Offering]) -> _Stock:
        problems = [problem for one in offerings.values() for problem in one.problems]
        shelves = {name: self._shelf(name, agent, offerings, problems) for name, agent in self._agents.items()}
        return _Stock(offerings, shelves, tuple(problems))

    def _shelf(self, name: str, agent: Agent, offerings: Mapping[str, Offering], problems: list[str]) -> Shelf:
        offers: dict[BesideKind, Mapping[str, Offered]] = {}
        disputed: dict[BesideKind, frozenset[str]] = {}
        for kind in KINDS:
            claims = self._claims(kind, agent.prompts if kind == "prompts" else agent.resources, offerings)
            offers[kind] = {
                shown_as: Offered(
                    items[0].tool, {**items[0].cleaned, **({"name": shown_as} if kind == "prompts" else {})}
                )
                for shown_as, items in sorted(claims.items())
                if len(items) == 1
            }
            disputed[kind] = frozenset(shown_as for shown_as, items in claims.items() if len(items) > 1)
            for one in sorted(disputed[kind]):
                ids = ", ".join(shown(item.tool.id, 128) for item in claims[one])
                same = f"{_SAME[kind]} {one}" if kind == "prompts" else _SAME[kind]
                problems.append(f"agents.{name}: {ids}: hidden: {same}")
        return Shelf(
            offers=offers,
            known={kind: frozenset(one.tool.id for one in offers[kind].values()) for kind in KINDS},
            patterns=agent.resources,
            readers=self._readers,
            disputed=disputed,
        )

    def _claims(
        self, kind: BesideKind, patterns: tuple[str, ...], offerings: Mapping[str, Offering]
    ) -> Mapping[str, list[Item]]:
        """By published name, URI or template: whose it is, of what the patterns let through."""
        claims: dict[str, list[Item]] = {}
        for upstream, offering in offerings.items():
            prefix = self._upstreams[upstream].prefix
            for own, item in offering.items[kind].items():
                tool = item.tool.id
                if any(matches(pattern, tool) for pattern in patterns):
                    natural = published(upstream if prefix is None else prefix, tool) if kind == "prompts" else own
                    claims.setdefault(natural, []).append(item)
        return claims
