"""A person's answer: who may give it, and that it is written down before it counts.

Lives only here: the checks before a decision (no self-approval; the policy action `approve`), its two entries in the audit
chain at most, and a sentence for every way it can end. Must not know FastAPI, SQL or how a call waits. Called by the
operator plane through `operator.desk.ApprovalDesk`, never on the road.
"""

from collections.abc import Sequence
from typing import Any, assert_never

from gateway.homes import ApprovalStore
from gateway.model.approval import Approval, ApprovalState, Ruling, RulingKind, Vote
from gateway.model.decision import Verdict
from gateway.model.principal import Principal
from gateway.ports import AuditTrail, Clock, Policy


class Deciding:
    """Implements `operator.desk.ApprovalDesk`. Raises StoreUnavailable; then nothing was decided."""

    def __init__(self, store: ApprovalStore, policy: Policy, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._trail = trail
        self._clock = clock

    async def all(self) -> Sequence[Approval]:
        """As they stand now, newest first."""
        return [self._now(approval) for approval in await self._store.all()]

    async def get(self, id: str) -> Approval | None:  # noqa: A002
        """As it stands now."""
        found = await self._store.get(id)
        return self._now(found) if found is not None else None

    def bars(self, approval: Approval, user: str) -> Ruling | None:
        """Why `user` (policy id without its kind) may not decide; None when they may."""
        if approval.user == user:
            return Ruling(
                RulingKind.SELF_APPROVAL, f"user:{user} asked for this call, and nobody approves their own.", approval
            )
        person = Principal(approval.tenant, approval.agent, "operator", user, "operator")
        decision = self._policy.decide(person, approval.tool, "approve", approval.arguments)
        if decision.verdict is Verdict.ALLOW:
            return None
        why = (
            f"rule {', '.join(decision.rules)} says so" if decision.rules else "no rule with action approve permits it"
        )
        return Ruling(
            RulingKind.NOT_PERMITTED,
            f"user:{user} may not decide about {approval.tool} for {approval.agent} in tenant {approval.tenant}: {why}.",
            approval,
        )

    async def decide(self, id: str, *, by: str, user: str, approved: bool, why: str) -> Ruling:  # noqa: A002
        """One person's decision; the first one counts. `by` is the operator's token, `user` who that is in policy."""
        asked = await self.get(id)
        if asked is None:
            return _nothing()
        vote = Vote(approved, f"user:{user}", why, self._clock.now())
        if (barred := self.bars(asked, user)) is not None:
            await self._trail.operator(by, "approval.refused", _facts(asked, vote) | {"because": barred.kind.value})
            return barred
        if asked.state is not ApprovalState.PENDING:
            return _over(asked)
        await self._trail.operator(by, f"approval.{_said(vote)}", _facts(asked, vote))
        after = await self._store.decide(id, vote)
        if after is not None and after.vote == vote:
            return Ruling(RulingKind.DECIDED, _effect(after, vote), after)
        await self._trail.operator(by, "approval.overtaken", _facts(asked, vote))
        return _over(after) if after is not None else _nothing()

    def _now(self, approval: Approval) -> Approval:
        """A question asked under another version of the policy can be decided no more: the call must ask again."""
        now = self._clock.now()
        return approval.at(now) if approval.policy == self._policy.version else approval.voided(now)


def _facts(asked: Approval, vote: Vote) -> dict[str, Any]:
    return {
        "approval": asked.id,
        "call": asked.call_id,
        "tenant": asked.tenant,
        "agent": asked.agent,
        "user": asked.user,
        "tool": asked.tool,
        "rules": list(asked.rules),
        "policy": asked.policy,
        "fingerprint": asked.fingerprint,
        "decision": _said(vote),
        "by": vote.by,
        "why": vote.why,
    }


def _said(vote: Vote) -> str:
    return "approved" if vote.approved else "denied"


def _effect(after: Approval, vote: Vote) -> str:
    whom = f"{after.agent} for {after.user}" if after.user is not None else after.agent
    minutes = round((after.expires_at - vote.at) / 60)
    if vote.approved:
        return f"Approved once: {after.tool} of {whom}; the call must be made within {minutes} min."
    return f"Denied: {after.tool} of {whom}; the same call is refused for {minutes} min."


def _nothing() -> Ruling:
    return Ruling(RulingKind.NOT_FOUND, "There is no such approval; `sallyport approvals ls` lists them.")


def _over(found: Approval) -> Ruling:
    match found.state:
        case ApprovalState.APPROVED | ApprovalState.DENIED | ApprovalState.CONSUMED:
            assert found.vote is not None
            says = f"{found.vote.by} has {_said(found.vote)} it already; the first decision counts."
        case ApprovalState.EXPIRED:
            says = "Its time is over, which is a no; the same call asks anew when it is made again."
        case ApprovalState.VOID:
            says = (
                "The policy or the tool has changed since it was asked; the same call asks anew when it is made again."
            )
        case ApprovalState.PENDING:
            raise AssertionError("a pending approval can be decided")
        case _:
            assert_never(found.state)
    return Ruling(RulingKind.OVER, says, found)
