"""Looking at the house and using its brakes: tools, agents, policy, kill switch.

Lives only here: the shapes of these requests. Whatever changes something is written into the audit chain first and
then done. Must not know how a room does it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.operator.access import Access, Person
from gateway.operator.desk import Desk
from gateway.ports import Stop, StopKind


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StopOrder(_Body):
    """What to stop, and why."""

    kind: StopKind
    target: str = Field("", description="id without its kind; empty for `all`")
    why: str = Field(min_length=1, max_length=500)


def routes(desk: Desk, access: Access) -> APIRouter:
    """Reading needs `viewer`, changing needs `operator`."""
    router = APIRouter(tags=["control"])
    reads = [Depends(access.needs("viewer"))]
    operator = Depends(access.needs("operator"))

    @router.get("/tools", dependencies=reads, responses={404: {}})
    async def tools(
        agent: str, user: Annotated[str | None, Query()] = None, tenant: str = "default"
    ) -> list[dict[str, Any]]:
        """What agent and user see together, and why the rest is hidden."""
        try:
            return [
                {"tool": seen.tool, "published": seen.published, "effect": seen.effect, "why": seen.why}
                for seen in desk.house.tools(agent, user, tenant)
            ]
        except KeyError:
            raise HTTPException(404, f"no agent {agent!r} in the configuration") from None

    @router.get("/agents", dependencies=reads)
    async def agents() -> list[dict[str, Any]]:
        """The configured agents."""
        return [dict(agent) for agent in desk.house.agents()]

    @router.get("/policy", dependencies=reads)
    async def policy() -> dict[str, Any]:
        """Version in force, when it was loaded, and the faults of a version that was not taken."""
        return dict(desk.house.policy())

    @router.get("/kill", dependencies=reads)
    async def stops() -> list[dict[str, Any]]:
        """Everything that is stopped now."""
        return [
            {"kind": stop.kind, "target": stop.target, "why": stop.why, "by": stop.by, "at": stop.at}
            for stop in desk.stops.stops()
        ]

    @router.post("/kill", status_code=201)
    async def kill(order: StopOrder, person: Annotated[Person, operator]) -> dict[str, str]:
        """Stops at once: no new call, no queued call, no departure."""
        if (order.kind == "all") is not (order.target == ""):
            raise HTTPException(422, "`all` takes no target, every other kind needs one")
        await desk.trail.operator(person.id, "kill", {"kind": order.kind, "target": order.target, "why": order.why})
        await desk.stops.stop(Stop(order.kind, order.target, order.why, person.id, desk.now()))
        return {"status": "stopped"}

    @router.delete("/kill", responses={404: {}})
    async def lift(kind: StopKind, person: Annotated[Person, operator], target: str = "") -> dict[str, str]:
        """Lifts one stop."""
        await desk.trail.operator(person.id, "lift", {"kind": kind, "target": target})
        if not await desk.stops.lift(kind, target):
            raise HTTPException(404, f"{kind} {target!r} is not stopped")
        return {"status": "lifted"}

    return router
