"""Spans of the agent plane, made by hand from a request that has ended.

Lives only here: which of the MCP and GenAI conventions' attributes a span carries, and ours (`sallyport.*`). Nothing of
arguments or results, and no word of a caller's own: names come from the catalog. Must not know how spans leave. Imports
the SDK, so it is itself imported only where spans are exported; called by `spans`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.model.refusal import TABLE, Reason, Shape
from gateway.telemetry.conventions import OTHER, error_type, method_of

_FAILED: Final = frozenset({AuditOutcome.FAILED, AuditOutcome.IN_DOUBT, AuditOutcome.ANSWERED_ERROR})
"""Refusals are decisions and no failures: their span says `error.type`, but not that something broke."""
_OURS: Final = {
    "call": "sallyport.call.id",
    "outcome": "sallyport.outcome",
    "tool": "sallyport.tool",
    "decision": "sallyport.decision",
    "policy": "sallyport.policy.version",
    "rules": "sallyport.policy.rules",
    "approval": "sallyport.approval.id",
}
_NAMED: Final = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}
"""Where the name of what was called stands; a URI is the caller's own word, and stands nowhere."""
_RECORDED: Final = TraceFlags(TraceFlags.SAMPLED)
_BROKE: Final = Status(StatusCode.ERROR)
_FINE: Final = Status()
_Attributes = dict[str, Any]


class Maker:
    """Makes finished spans that say they are this process's."""

    def __init__(self, resource: Resource, scope: InstrumentationScope) -> None:
        self._resource = resource
        self._scope = scope

    def spans(self, ended: Ended) -> Iterator[ReadableSpan]:
        """The span toward the agent and, when a call was carried, its child toward the tool."""
        facts = ended.facts
        trace, method = facts["trace"], method_of(facts) or OTHER
        tool = facts.get("tool") if method in _NAMED else None
        common: _Attributes = {"mcp.method.name": method}
        if method == "tools/call":
            common["gen_ai.operation.name"] = "execute_tool"
        if (error := _error(facts)) is not None:
            common["error.type"] = error
        server = _context(trace["id"], trace["span"])
        parent = _context(trace["id"], trace["parent"], remote=True) if "parent" in trace else None
        status = _BROKE if facts["outcome"] in _FAILED else _FINE
        yield self._span(
            method if tool is None else f"{method} {facts['asked']}",
            server,
            parent,
            common | _toward_agent(facts, method),
            SpanKind.SERVER,
            status,
            (ended.began, ended.ended),
            (_link(trace["link"]),) if "link" in trace else (),
        )
        if ended.sent is not None and facts.get("tool") is not None and "client" in trace:
            name = None if tool is None else tool.partition("/")[2]
            yield self._span(
                method if name is None else f"{method} {name}",
                _context(trace["id"], trace["client"]),
                server,
                common | _toward_tool(facts, method, name),
                SpanKind.CLIENT,
                status,
                ended.sent,
            )

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: _Attributes,
        kind: SpanKind,
        status: Status,
        times: tuple[float, float],
        links: tuple[Link, ...] = (),
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            context,
            parent,
            self._resource,
            attributes,
            links=links,
            kind=kind,
            status=status,
            start_time=round(times[0] * 1e9),
            end_time=round(times[1] * 1e9),
            instrumentation_scope=self._scope,
        )


def _toward_agent(facts: Mapping[str, Any], method: str) -> _Attributes:
    made = {ours: facts[name] for name, ours in _OURS.items() if facts.get(name) is not None}
    made["network.transport"] = "tcp"
    if facts.get("tool") is not None:
        if method in _NAMED:
            made[_NAMED[method]] = facts["asked"]
        else:
            made["sallyport.tool"] = facts["upstream"]
    if (version := facts.get("version") or "")[:1].isdigit():  # plain HTTP has none
        made["mcp.protocol.version"] = version
    if state := facts.get("key", {}).get("state"):
        made["sallyport.idempotency"] = state
    if (code := facts.get("code")) is not None and _is_rpc_error(facts):
        made["rpc.response.status_code"] = str(code)
    return made


def _toward_tool(facts: Mapping[str, Any], method: str, name: str | None) -> _Attributes:
    made = {"sallyport.call.id": facts["call"], **_place(facts.get("address") or "")}
    if name is not None:
        made[_NAMED[method]] = name
    if facts["outcome"] == AuditOutcome.ANSWERED_ERROR and "code" in facts:
        made["rpc.response.status_code"] = str(facts["code"])
    return made


def _error(facts: Mapping[str, Any]) -> str | None:
    """On a span the tool's own error code may stand, as the conventions want it; a label could not hold it."""
    error = error_type(facts)
    return str(facts["code"]) if error == OTHER else error


def _is_rpc_error(facts: Mapping[str, Any]) -> bool:
    """Whether the agent was answered with a JSON-RPC error, and not with a result that explains itself."""
    reason = facts.get("reason")
    return reason is None or TABLE[Reason(reason)].shape is Shape.ERROR


@lru_cache(maxsize=1024)
def _place(address: str) -> _Attributes:
    """Where the tool's server is; a command is nobody's address."""
    if not address.startswith(("http://", "https://")):
        return {"network.transport": "pipe"}
    url = urlsplit(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    return {"network.transport": "tcp", "server.address": url.hostname or "", "server.port": port}


def _context(trace_id: str, span: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span, 16), remote, _RECORDED)


def _link(traceparent: str) -> Link:
    _, trace_id, span, flags = traceparent.split("-")
    return Link(SpanContext(int(trace_id, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))))
