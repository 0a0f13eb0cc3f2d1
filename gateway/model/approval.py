"""One question to a person: may exactly this call be made? Its states, and what a decision needs.

Everything that affects the state machine lives in this file: a store reads a row, asks here, writes what it is told, all
in one transaction or script. Must not know SQL, Redis, who may decide (policy) or how people are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final


class ApprovalState(StrEnum):
    """pending → approved | denied | expired | void; approved → consumed | expired | void."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"
    """Asked under another policy version or tool definition: nobody can decide it any more."""
    CONSUMED = "consumed"


PENDING_S: Final = 900.0
"""Silence for this long is a no."""
APPROVED_S: Final = 600.0
"""An approval that is not used within this time is worth nothing."""
DENIAL_S: Final = 600.0
"""A denial stands this long for the same binding, under whatever key it is asked again: no shopping for a yes."""
KEPT_S: Final = 86_400.0
"""What came to its end is kept this long after `expires_at`."""
PENDING_PER_AGENT: Final = 100
"""Questions of one agent in one tenant that may wait at once: nobody reads more, and a flood wears approvers out."""

Binding = str
"""SHA-256 (hex) over tenant, user, agent, tool, fingerprint, tool digest and policy version: what a yes says yes to."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person decided."""

    approved: bool
    by: str
    """Policy name of the person, `user:carol`."""
    why: str
    at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One question and its answer."""

    id: str
    """UUIDv7 text."""
    record: str
    """Hex of the ledger record the call claims: the same call asks the same question."""
    binding: Binding
    call_id: str
    """The call that asked first."""
    tenant: str
    agent: str
    user: str | None
    tool: str
    arguments: Mapping[str, Any]
    """Exactly what will be sent."""
    fingerprint: str
    tool_digest: str
    policy: str
    """Version that asked."""
    rules: tuple[str, ...]
    asked_at: float
    expires_at: float
    """Unix seconds: of the question while pending, of the yes while approved, of the no while denied."""
    state: ApprovalState = ApprovalState.PENDING
    vote: Vote | None = None
    consumed_by: str | None = None
    """The call that was sent under it."""
    trace: str | None = None
    """`traceparent` of the call that asked, so that the decision's span can link to it."""
    use_within_s: float = APPROVED_S
    """How long a yes to it is worth something."""

    def at(self, now: float) -> "Approval":
        """As it stands at `now`: silence and unused answers expire."""
        if self.state in {ApprovalState.PENDING, ApprovalState.APPROVED} and now >= self.expires_at:
            return replace(self, state=ApprovalState.EXPIRED)
        return self

    def stands_for(self, binding: Binding, now: float) -> bool:
        """Whether asking again gets this one instead of a new question."""
        seen = self.at(now)
        if seen.binding != binding:
            return False
        if seen.state is ApprovalState.DENIED:
            return now < seen.expires_at
        return seen.state in {ApprovalState.PENDING, ApprovalState.APPROVED}

    def decided(self, vote: Vote) -> "Approval":
        """After a vote; unchanged unless it was pending then: the first decision is final."""
        seen = self.at(vote.at)
        if seen.state is not ApprovalState.PENDING:
            return seen
        if vote.approved:
            return replace(seen, state=ApprovalState.APPROVED, vote=vote, expires_at=vote.at + self.use_within_s)
        return replace(seen, state=ApprovalState.DENIED, vote=vote, expires_at=vote.at + DENIAL_S)

    def voided(self, now: float) -> "Approval":
        """After the same call was asked about under another binding."""
        seen = self.at(now)
        if seen.state in {ApprovalState.PENDING, ApprovalState.APPROVED}:
            return replace(seen, state=ApprovalState.VOID)
        return seen

    def consumed(self, record: str, call_id: str, now: float) -> "Approval | None":
        """After a departure under it; None when it permits none."""
        seen = self.at(now)
        if seen.state is not ApprovalState.APPROVED or seen.record != record:
            return None
        return replace(seen, state=ApprovalState.CONSUMED, consumed_by=call_id)


class RulingKind(StrEnum):
    """What became of somebody's decision."""

    DECIDED = "decided"
    NOT_FOUND = "not-found"
    OVER = "over"
    """Somebody was first, or nobody can decide it any more."""
    NOT_PERMITTED = "not-permitted"
    SELF_APPROVAL = "self-approval"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to somebody who decided, or wants to look before deciding."""

    kind: RulingKind
    says: str
    """One sentence, safe to show."""
    approval: Approval | None = None
    """As it stands now; None when there is none."""
