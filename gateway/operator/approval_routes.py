"""`/approvals`: what waits for a person, shown as it will be sent, and the answer.

Lives only here: the shapes of these requests, who may see argument values, and the link from a decision's span to the
call's trace. The right to decide is policy's (`approve`), not a role of this plane. Must not know how questions are kept
or what a decision does.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, assert_never

from fastapi import APIRouter, Depends, HTTPException, Response
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.model.approval import Approval, ApprovalState, Ruling, RulingKind
from gateway.operator.access import Access, Person
from gateway.operator.desk import ApprovalDesk
from gateway.operator.exact import exact
from gateway.wire.strict_json import digest

_OPEN: Final = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})


class Answer(BaseModel):
    """What a person decides, and why; a no needs its reason, because the agent is told."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    decision: Literal["approve", "deny"]
    why: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _reasoned(self) -> "Answer":
        if self.decision == "deny" and not self.why:
            raise ValueError("say why: the agent is told")
        return self


def routes(approvals: ApprovalDesk, access: Access, now: Callable[[], float]) -> APIRouter:
    """The list needs `viewer`; argument values also `operator` or the right to approve them; an answer that right."""
    router = APIRouter(tags=["approvals"])
    viewer = Depends(access.needs("viewer"))

    @router.get("/approvals", dependencies=[viewer])
    async def ls() -> Response:
        """Everything asked in the last day, newest first; of arguments only the names."""
        return exact([_summary(found, now()) for found in await approvals.all()])

    @router.get("/approvals/{id}", responses={403: {}, 404: {}})
    async def show(id: str, person: Annotated[Person, viewer]) -> Response:  # noqa: A002
        """One question with its arguments exactly as they will be sent."""
        found = await approvals.get(id)
        if found is None:
            raise HTTPException(404, f"no approval {id!r}; `sallyport approvals ls` lists them")
        if "operator" not in person.roles and (barred := approvals.bars(found, person.user)) is not None:
            raise HTTPException(403, f"{barred.says} Only who may approve it, or an operator, sees its arguments.")
        return exact(_whole(found, now()))

    @router.post("/approvals/{id}", responses={403: {}, 404: {}, 409: {}})
    async def answer(id: str, said: Answer, person: Annotated[Person, viewer]) -> dict[str, str]:  # noqa: A002
        """Approves or denies, once and for exactly this call; the first answer counts."""
        ruling = await approvals.decide(
            id, by=person.id, user=person.user, approved=said.decision == "approve", why=said.why
        )
        _link(ruling)
        if (status := _refused(ruling.kind)) is not None:
            raise HTTPException(status, ruling.says)
        return {"id": id, "status": "approved" if said.decision == "approve" else "denied", "says": ruling.says}

    return router


def _summary(found: Approval, now: float) -> dict[str, Any]:
    return {
        "id": found.id,
        "state": found.state.value,
        "asked_at": found.asked_at,
        "age_s": max(0, round(now - found.asked_at)),
        "expires_in_s": max(0, round(found.expires_at - now)) if found.state in _OPEN else None,
        "tenant": found.tenant,
        "agent": found.agent,
        "user": found.user,
        "tool": found.tool,
        "rules": list(found.rules),
        "call": found.call_id,
        "by": found.vote.by if found.vote is not None else None,
        "argument_names": sorted(found.arguments),
    }


def _whole(found: Approval, now: float) -> dict[str, Any]:
    vote = found.vote
    return _summary(found, now) | {
        "arguments": found.arguments,
        "arguments_sha256": digest(dict(found.arguments)),
        "fingerprint": found.fingerprint,
        "tool_digest": found.tool_digest,
        "policy": found.policy,
        "why": vote.why if vote is not None else None,
        "decided_at": vote.at if vote is not None else None,
        "sent_as": found.consumed_by,
    }


def _refused(kind: RulingKind) -> int | None:
    match kind:
        case RulingKind.DECIDED:
            return None
        case RulingKind.NOT_FOUND:
            return 404
        case RulingKind.NOT_PERMITTED | RulingKind.SELF_APPROVAL:
            return 403
        case RulingKind.OVER:
            return 409
        case _:
            assert_never(kind)


def _link(ruling: Ruling) -> None:
    """Ties this request's span to the call it is about; one cannot be the other's parent, for both have their own."""
    if ruling.approval is None or ruling.approval.trace is None:
        return
    asked = TraceContextTextMapPropagator().extract({"traceparent": ruling.approval.trace})
    context = trace.get_current_span(asked).get_span_context()
    if context.is_valid:
        trace.get_current_span().add_link(context, {"sallyport.approval": ruling.approval.id})
