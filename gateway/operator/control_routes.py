"""Looking at the house and using its brakes: tools, agents, policy, kill switch.

Lives only here: the shapes of these requests. Whatever changes something is written into the audit chain first and
then done. Must not know how a room does it.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.model.stop import Stop, StopKind, StopMode
from gateway.model.work import StoreUnavailable
from gateway.operator.access import Access, Person
from gateway.operator.desk import Desk


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StopOrder(_Body):
    """What to stop, and why."""

    kind: StopKind
    target: str = Field("", description="id without its kind; empty for `all`")
    mode: StopMode = Field(
        "stop",
        description="stop: nothing passes. read-only: declared reads pass. pause: callers are told to come back later, and "
        "who waits already waits on",
    )
    why: str = Field(min_length=1, max_length=500)


def routes(desk: Desk, access: Access) -> APIRouter:
    """Looking needs `viewer`."""
    router = APIRouter(tags=["control"])
    reads = [Depends(access.needs("viewer"))]

    @router.get("/tools", dependencies=reads, responses={404: {}})
    async def tools(
        agent: str, user: Annotated[str | None, Query()] = None, tenant: str = "default"
    ) -> list[dict[str, Any]]:
        """What agent and user see together of tools, prompts, resources and templates, and why the rest is hidden."""
        try:
            return [asdict(seen) for seen in desk.house.tools(agent, user, tenant)]
        except KeyError:
            raise HTTPException(404, f"no agent {agent!r} in the configuration") from None

    @router.get("/agents", dependencies=reads)
    async def agents() -> list[dict[str, Any]]:
        """The configured agents."""
        return [dict(agent) for agent in desk.house.agents()]

    @router.get("/upstreams", dependencies=reads)
    async def upstreams() -> list[dict[str, Any]]:
        """The upstreams: address, how reading their lists went, and breakers that are not closed."""
        return [dict(upstream) for upstream in desk.house.upstreams()]

    @router.get("/policy", dependencies=reads)
    async def policy() -> dict[str, Any]:
        """Version in force, when it was loaded, and the faults of a version that was not taken."""
        return dict(desk.house.policy())

    @router.get("/kill", dependencies=reads)
    async def stops() -> list[dict[str, Any]]:
        """Everything that is stopped now, and how far: also what trips stopped (by `trip`) and the stop file (by `STOP`)."""
        return [asdict(stop) for stop in desk.stops.stops()]

    return router


def brakes(desk: Desk, access: Access) -> APIRouter:
    """Stopping and lifting need `operator`."""
    router = APIRouter(tags=["control"])
    operator = Depends(access.needs("operator"))

    @router.post("/kill", status_code=201, responses={503: {}})
    async def kill(order: StopOrder, person: Annotated[Person, operator]) -> dict[str, str]:
        """Stops at once: no new call, no queued call, no departure. Of what is stopped already the mode and reason change.

        A name that nobody here has is stopped all the same, and `warning` says so: it may be a slip of the pen.
        """
        try:
            desk.stops.must_match(order.kind, order.target)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        await desk.trail.operator(person.id, "kill", order.model_dump())
        stop = Stop(order.kind, order.target, order.why, person.id, desk.now(), order.mode)
        try:
            await desk.stops.stop(stop)
        except StoreUnavailable:
            if any(row.name == stop.name and row.mode != stop.mode for row in desk.stops.stops()):
                raise HTTPException(503, "the ledger cannot be written: it stays stopped as it was") from None
            raise HTTPException(503, "stopped now, but the ledger cannot be written: a restart would lift it") from None
        stranger = await asyncio.to_thread(desk.house.stranger, order.kind, order.target)
        return {"status": "stopped"} | ({} if stranger is None else {"warning": stranger})

    @router.delete("/kill", responses={404: {}, 409: {}, 503: {}})
    async def lift(kind: StopKind, person: Annotated[Person, operator], target: str = "") -> dict[str, str]:
        """Lifts one stop."""
        await desk.trail.operator(person.id, "lift", {"kind": kind, "target": target})
        try:
            lifted = await desk.stops.lift(kind, target)
        except StoreUnavailable:
            raise HTTPException(503, "the ledger cannot be written: the stop stays") from None
        if not lifted and any(row.name == (kind, target) for row in desk.stops.stops()):
            raise HTTPException(
                409, "the stop file stops it: lift it with `sallyport resume all --local` beside the gateway"
            )
        if not lifted:
            raise HTTPException(404, f"{kind} {target!r} is not stopped")
        return {"status": "lifted"}

    return router
