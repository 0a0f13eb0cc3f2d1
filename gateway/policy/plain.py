"""Casbin's own enforce(), for matchers the compiler does not understand in full.

Lives only here: calling it. It is asked row by row (about 0.1 ms each), because it names at most one row that matched;
conditions are taken as true here and weighed by the snapshot. Must not know effects. Called by `snapshot.py`, whose memo
keeps the answers.
"""

from collections.abc import Iterable
from threading import Lock

from gateway.policy.globs import agent_match, tenant_match, tool_match
from gateway.policy.grants import Roles
from gateway.policy.model import Model
from gateway.policy.rule import Rule


class _Links:
    """Casbin's role manager as one request sees it: its subject's asserted roles count too."""

    def __init__(self, roles: Roles, subject: str, tenant: str, names: frozenset[str]) -> None:
        self._roles = roles
        self._known = {(subject, tenant): names}

    def has_link(self, name: str, role: str, tenant: str) -> bool:
        return role in (self._known.get((name, tenant)) or self._roles.closure(name, tenant))


class Plain:
    """One enforcer whose policy is replaced by each row in turn; a lock makes that safe across threads."""

    def __init__(self, model: Model, roles: Roles) -> None:
        self._roles = roles
        self._lock = Lock()
        self._enforcer = model.enforcer()
        for name, function in (("toolMatch", tool_match), ("agentMatch", agent_match), ("tenantMatch", tenant_match)):
            self._enforcer.add_function(name, function)
        self._enforcer.add_function("holds", lambda _name, _facts: True)

    def matching(
        self, rules: Iterable[Rule], subject: str, names: frozenset[str], tenant: str, agent: str, tool: str, act: str
    ) -> tuple[Rule, ...]:
        """The rules whose row matches, conditions aside. Raises what Casbin raises: a call must not pass then."""
        with self._lock:
            model = self._enforcer.get_model()
            model["g"]["g"].rm = _Links(self._roles, subject, tenant, names)
            found = []
            for rule in rules:
                model["p"]["p"].policy = [(*rule.values[:-1], "allow")]
                if self._enforcer.enforce(subject, tenant, agent, tool, act, None):
                    found.append(rule)
            return tuple(found)
