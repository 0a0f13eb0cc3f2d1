"""The first door: what an agent can see, and whether one request of it may go further.

Lives only here: the order catalog, then policy, for everything that is listed or asked for; which action policy is asked
for; what of it the record keeps. Must not know what lies behind: ledger, approvals, upstreams. Walked through by the
pipeline for every list and call, and again for a call that goes on after its caller was asked something.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from gateway import ports, sights
from gateway.model.call import Asked
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import BesideKind, ResolvedCall, Tool
from gateway.wire.strict_json import digest

_LISTS: Final[Mapping[BesideKind, tuple[str, str]]] = {
    "prompts": ("prompts/list", "prompt"),
    "resources": ("resources/list", "read"),
    "templates": ("resources/templates/list", "read"),
}
"""The method that lists them, and what policy is asked for."""


class Gate:
    """What a principal sees and may do."""

    def __init__(self, catalog: sights.Catalog, policy: ports.Policy, sanitize: ports.Sanitizer) -> None:
        self._catalog = catalog
        self._policy = policy
        self._sanitize = sanitize

    def view(self, principal: Principal) -> sights.View:
        """Its tools: curation of the agent ∩ what policy might permit the user."""
        visible = self._policy.visible(principal, self._catalog.ids(principal.agent))
        return self._catalog.view(principal.agent, visible)

    def tools(self, record: ports.Record, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The list of them."""
        view = self.view(principal)
        self._listed(record, len(view.tools), view.digest)
        return view.tools

    def beside(self, record: ports.Record, principal: Principal, kind: BesideKind) -> Sequence[Mapping[str, Any]]:
        """The list of its prompts, resources or templates."""
        method, act = _LISTS[kind]
        record.note(method=method)
        shelf = self._catalog.shelf(principal.agent)
        visible = self._policy.visible(principal, shelf.ids(kind), act)
        seen = shelf.published(kind, visible)
        self._listed(record, len(seen), shelf.digest(kind, visible))
        return seen

    def readable(self, principal: Principal, uri: str) -> str | None:
        """The upstream whose resource this is, where it may be read now."""
        asked = Asked(uri, {}, "modern", "", method="resources/read")
        try:
            tool = self._found(principal, asked).tool
        except Refused:
            return None
        decision = self._policy.decide(principal, tool.id, _act(asked), {})
        return tool.upstream if decision.verdict is Verdict.ALLOW else None

    def passed(self, record: ports.Record, principal: Principal, asked: Asked) -> tuple[ResolvedCall, Decision]:
        """The call that was asked for, allowed or waiting for a person's yes.

        Raises Refused: unknown-tool, unknown-prompt, unknown-resource, upstream-unavailable, invalid-arguments,
        policy-denied.
        """
        if asked.method == "tools/call":
            view = self.view(principal)
            record.note(visible={"count": len(view.tools), "digest": view.digest})
            call = view.resolve(asked.name, asked.arguments)
        else:
            record.note(method=asked.method)
            call = self._found(principal, asked)
        tool = call.tool
        record.note(
            tool=self._recorded(tool),
            upstream=tool.upstream,
            effect=tool.effect.value,
            tool_digest=tool.digest,
            arguments=self._sanitize.redacted(call.arguments).value,
            arguments_sha256=digest(call.arguments),
        )
        record.lap("catalog")
        decision = self._policy.decide(principal, tool.id, _act(asked), call.arguments)
        record.note(
            decision=decision.verdict.value,
            rules=list(decision.rules),
            policy=decision.version,
            policy_errors=list(decision.errors),
        )
        record.lap("policy")
        match decision.verdict:
            case Verdict.ASK if tool.kind != "tool":
                raise denied(principal, tool, decision.rules, "wants a person's yes, for which only a tool can wait")
            case Verdict.ALLOW | Verdict.ASK:
                return call, decision
            case Verdict.DENY:
                raise denied(principal, tool, decision.rules, "says so")
            case _:
                assert_never(decision.verdict)

    def _found(self, principal: Principal, asked: Asked) -> ResolvedCall:
        """What stands beside tools under this name, where a rule could permit it."""
        act = _act(asked)
        return self._catalog.shelf(principal.agent).find(asked, lambda one: self._policy.sees(principal, one, act))

    def _recorded(self, tool: Tool) -> Any:
        """The canonical id; a URI may carry a credential, which no record keeps."""
        return tool.id if tool.kind == "tool" else self._sanitize.redacted(tool.id).value

    def _listed(self, record: ports.Record, count: int, visible: str) -> None:
        record.note(kind="list", visible={"count": count, "digest": visible}, policy=self._policy.version)
        record.lap("catalog")


def _act(asked: Asked) -> str:
    """What policy is asked for; a completion gives away of a prompt or template what using it would."""
    match asked.method:
        case "tools/call":
            return "call"
        case "prompts/get":
            return "prompt"
        case "resources/read":
            return "read"
        case "completion/complete":
            return "prompt" if asked.arguments["ref"]["type"] == "ref/prompt" else "read"
        case _:
            assert_never(asked.method)


def denied(principal: Principal, tool: Tool, rules: tuple[str, ...], says: str) -> Refused:
    """The refusal of a call that policy does not permit."""
    why = f"rule {', '.join(rules)} {says}" if rules else "no rule permits it"
    match tool.kind:
        case "tool":
            wanted = f"call {tool.id} with these arguments"
        case "prompt":
            wanted = f"use the prompt {tool.id} with these arguments"
        case "resource":
            wanted = f"read {tool.label}"
        case "completion":
            wanted = f"have this completed by {tool.upstream}"
        case _:
            assert_never(tool.kind)
    detail = f"{principal.subject} may not {wanted} through {principal.agent}: {why}."
    return Refused(Reason.POLICY_DENIED, detail, rules=rules)
