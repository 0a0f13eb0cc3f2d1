"""`/doubts`: calls that were sent and whose answer never came, and a person's word on what became of them.

Lives only here: the shapes of these requests, and who may see argument values. Must not know how doubts are kept or what a
probe finds.
"""

from collections.abc import Callable
from typing import Annotated, Any, assert_never

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.model.refusal import Refused
from gateway.model.work import JournalUnavailable
from gateway.operator.access import Access, Person
from gateway.operator.desk import AuditDesk, Doubt, DoubtDesk
from gateway.operator.exact import exact


class Verdict(BaseModel):
    """What became of the call, how that is known, and what to serve to those who make it again."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    executed: bool
    why: str = Field(min_length=1, max_length=500)
    result: str | None = Field(None, max_length=65_536)

    @model_validator(mode="after")
    def _has_one(self) -> "Verdict":
        if self.result is not None and not self.executed:
            raise ValueError("a call that was not carried out has no result")
        return self


def routes(doubts: DoubtDesk, audit: AuditDesk, access: Access, now: Callable[[], float]) -> APIRouter:
    """Looking needs `viewer`, argument values and a verdict `operator`."""
    router = APIRouter(tags=["doubts"])
    viewer, operator = Depends(access.needs("viewer")), Depends(access.needs("operator"))

    @router.get("/doubts", dependencies=[viewer])
    async def ls() -> Response:
        """Everything in doubt, oldest first, at most 10,000."""
        return exact([_summary(found, now()) for found in await doubts.all()])

    @router.get("/doubts/{call}", responses={404: {}})
    async def show(call: str, person: Annotated[Person, viewer]) -> Response:
        """One call in doubt, with its records."""
        found = await doubts.get(call)
        if found is None:
            raise _nothing(call)
        shown = _summary(found, now()) | {"records": list(await audit.call(call))}
        return exact(shown | ({"arguments": found.arguments} if "operator" in person.roles else {}))

    @router.post("/doubts/{call}", responses={404: {}, 409: {}, 422: {}, 503: {}})
    async def resolve(call: str, said: Verdict, person: Annotated[Person, operator]) -> dict[str, str]:
        """Settles it, once: carried out, so the same call is served and not sent; or not, so it may be made again."""
        try:
            done = await doubts.resolve(
                call, by=person.id, executed=said.executed, why=said.why, result=said.result or None
            )
        except Refused as refused:
            raise HTTPException(422, f"result: {refused.refusal.detail}") from None
        except JournalUnavailable:
            raise HTTPException(503, "the audit journal cannot be written: the call stays in doubt") from None
        match done:
            case "resolved":
                return {"call": call, "resolved": "executed" if said.executed else "not-executed", "says": _says(said)}
            case "not-in-doubt":
                raise _nothing(call)
            case "resolved-before":
                raise HTTPException(409, f"call {call} was settled meanwhile; `sallyport audit show {call}` says how")
            case _:
                assert_never(done)

    return router


def _nothing(call: str) -> HTTPException:
    return HTTPException(
        404,
        f"no call {call!r} is in doubt: `sallyport doubt ls` lists those that are, `sallyport audit show` says what "
        "became of any call",
    )


def _says(said: Verdict) -> str:
    if not said.executed:
        return "Not carried out: the same call may be made again, and is then sent."
    served = "the result you gave" if said.result else "that it was carried out and its answer was not kept"
    return f"Carried out: who makes the same call again is told {served}. Nothing is sent."


def _summary(found: Doubt, now: float) -> dict[str, Any]:
    return {
        "call": found.call,
        "since": found.since,
        "age_s": max(0, round(now - found.since)),
        "tenant": found.tenant,
        "agent": found.agent,
        "user": found.user,
        "tool": found.tool,
        "upstream": found.upstream,
        "key": found.key,
    }
