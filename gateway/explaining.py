"""What would happen to a call, room by room, without making it: the road asked for its reasons.

Lives only here: the order of the questions, which is the road's, and the words of the answers. Decides nothing itself: it
asks the same rooms the road walks through, and stops where the road would. Nothing is claimed, counted or sent, so
budgets, loop counters and twins in flight have no say here. Must not know HTTP. Built by `app.py` for the operator plane
(`POST /explain`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from gateway.catalog.room import Curation
from gateway.config.schema import Config
from gateway.ledger.stops import Stops
from gateway.ledger.windows import windows
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.tool import Effect, ResolvedCall, Tool, ToolId
from gateway.policy.globs import agent_match, tenant_match, tool_match
from gateway.policy.rule import ALWAYS
from gateway.policy.rules import Rules


@dataclass(frozen=True, slots=True)
class Step:
    """What one room says."""

    room: str
    verdict: Literal["passes", "asks", "stops"]
    why: str


class Explainer:
    """Answers "why would this happen?" from the versions in force."""

    def __init__(self, config: Config, *, rules: Rules, catalog: Curation, stops: Stops) -> None:
        self._config = config
        self._rules = rules
        self._catalog = catalog
        self._stops = stops

    def steps(
        self, agent: str, user: str | None, tenant: str, tool: str, arguments: Mapping[str, Any]
    ) -> tuple[Step, ...]:
        """Up to the first room that stops the call; `tool` is a canonical id or a published name.

        The roles of the user are those of policy's `g` rows: what an issuer would assert beside them is not supposed.
        """
        principal = Principal(tenant, agent, "operator", user, None if user is None else "operator")
        return tuple(self._walk(principal, tool, arguments))

    def _walk(self, principal: Principal, tool: str, arguments: Mapping[str, Any]) -> Iterator[Step]:
        agent = principal.agent
        if agent not in self._config.agents:
            yield Step("identity", "stops", f"no agent {agent} in the configuration")
            return
        yield Step("identity", "passes", _who(principal))
        names = self._catalog.names(agent)
        found = next((one for one, name in names.items() if tool in {one, name}), None)
        if found is None:
            yield Step("catalog", "stops", self._missing(agent, tool))
            return
        visible = self._rules.visible(principal, self._catalog.ids(agent))
        if found not in visible:
            yield Step(
                "catalog", "stops", f"{found} is hidden, as no rule could permit it; {self._rows(principal, found)}"
            )
            return
        try:
            call = self._catalog.view(agent, visible).resolve(names[found], arguments)
        except Refused as refused:
            yield Step("catalog", "stops", refused.refusal.detail)
            return
        yield Step("catalog", "passes", f"{found} is published as {names[found]}; the arguments fit its schema")
        yield from self._permitted(principal, call)

    def _permitted(self, principal: Principal, call: ResolvedCall) -> Iterator[Step]:
        tool = call.tool.id
        decision = self._rules.decide(principal, tool, "call", call.arguments)
        version = f"policy {decision.version[:12]}"
        said = f"{_rule(decision)} ({version}{_unclear(decision)})"
        match decision.verdict:
            case Verdict.DENY if decision.rules:
                yield Step("policy", "stops", f"denied by {said}; {self._rows(principal, tool)}")
                return
            case Verdict.DENY:
                why = f"no rule permits it with these arguments ({version}{_unclear(decision)})"
                yield Step("policy", "stops", f"{why}; {self._rows(principal, tool)}")
                return
            case Verdict.ALLOW:
                yield Step("policy", "passes", f"allowed by {said}")
            case Verdict.ASK:
                yield Step("policy", "asks", f"{said} wants a person's yes; {self._approvers(principal, tool)}")
            case _:
                assert_never(decision.verdict)
        try:
            self._stops.check(principal, call.tool)
        except Refused as refused:
            yield Step("kill switch", "stops", refused.refusal.detail)
            return
        yield Step("kill switch", "passes", "nothing that touches this call is stopped")
        yield Step("ledger", "passes", f"{_once(call, decision.verdict)}; budgets and repeats count when it is made")
        yield Step(
            "upstream", "passes", f"would go to {call.tool.upstream}, which gets {call.tool.timeout_s:g} s to answer"
        )

    def _missing(self, agent: str, tool: str) -> str:
        """Why the agent has no tool of this name, whatever its user may do."""
        ways = {tool, f"agents.{agent}.override.{tool}"}
        taken = f"agents.{agent}: "
        for problem in self._catalog.problems:
            where, hidden, what = problem.partition(": hidden: ")
            if hidden and (
                where in ways or (where.startswith(taken) and tool in where.removeprefix(taken).split(", "))
            ):
                return f"{tool} is hidden: {what}"
        if any(tool == one for one, _ in self._catalog.everything()):
            return f"{tool} is not among the tools of agent {agent} (agents.{agent}.tools)"
        return (
            f"agent {agent} has no tool {tool}, and no upstream lists one: `sallyport tools --agent {agent}` lists all"
        )

    def _rows(self, principal: Principal, tool: ToolId) -> str:
        """The rows that fit, conditions aside; where none does, those that nearly do."""
        rows = self._rules.explain(principal, tool).rows
        fitting = [row for row in rows if row.matched]
        told = "; ".join(f"{row.effect} {row.rule} ({row.place}) {row.why}" for row in fitting or rows)
        return told if fitting else f"nearest: {told}" if rows else "no rule comes near"

    def _approvers(self, principal: Principal, tool: ToolId) -> str:
        rows = [
            rule.sub if rule.when == ALWAYS else f"{rule.sub} (when {rule.when} holds)"
            for rule in self._rules.snapshot.rules
            if rule.act == "approve"
            and rule.effect is Verdict.ALLOW
            and tool_match(tool, rule.tool)
            and agent_match(principal.agent, rule.agent)
            and tenant_match(principal.tenant, rule.tenant)
        ]
        if not rows:
            return "no rule says who may give it: add a row with action `approve`, or it waits in vain"
        others = f", but never {principal.subject} itself" if principal.user is not None else ""
        return f"{', '.join(dict.fromkeys(rows))} may give it{others}"


def _who(principal: Principal) -> str:
    tenant = "" if principal.tenant == "default" else f" in tenant {principal.tenant}"
    if principal.user is None:
        return f"agent {principal.agent} with no user behind it{tenant}, once a credential proves it"
    return f"agent {principal.agent} for user {principal.user}{tenant}, once a credential proves both"


def _rule(decision: Decision) -> str:
    return f"rule{'s' if len(decision.rules) > 1 else ''} {', '.join(decision.rules)}"


def _unclear(decision: Decision) -> str:
    return f"; could not evaluate {', '.join(decision.errors)}" if decision.errors else ""


def _once(call: ResolvedCall, verdict: Verdict) -> str:
    """What the ledger would do; a call that waits for a person is claimed whatever its effect."""
    match call.tool.effect:
        case Effect.READ if verdict is Verdict.ASK:
            return "a declared read, claimed all the same because a person must say yes to it"
        case Effect.READ:
            return "a declared read: not claimed, may be repeated"
        case Effect.IDEMPOTENT:
            sent = "effect idempotent: may be sent again after a lost answer"
        case Effect.MUTATING | Effect.UNSET as effect:
            sent = f"effect {effect.value}: sent at most once for its key"
        case _:
            assert_never(call.tool.effect)
    return f"{sent}; {_same(call.tool, verdict)}"


def _same(tool: Tool, verdict: Verdict) -> str:
    """Which later calls would be the same one."""
    if tool.terms.once:
        return f"carried out once in the whole tenant for each {' with '.join(tool.terms.once)}"
    if tool.terms.key_required:
        return "a call without a key is refused"
    kept = windows(tool, "derived")
    if not kept.kept_s and verdict is not Verdict.ASK:
        return "calls without a key are not deduplicated"
    if not kept.delivered_s:
        return "without a key, only until its answer was delivered"
    return f"without a key, an identical call gets the same answer for {kept.delivered_s:g} s"
