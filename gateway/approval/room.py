"""A person's yes, where policy wants one: the question, the wait for its answer, and what each answer means (ledger §5).

Lives only here: what a question is bound to, how long the caller is held over it, and the words for every way it can end.
The question outlives the wait: the same call asks the same question later. Must not know who may decide (`deciding.py`),
how questions are kept, or the order of rooms. Implements `ports.Approvals`; called by the road between claim and permit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, assert_never

from gateway.config.schema import Approvals as Section
from gateway.homes import ApprovalStore
from gateway.model.admission import Ticket
from gateway.model.approval import PENDING_PER_AGENT, Approval, ApprovalState, Binding
from gateway.model.decision import Decision
from gateway.model.refusal import Reason, Refused
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock, Policy
from gateway.wire.strict_json import digest, dump

READABLE: Final = 64 * 1024
"""Bytes of arguments a person can be asked about; nobody approves more than they can read."""
_POLL_S: Final = 0.25
_RETRY_MS: Final = 5_000
_LONGEST_WHY: Final = 300
"""Characters of an approver's reason that the agent is told."""


class Questions:
    """Asks, waits and reads the answer. One per process."""

    def __init__(
        self, store: ApprovalStore, policy: Policy, section: Section, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._policy = policy
        self._section = section
        self._clock = clock
        self._new_id = new_id
        self._holds = True

    def let_go(self) -> None:
        """Holds nobody any longer: this process ends, and the answer will be given to another."""
        self._holds = False

    async def granted(
        self, ticket: Ticket, decision: Decision, traceparent: str, until: float, still: Callable[[], None]
    ) -> str:
        """As `ports.Approvals.granted`. Raises Refused also for too many questions, and for arguments nobody can read."""
        wanted = self._question(ticket, decision, traceparent)
        with _fails_closed(wanted):
            found = await self._store.ask(wanted)
            if found is None:
                raise Refused(
                    Reason.OVERLOADED,
                    f"{PENDING_PER_AGENT} calls of {wanted.agent} wait for a person already; no further one is asked for.",
                )
            seen = found.at(self._clock.now())
            while seen.state is ApprovalState.PENDING and (left_s := self._left_s(until)) > 0:
                await self._store.changed(seen.id, min(left_s, _POLL_S))
                still()
                seen = (await self._store.get(seen.id) or seen).at(self._clock.now())
        return self._answer(seen, decision)

    def _left_s(self, until: float) -> float:
        return until - self._clock.monotonic() if self._holds else 0.0

    def _question(self, ticket: Ticket, decision: Decision, traceparent: str) -> Approval:
        call, principal, now = ticket.call, ticket.principal, self._clock.now()
        if len(dump(dict(call.arguments))) > READABLE:
            raise Refused(
                Reason.INVALID_ARGUMENTS,
                f"{call.tool.id} needs a person's approval here, and nobody can read arguments over {READABLE // 1024} KiB.",
            )
        fingerprint = ticket.claim.fingerprint.hex()
        return Approval(
            id=self._new_id(),
            record=ticket.claim.record.hex(),
            binding=binding(ticket, decision.version),
            call_id=ticket.claim.call_id,
            tenant=principal.tenant,
            agent=principal.agent,
            user=principal.user,
            tool=call.tool.id,
            arguments=call.arguments,
            fingerprint=fingerprint,
            tool_digest=call.tool.digest,
            policy=decision.version,
            rules=decision.rules,
            asked_at=now,
            expires_at=now + self._section.pending.total_seconds(),
            trace=traceparent,
            use_within_s=self._section.approved.total_seconds(),
        )

    def _answer(self, seen: Approval, decision: Decision) -> str:
        """The id of an approval that permits the call now. Raises Refused for every other state."""
        match seen.state:
            case ApprovalState.APPROVED if self._policy.version == decision.version:
                return seen.id
            case ApprovalState.PENDING:
                raise Refused(
                    Reason.APPROVAL_PENDING,
                    f"A person must approve this call of {seen.tool} (approval {seen.id}, rule {', '.join(seen.rules)}); "
                    "nobody has answered yet.",
                    retry_after_ms=_RETRY_MS,
                    approval=seen.id,
                )
            case ApprovalState.DENIED:
                raise Refused(
                    Reason.APPROVAL_DECLINED,
                    f"A person declined this call of {seen.tool} (approval {seen.id}): {_reason(seen)}",
                    approval=seen.id,
                )
            case ApprovalState.EXPIRED:
                why = "nobody answered in time, or the answer was not used in time"
            case ApprovalState.CONSUMED:
                why = f"call {seen.consumed_by} was sent under it"
            case ApprovalState.VOID | ApprovalState.APPROVED:
                why = "the policy or the tool has changed since it was asked for"
            case _:
                assert_never(seen.state)
        raise Refused(
            Reason.APPROVAL_EXPIRED, f"Approval {seen.id} permits {seen.tool} no more: {why}.", approval=seen.id
        )


def binding(ticket: Ticket, policy: str) -> Binding:
    """What a yes says yes to: who, through whom, which tool as defined, with which arguments, under which policy."""
    principal, tool = ticket.principal, ticket.call.tool
    return digest(
        {
            "tenant": principal.tenant,
            "user": principal.user,
            "agent": principal.agent,
            "tool": tool.id,
            "fingerprint": ticket.claim.fingerprint.hex(),
            "tool_digest": tool.digest,
            "policy": policy,
        }
    )


def _reason(denied: Approval) -> str:
    """The approver's words on one line, without anything a reader would not see."""
    why = denied.vote.why if denied.vote is not None else ""
    words = " ".join("".join(c if c.isprintable() else " " for c in why).split())
    if not words:
        return "no reason was given."
    return words if len(words) <= _LONGEST_WHY else f"{words[:_LONGEST_WHY]}…"


@contextmanager
def _fails_closed(wanted: Approval) -> Iterator[None]:
    """What cannot be asked is not permitted."""
    try:
        yield
    except StoreUnavailable:
        raise Refused(
            Reason.STORE_UNAVAILABLE, f"{wanted.tool} needs a person's approval, and approvals cannot be kept now."
        ) from None
