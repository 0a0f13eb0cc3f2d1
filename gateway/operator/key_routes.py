"""API keys made at run time: made, listed, revoked; a secret is shown once and never kept.

Lives only here: the shapes of these requests. Every change is written into the audit chain first and then done. Must
not know how keys are stored or checked.
"""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict

from gateway.operator.access import Access, Person
from gateway.operator.desk import Desk


class KeyOrder(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    agent: str
    user: str | None = None
    tenant: str = "default"
    id: str | None = None
    expires: AwareDatetime | None = None


def routes(desk: Desk, access: Access) -> APIRouter:
    """Listing needs `viewer`, making and revoking need `operator`."""
    router = APIRouter(tags=["keys"])
    reads = [Depends(access.needs("viewer"))]
    operator = Depends(access.needs("operator"))

    @router.get("/keys", dependencies=reads)
    async def keys() -> list[dict[str, Any]]:
        """API keys made at run time; never their secrets."""
        return [dict(key) for key in desk.keys.ls()]

    @router.post("/keys", status_code=201, responses={409: {}, 422: {}})
    async def new_key(order: KeyOrder, person: Annotated[Person, operator]) -> dict[str, str]:
        """Makes a key for a configured agent and shows its secret once."""
        agents = [str(agent["id"]) for agent in desk.house.agents()]
        if order.agent not in agents:
            raise HTTPException(422, f"agent: there is no agent {order.agent!r}; configured are {', '.join(agents)}")
        key_id = order.id or f"k-{secrets.token_hex(4)}"
        facts = {**order.model_dump(mode="json", exclude_none=True), "id": key_id}
        await desk.trail.operator(person.id, "keys.new", facts)
        expires = order.expires.timestamp() if order.expires else None
        try:
            key_id, secret = desk.keys.new(
                agent=order.agent, user=order.user, tenant=order.tenant, key_id=key_id, expires=expires
            )
        except ValueError as error:
            raise HTTPException(409, str(error)) from None
        return {"id": key_id, "key": secret}

    @router.delete("/keys/{key_id}", responses={404: {}})
    async def revoke(key_id: str, person: Annotated[Person, operator]) -> dict[str, str]:
        """Revokes a key; it proves nothing from the next request on."""
        await desk.trail.operator(person.id, "keys.revoke", {"id": key_id})
        if not desk.keys.revoke(key_id):
            raise HTTPException(404, f"no key {key_id!r}; `sallyport keys ls` lists them")
        return {"status": "revoked"}

    return router
