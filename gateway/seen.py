"""What one pair of agent and user sees of everything, and why not the rest; for people, never on the road.

Lives only here: the words that say so, for tools and for what stands beside them. Of prompts and resources it knows what the
agents' curation lets through: what no agent may see is not even read from a server. Must not know the operator plane.
Called by `desks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.catalog.room import Curation
from gateway.config.globs import matches
from gateway.config.schema import Config
from gateway.model.principal import Principal
from gateway.model.tool import BesideKind, Effect, ToolId
from gateway.operator.desk import Sight, SightKind
from gateway.policy.rules import Rules

_BESIDE: Final[Mapping[BesideKind, tuple[SightKind, str]]] = {
    "prompts": ("prompt", "prompt"),
    "resources": ("resource", "read"),
    "templates": ("template", "read"),
}
"""What one of them is called, and what policy is asked for."""
_CLASHES: Final = "hidden: it clashes with another; hidden_tools of GET /policy says with which"


def sights(config: Config, catalog: Curation, rules: Rules, principal: Principal) -> Iterator[Sight]:
    """Tools first, then prompts, resources and templates, each kind ordered by id. The agent must be configured."""
    agent = config.agents[principal.agent]
    curated = catalog.ids(principal.agent)
    visible = rules.visible(principal, curated)
    names = catalog.names(principal.agent)
    for tool, effect in catalog.everything():
        if tool in curated:
            yield Sight(tool, names[tool] if tool in visible else None, effect, _why(rules, principal, tool, "call"))
        else:
            yield Sight(tool, None, effect, _not_curated(principal, tool, "tools", agent.tools))
    for kind in _BESIDE:
        yield from _beside(config, catalog, rules, principal, kind)


def _beside(config: Config, catalog: Curation, rules: Rules, principal: Principal, kind: BesideKind) -> Iterator[Sight]:
    word, act = _BESIDE[kind]
    agent, shelf = config.agents[principal.agent], catalog.shelf(principal.agent)
    listed, patterns = ("prompts", agent.prompts) if kind == "prompts" else ("resources", agent.resources)
    curated = shelf.ids(kind)
    visible = rules.visible(principal, curated, act)
    names = {offered.tool.id: name for name, offered in shelf.offers[kind].items()}
    for one in sorted(frozenset[ToolId]().union(*(catalog.shelf(agent).ids(kind) for agent in config.agents))):
        if one in curated:
            why = _why(rules, principal, one, act)
            yield Sight(one, names[one] if one in visible else None, Effect.READ, why, word)
        else:
            yield Sight(one, None, Effect.READ, _not_curated(principal, one, listed, patterns), word)
    for name in sorted(shelf.disputed[kind]):
        yield Sight(name, None, Effect.READ, _CLASHES, word)


def _not_curated(principal: Principal, tool: ToolId, listed: str, patterns: Sequence[str]) -> str:
    if any(matches(pattern, tool) for pattern in patterns):
        return _CLASHES
    return f"hidden: not among the {listed} of agent {principal.agent}"


def _why(rules: Rules, principal: Principal, tool: ToolId, act: str) -> str:
    rows = rules.explain(principal, tool, act).rows
    matched = [row for row in rows if row.matched]
    if rules.sees(principal, tool, act):
        return "; ".join(f"{row.effect} {row.rule} ({row.place}) {row.why}" for row in matched)
    if matched:
        return "hidden: " + "; ".join(f"{row.effect} {row.rule} ({row.place})" for row in matched)
    nearest = f"; nearest is {rows[0].rule}, which {rows[0].why}" if rows else ""
    return f"hidden: no rule permits it{nearest}"
