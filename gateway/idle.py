"""Rows of policy and patterns of agents that can never match: no fault, but nobody gets what they were written for.

Lives only here: whether two globs can take in the same id, and the sentences. Config says what an agent sees, policy what its
user may do, and only both together give anything; a slip in either shows nowhere else. Pure; must not know files or what a
server lists. Called by `checking`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.config.globs import REST, STAR, matches
from gateway.config.schema import Agent, Config
from gateway.model.decision import Verdict
from gateway.policy.globs import agent_match
from gateway.policy.rule import Rule

_LISTS: Final[Mapping[str, str]] = {"call": "tools", "prompt": "prompts", "read": "resources"}
"""By action: the list of an agent that it is about."""


def idle(config: Config, rules: Sequence[Rule], rows_file: str) -> Iterator[str]:
    """One sentence each, `where: what: remedy`."""
    for rule in rules:
        if rule.act in _LISTS and not any(_meet(config, rule, agent, one) for agent, one in _shown(config, rule)):
            whose = "any agent" if rule.agent == STAR else f"agent {rule.agent}"
            where = f"{rows_file}:{rule.line}: {rule.id} can never match"
            yield f"{where}: {rule.tool} is not among the {_LISTS[rule.act]} of {whose}: correct one of them"
    for name, agent in config.agents.items():
        for act, listed in _LISTS.items():
            permits = [rule for rule in rules if rule.act == act and rule.effect is not Verdict.DENY]
            for pattern in _patterns(agent, act):
                where = f"agents.{name}.{listed}: {pattern}"
                if not any(matches(pattern.partition("/")[0], one) for one in _upstreams(config, act)):
                    yield f"{where}: only MCP servers have {listed}: remove it"
                elif not any(_meet(config, rule, name, pattern) for rule in permits):
                    yield f"{where}: no row of {rows_file} permits `{act}` there: add one, or remove it"
                elif act == "read" and (slashless := _slashless(pattern)):
                    yield f"{where}: takes in no URI that holds a slash: write {slashless} for every URI"


def _shown(config: Config, rule: Rule) -> Iterator[tuple[str, str]]:
    """What a rule is held against: (agent, pattern). A deny row may well forbid what no agent is shown today."""
    for name, agent in config.agents.items():
        patterns = (f"{STAR}/{REST}",) if rule.effect is Verdict.DENY else _patterns(agent, rule.act)
        yield from ((name, pattern) for pattern in patterns)


def _patterns(agent: Agent, act: str) -> tuple[str, ...]:
    match act:
        case "call":
            return agent.tools
        case "prompt":
            return agent.prompts
        case _:
            return agent.resources


def _upstreams(config: Config, act: str) -> Iterator[str]:
    """Those that have anything this action is about."""
    return (one for one, section in config.upstreams.items() if act == "call" or section.kind != "openapi")


def _meet(config: Config, rule: Rule, agent: str, pattern: str) -> bool:
    """Whether a rule and an agent's pattern can take in one id, of an upstream that has such things."""
    ours, theirs = pattern.partition("/")[0], rule.tool.partition("/")[0]
    return (
        agent_match(agent, rule.agent)
        and any(matches(ours, one) and matches(theirs, one) for one in _upstreams(config, rule.act))
        and overlap(rule.tool, pattern)
    )


def overlap(one: str, other: str) -> bool:
    """Whether some id matches both globs."""
    (ours, more), (theirs, others) = _taken_apart(one), _taken_apart(other)
    fits = all(map(_segments_overlap, ours, theirs))
    match more, others:
        case False, False:
            return fits and len(ours) == len(theirs)
        case True, False:
            return fits and len(ours) < len(theirs)
        case False, True:
            return fits and len(theirs) < len(ours)
        case _:
            return fits


def _taken_apart(glob: str) -> tuple[list[str], bool]:
    """Its segments, and whether any rest may follow."""
    segments = glob.split("/")
    more = len(segments) > 1 and segments[-1] == REST
    return (segments[:-1] if more else segments), more


def _segments_overlap(one: str, other: str) -> bool:
    if STAR not in one or STAR not in other:
        return matches(one, other) if STAR not in other else matches(other, one)
    # Between two stars anything can stand, so only the ends can contradict each other.
    (head, *_), (*_, tail) = one.split(STAR), one.split(STAR)
    (start, *_), (*_, end) = other.split(STAR), other.split(STAR)
    return (head.startswith(start) or start.startswith(head)) and (tail.endswith(end) or end.endswith(tail))


def _slashless(pattern: str) -> str | None:
    """What was probably meant by `upstream/*`; None where slashes are covered, or a URI is written out."""
    upstream, _, uri = pattern.partition("/")
    return f"{upstream}/{REST}" if uri == STAR else None
