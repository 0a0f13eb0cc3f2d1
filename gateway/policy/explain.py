"""Why a principal may or may not do something: the rows that matched, and those that nearly did.

Lives only here: the words about a row. Must not know how a verdict is reached; it asks the snapshot. Called by
`sallyport tools`, never on the road. A near miss is a row in which exactly one column does not fit; another tool counts
only where its name is so close that a slip is likely.
"""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from gateway.model.principal import Principal
from gateway.model.tool import ToolId
from gateway.policy.globs import EVERY, agent_match, tenant_match, tool_match
from gateway.policy.rule import ALWAYS, Rule
from gateway.policy.snapshot import Snapshot

MAX_NEAR: Final = 8
CLOSE: Final = 0.9
"""Likeness of two names, 0 to 1, from which on one may be a slip of the other."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One row, and what it had to do with the question."""

    rule: str
    place: str
    """`policies/policy.csv:12`."""
    effect: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands behind a verdict."""

    subject: str
    roles: tuple[str, ...]
    tool: ToolId
    act: str
    rows: tuple[Considered, ...]
    """Rows that matched (conditions aside), then at most `MAX_NEAR` near misses, each in file order."""

    def __str__(self) -> str:
        roles = f" ({', '.join(self.roles)})" if self.roles else " (no roles)"
        lines = [f"{self.subject}{roles} → {self.act} {self.tool}"]
        lines += [f"  {row.place}: {row.effect} {row.rule}: {row.why}" for row in self.rows]
        return "\n".join(lines if self.rows else [*lines, "  no row comes near; nothing matched is deny"])


def explain(snapshot: Snapshot, principal: Principal, tool: ToolId, act: str) -> Explanation:
    """Looks at every row once: milliseconds, not for the road."""
    names = snapshot.names(principal)
    matched = snapshot.matching(principal, tool, act)
    rows = [_row(snapshot, rule, matched=True, why=_says(rule)) for rule in matched]
    for rule in snapshot.rules:
        if len(rows) == len(matched) + MAX_NEAR:
            break
        why = None if rule in matched else _near(rule, names, principal, tool, act)
        if why is not None:
            rows.append(_row(snapshot, rule, matched=False, why=why))
    roles = tuple(sorted(names - {principal.subject}))
    return Explanation(principal.subject, roles, tool, act, tuple(rows))


def _row(snapshot: Snapshot, rule: Rule, *, matched: bool, why: str) -> Considered:
    return Considered(rule.id, f"{snapshot.rows_file}:{rule.line}", rule.effect.value, matched, why)


def _says(rule: Rule) -> str:
    return "matches" if rule.when == ALWAYS else f"matches when {rule.when} holds"


def _near(rule: Rule, names: frozenset[str], principal: Principal, tool: ToolId, act: str) -> str | None:
    """The one column that does not fit; None where several do not."""
    fits = {
        f"is for {rule.sub}": rule.sub == EVERY or rule.sub in names,
        f"is for tenant {rule.tenant}": tenant_match(principal.tenant, rule.tenant),
        f"is for agent {rule.agent}": agent_match(principal.agent, rule.agent),
        f"is for action {rule.act}": rule.act == act,
        f"is for tool {rule.tool}": tool_match(tool, rule.tool),
    }
    misses = [why for why, fit in fits.items() if not fit]
    if len(misses) > 1 or (f"is for tool {rule.tool}" in misses and not _alike(tool, rule.tool)):
        return None
    return misses[0] if misses else "every column fits, the rest of the matcher does not"


def _alike(tool: str, glob: str) -> bool:
    return SequenceMatcher(None, tool, glob).ratio() > CLOSE
