"""What is known of a call once it may be carried, and the small facts the road derives from it.

Lives only here: the leg from policy to the upstream as one value, its time limit, what goes out.
Must not know the order of rooms. Used by pipeline and crossing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gateway import ports
from gateway.model.call import LONGEST_S, Asked
from gateway.model.decision import Decision, Verdict
from gateway.model.outbound import Outbound
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.model.work import JournalUnavailable


@dataclass(frozen=True, slots=True)
class Leg:
    """What is known of a call that may be carried: it exists only behind identity, catalog and policy."""

    record: ports.Record
    principal: Principal
    asked: Asked
    call: ResolvedCall
    decision: Decision
    upstream: ports.Upstream
    deadline: float
    """Monotonic seconds; of a call that a person must approve, with the time that may take."""
    hold_until: float
    """Monotonic seconds; how long the caller is held while a person thinks."""


class Caller:
    """Whether the one who asked still waits; a detached call looks just before it would depart."""

    def __init__(self) -> None:
        self.here = True
        self.followed = False
        """Whether a task of its own walks on without the caller, and ends the record."""
        self.departing = False
        """Whether an intent was handed out: from then on only the ledger knows whether the call was sent."""
        self._left: list[Callable[[], None]] = []

    def watch(self, left: Callable[[], None]) -> None:
        """Calls `left` once when the caller goes away."""
        self._left.append(left)

    def leave(self) -> None:
        """The caller goes away."""
        self.here = False
        while self._left:
            self._left.pop()()

    def must_be_here(self) -> None:
        if not self.here:
            raise Refused(Reason.CANCELLED, "The caller went away before the call was sent.")


def allowed_s(call: ResolvedCall, asked: Asked) -> float:
    """Seconds this call may take: the tool's own limit, shortened by the caller's wish, never over `LONGEST_S`."""
    wished = asked.deadline_ms / 1000 if asked.deadline_ms is not None else LONGEST_S
    return min(call.tool.timeout_s, wished, LONGEST_S)


def leg(
    record: ports.Record,
    principal: Principal,
    asked: Asked,
    call: ResolvedCall,
    decision: Decision,
    upstream: ports.Upstream,
    now: float,
    hold_s: float,
) -> Leg:
    """The leg of a permitted call; `now` in monotonic seconds."""
    takes_s = allowed_s(call, asked)
    if decision.verdict is not Verdict.ASK:
        return Leg(record, principal, asked, call, decision, upstream, now + takes_s, now)
    call = replace(call, tool=_claimed(call.tool))
    wished_s = hold_s if asked.deadline_ms is None else min(hold_s, asked.deadline_ms / 1000)
    return Leg(record, principal, asked, call, decision, upstream, now + wished_s + takes_s, now + wished_s)


def _claimed(tool: Tool) -> Tool:
    """The tool of a call that a person must approve: it is claimed, because the yes is used up with its claim.

    The call made again must find the answer to its question, so it is the same call until it is answered. A declared read
    may be done twice: one that was lost does not stand in the way of the next question.
    """
    effect = tool.effect if tool.effect.leaves_traces else Effect.IDEMPOTENT
    return replace(tool, effect=effect, derived="in_flight_only" if tool.derived == "off" else tool.derived)


async def sealed(record: ports.Record, outcome: AuditOutcome, **facts: Any) -> None:
    """Seals a record. Raises Refused: audit-unavailable; what was executed stays as it was."""
    try:
        await record.seal(outcome, **facts)
    except JournalUnavailable:
        detail = "The audit journal cannot be written."
        raise Refused(Reason.AUDIT_UNAVAILABLE, detail, executed=facts.get("executed")) from None


def outbound(
    leg: Leg, key: str | None = None, check: Callable[[Principal, Tool], None] | None = None, *, again: bool = False
) -> Outbound:
    """What goes out; `again`: it was sent before, so the upstream leg, which knows its own sends only, repeats nothing.

    `check` raises Refused where a stop keeps it from being repeated; a read is cancelled instead.
    """
    call, asked, who = leg.call, leg.asked, leg.principal
    return Outbound(
        call.tool,
        call.arguments,
        meta=asked.trace.outbound,
        idempotency_key=key,
        attempt=asked.attempt + again,
        method=asked.method,
        dialogue=asked.dialogue,
        request_state=asked.request_state,
        input_responses=asked.input_responses,
        owner="\0".join((who.tenant, who.agent, who.user or "")),
        agent=who.agent,
        still=(lambda: None) if check is None else partial(check, who, call.tool),
    )
