"""`POST /explain`: what would happen to a call, and why, without making it.

Lives only here: the shape of the question. A POST, because arguments do not belong into URLs; it changes nothing. Must
not know how rooms decide.
"""

import json
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.operator.access import Access
from gateway.operator.desk import Explainer
from gateway.wire.strict_json import parse


class Supposed(BaseModel):
    """A call nobody has made."""

    model_config = ConfigDict(extra="forbid")

    agent: str
    user: str | None = None
    tenant: str = "default"
    tool: str = Field(description="canonical id upstream/tool, or the name as published to the agent")
    arguments: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _sendable(cls, asked: Any) -> Any:
        """Only what an agent could send: the framework's parser lets NaN and half characters through."""
        return parse(json.dumps(asked).encode())


def routes(explainer: Explainer, access: Access) -> APIRouter:
    """Asking needs `viewer`."""
    router = APIRouter(tags=["control"], dependencies=[Depends(access.needs("viewer"))])

    @router.post("/explain")
    async def explain(supposed: Supposed) -> list[dict[str, str]]:
        """Room by room, up to the first that stops the call. Nothing is claimed, counted or sent."""
        steps = explainer.steps(supposed.agent, supposed.user, supposed.tenant, supposed.tool, supposed.arguments)
        return [{"room": step.room, "verdict": step.verdict, "why": step.why} for step in steps]

    return router
