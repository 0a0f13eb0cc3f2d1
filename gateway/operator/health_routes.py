"""Probes and metrics: open, never traced, cheap.

Lives only here: `/livez` (the event loop turns), `/readyz` (calls can be served), `/startupz`, `/metrics`. Must not know
what a component is; the desk names them.
"""

from fastapi import APIRouter, Response

from gateway.operator.desk import Desk


def routes(desk: Desk) -> APIRouter:
    """Routes without a credential."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="The process answers")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="Calls can be served; names what is wrong", responses={503: {}})
    async def readyz(response: Response) -> dict[str, str]:
        health = dict(desk.house.health())
        response.status_code = 200 if all(state.startswith("ok") for state in health.values()) else 503
        return health

    @router.get("/startupz", summary="Start-up is complete", responses={503: {}})
    async def startupz(response: Response) -> dict[str, str]:
        started = desk.house.started()
        response.status_code = 200 if started else 503
        return {"status": "ok" if started else "starting"}

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        return Response(desk.house.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
