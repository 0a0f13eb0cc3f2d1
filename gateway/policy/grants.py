"""Roles: who has which, as Casbin's role manager says it; and the `g` rows that it would get wrong.

Lives only here: the closure of a subject over its roles. Casbin's manager is the one truth for links; it walks at most
nine of them, so longer chains are a load error, as are cycles. Must not know rules. Used by the loader and the snapshot.
"""

from collections import defaultdict
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Protocol

from gateway.policy.faults import Findings
from gateway.policy.rule import Grant

MAX_STEPS = 9
"""Links that Casbin's role manager follows from a subject (its level limit of 10 counts the subject itself)."""


class RoleGraph(Protocol):
    """The part of Casbin's DomainManager that is used."""

    def get_roles(self, name: str, tenant: str) -> list[str]: ...


class Roles:
    """Answers which names a subject goes by: itself, its roles, and their roles."""

    def __init__(self, manager: RoleGraph, grants: Iterable[Grant]) -> None:
        self._manager = manager
        self._members = frozenset((grant.member, grant.tenant) for grant in grants)

    def closure(self, subject: str, tenant: str, asserted: Iterable[str] = ()) -> frozenset[str]:
        """`asserted` are roles an issuer vouches for, `x` or `role:x`: they count like `g` rows of this subject."""
        names = {subject}
        waiting = [subject, *(role if role.startswith("role:") else f"role:{role}" for role in asserted)]
        names.update(waiting)
        while waiting:
            name = waiting.pop()
            if (name, tenant) not in self._members:
                continue  # asking the manager about a name makes it keep that name
            fresh = set(self._manager.get_roles(name, tenant)) - names
            names |= fresh
            waiting.extend(fresh)
        return frozenset(names)


def check_roles(grants: Iterable[Grant], found: Findings) -> None:
    """Repeated rows, cycles, and chains longer than Casbin follows."""
    lines: dict[Grant, int] = {}
    above: defaultdict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for grant in grants:
        bare = Grant(grant.member, grant.role, grant.tenant)
        if bare in lines:
            found.add(grant.line, f"the same grant stands on line {lines[bare]} already", "delete one of them")
        lines.setdefault(bare, grant.line)
        above[grant.member, grant.tenant].setdefault((grant.role, grant.tenant), grant.line)
    try:
        order = list(TopologicalSorter(above).static_order())
    except CycleError as error:
        circle = error.args[1]
        names = " → ".join(name for name, _ in reversed(circle))
        line = max(lines[Grant(low, high, tenant)] for (high, _), (low, tenant) in pairwise(circle))
        found.add(line, f"roles in a circle: {names}", "remove one of these rows; each would give the other's rights")
        return
    steps: dict[tuple[str, str], int] = {}
    for name in order:
        steps[name] = 1 + max((steps[role] for role in above[name]), default=-1)
        if steps[name] == MAX_STEPS + 1:
            found.add(min(above[name].values()), f"{name[0]} has roles {steps[name]} steps away", "Casbin follows 9")
