"""One version of the policy, compiled and immutable: every verdict it gives can be explained by its files.

Lives only here: how matching rows become a verdict (deny beats ask beats allow, nothing is deny), and what is remembered
between decisions. Must not know files; `load.py` makes it, `rules.py` holds the one in force. What is remembered is
bounded and dies with the snapshot: principals come from outside.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.tool import ToolId
from gateway.policy.conditions import Condition
from gateway.policy.grants import Roles
from gateway.policy.index import Index, Lens, candidates
from gateway.policy.model import Column, Model
from gateway.policy.plain import Plain
from gateway.policy.rule import ALWAYS, Grant, Rule
from gateway.ports import Clock

_PLANS: Final = 10_000
_LENSES: Final = 1_000
_VIEWS: Final = 256
_PRECEDENCE: Final = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)

K = TypeVar("K")
V = TypeVar("V")


class Snapshot:
    """Model, rows and conditions of one moment. Safe to share between threads."""

    def __init__(
        self,
        model: Model,
        rules: Iterable[Rule],
        grants: Iterable[Grant],
        conditions: Mapping[str, Condition],
        *,
        version: str,
        rows_file: str,
        clock: Clock,
    ) -> None:
        self.version: Final = version
        self.rows_file: Final = rows_file
        self.rules: Final = tuple(rules)
        self.conditions: Final = conditions
        self.model: Final = model
        self._clock = clock
        grants = tuple(grants)
        self.roles: Final = _roles(model, self.rules, grants)
        self.notes: Final = tuple(_notes(model, self.rules, grants))
        self._index = Index(self.rules, model.columns)
        self._plain = Plain(model, self.roles) if model.rest or model.columns != frozenset(Column) else None
        self._lenses: dict[tuple[Any, ...], tuple[frozenset[str], Lens]] = {}
        self._plans: dict[tuple[Any, ...], Decision | tuple[Rule, ...]] = {}
        self._views: dict[tuple[Any, ...], frozenset[ToolId]] = {}

    def decide(self, principal: Principal, tool: ToolId, act: str, arguments: Mapping[str, Any]) -> Decision:
        """As `ports.Policy.decide`."""
        key = (principal.user, principal.agent, principal.tenant, principal.roles, act, tool)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(principal, tool, act)
            if act != "read":  # callers make up URIs
                _keep(self._plans, key, plan, _PLANS)
        if isinstance(plan, Decision):
            return plan
        facts = {
            "args": arguments,
            "agent": principal.agent,
            "tool": tool,
            "now": datetime.fromtimestamp(self._clock.now(), UTC),
        }
        if principal.user is not None:
            facts["user"] = principal.user
        return self._weigh(plan, facts)

    def visible(self, principal: Principal, tools: frozenset[ToolId], act: str = "call") -> frozenset[ToolId]:
        """As `ports.Policy.visible`."""
        key = (principal.user, principal.agent, principal.tenant, principal.roles, act, tools)
        view = self._views.get(key)
        if view is None:
            view = frozenset(tool for tool in tools if self.sees(principal, tool, act))
            _keep(self._views, key, view, _VIEWS)
        return view

    def sees(self, principal: Principal, tool: ToolId, act: str) -> bool:
        """As `ports.Policy.sees`; not remembered: callers make up URIs."""
        return _might(self.matching(principal, tool, act))

    def matching(self, principal: Principal, tool: ToolId, act: str) -> tuple[Rule, ...]:
        """The rules that match, conditions aside, in file order."""
        who = (principal.subject, principal.tenant, principal.agent, principal.roles, act)
        known = self._lenses.get(who)
        if known is None:
            names = self.names(principal)
            lens = self._index.lens(names, principal.tenant, principal.agent, act)
            known = _keep(self._lenses, who, (names, lens), _LENSES)
        names, lens = known
        found = candidates(lens, tool)
        if self._plain is None:
            return found
        return self._plain.matching(found, principal.subject, names, principal.tenant, principal.agent, tool, act)

    def names(self, principal: Principal) -> frozenset[str]:
        """The subject and every role it has in its tenant."""
        return self.roles.closure(principal.subject, principal.tenant, principal.roles)

    def _plan(self, principal: Principal, tool: ToolId, act: str) -> Decision | tuple[Rule, ...]:
        """The verdict where no condition has a say, else the rules to weigh."""
        rules = self.matching(principal, tool, act)
        return self._weigh(rules, {}) if all(rule.when == ALWAYS for rule in rules) else rules

    def _weigh(self, rules: tuple[Rule, ...], facts: Mapping[str, Any]) -> Decision:
        answers: dict[str, bool | None] = {ALWAYS: True}
        errors: list[str] = []
        for effect in _PRECEDENCE:
            decided: list[str] = []
            for rule in rules:
                if rule.effect is not effect:
                    continue
                if rule.when not in answers:
                    answers[rule.when] = self.conditions[rule.when].holds(facts)
                    if answers[rule.when] is None:
                        errors.append(rule.when)
                answer = answers[rule.when]
                if answer or (answer is None and effect is not Verdict.ALLOW):
                    decided.append(rule.id)
            if decided:
                return Decision(effect, tuple(decided), self.version, tuple(errors))
        return Decision(Verdict.DENY, (), self.version, tuple(errors))


def _might(rules: tuple[Rule, ...]) -> bool:
    """Whether some arguments could be permitted: conditions of deny rows taken as false, of all others as true."""
    if any(rule.effect is Verdict.DENY and rule.when == ALWAYS for rule in rules):
        return False
    return any(rule.effect is not Verdict.DENY for rule in rules)


def _keep(memo: dict[K, V], key: K, value: V, limit: int) -> V:
    if len(memo) >= limit:
        memo.clear()
    memo[key] = value
    return value


def _roles(model: Model, rules: tuple[Rule, ...], grants: tuple[Grant, ...]) -> Roles:
    """Casbin holds rows and links from here on; its role manager answers."""
    enforcer = model.enforcer()
    held = enforcer.get_model()
    held["p"]["p"].policy = [rule.values for rule in rules]
    held["g"]["g"].policy = [(grant.member, grant.role, grant.tenant) for grant in grants]
    enforcer.build_role_links()
    return Roles(enforcer.get_role_manager(), grants)


def _notes(model: Model, rules: tuple[Rule, ...], grants: tuple[Grant, ...]) -> Iterable[str]:
    """What an operator should know though it is no fault."""
    if model.rest:
        yield f"answered by Casbin's enforce(), about 0.1 ms a row: {' && '.join(model.rest)}"
    given = {grant.role for grant in grants}
    for role in sorted({rule.sub for rule in rules if rule.sub.startswith("role:")} - given):
        yield f"{role} is in a p row, but no g row gives it to anybody; only an issuer's roles_claim can"
