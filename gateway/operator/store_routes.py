"""`/store`: how the home of the ledger stands, and an operator's word after it lost its memory.

Lives only here: the two routes. Accepting a loss is the one way in which a call may be made a second time, so a person
says it, with a reason, and it stands in the audit chain before it acts; a second entry follows when it did not act. Must
not know Redis.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from gateway.model.work import StoreUnavailable
from gateway.operator.access import Access, Person
from gateway.operator.desk import Desk


class LossOrder(BaseModel):
    """The loss is accepted, and why."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500)


def routes(desk: Desk, access: Access) -> APIRouter:
    """Looking needs `viewer`, accepting `operator`."""
    router = APIRouter(tags=["control"])
    viewer, operator = Depends(access.needs("viewer")), Depends(access.needs("operator"))

    @router.get("/store", dependencies=[viewer])
    async def store() -> dict[str, str]:
        """`ok`, or what keeps calls that leave traces from being sent, and what to do."""
        return {"store": desk.house.health()["store"]}

    @router.post("/store/accept-loss", responses={409: {}, 503: {}})
    async def accept_loss(order: LossOrder, person: Annotated[Person, operator]) -> dict[str, str]:
        """After the store lost its memory: calls it knew of may be made again. For every gateway that shares it."""
        await desk.trail.operator(person.id, "store.loss-accepted", {"why": order.why})
        try:
            if await desk.house.accept_loss():
                return {"status": "accepted"}
            code, because = 409, "the store lost nothing; nothing was changed"
        except StoreUnavailable as error:
            code, because = 503, f"{error}; ask for its status before you accept the loss again"
        await desk.trail.operator(person.id, "store.loss-not-accepted", {"why": order.why, "because": because})
        raise HTTPException(code, because)

    return router
