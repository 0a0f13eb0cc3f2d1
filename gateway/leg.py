"""What is known of a call once it may be carried, and the small facts the road derives from it.

Lives only here: the leg from policy to the upstream as one value, its time limit, what goes out, the words of a denial.
Must not know the order of rooms. Used by the pipeline only.
"""

from dataclasses import dataclass

from gateway import ports
from gateway.model.call import Asked
from gateway.model.outbound import Outbound
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ResolvedCall

LONGEST_S = 900.0
"""No call outlives this, whatever configuration and caller say."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What is known of a call that may be carried: it exists only behind identity, catalog and policy."""

    record: ports.Record
    principal: Principal
    asked: Asked
    call: ResolvedCall
    upstream: ports.Upstream
    deadline: float
    """Monotonic seconds."""


class Caller:
    """Whether the one who asked still waits; a detached call looks just before it would depart."""

    here = True
    followed = False
    """Whether a task of its own walks on without the caller, and ends the record."""

    def must_be_here(self) -> None:
        if not self.here:
            raise Refused(Reason.CANCELLED, "The caller went away before the call was sent.")


def allowed_s(call: ResolvedCall, asked: Asked) -> float:
    """Seconds this call may take: the tool's own limit, shortened by the caller's wish, never over `LONGEST_S`."""
    wished = asked.deadline_ms / 1000 if asked.deadline_ms is not None else LONGEST_S
    return min(call.tool.timeout_s, wished, LONGEST_S)


def outbound(call: ResolvedCall, asked: Asked, key: str | None = None) -> Outbound:
    trace = {"traceparent": asked.traceparent, "tracestate": asked.tracestate}
    meta = {name: value for name, value in trace.items() if value is not None}
    return Outbound(call.tool, call.arguments, meta=meta, idempotency_key=key)


def denied(principal: Principal, tool: str, rules: tuple[str, ...]) -> Refused:
    why = f"rule {', '.join(rules)} says so" if rules else "no rule permits it"
    return Refused(
        Reason.POLICY_DENIED,
        f"{principal.subject} may not call {tool} with these arguments through {principal.agent}: {why}.",
        rules=rules,
    )
