"""`GET /audit` and `GET /audit/{call}`: what did the agent do, and why was it allowed?

Lives only here: parameters, paging and NDJSON of the audit API. Filter names are the field names of
`record.schema.json`. Must not know how records are stored.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from gateway.operator.access import Access
from gateway.operator.desk import Desk
from gateway.operator.exact import exact
from gateway.wire.strict_json import dump

NDJSON = "application/x-ndjson"


class AuditQuery(BaseModel):
    """Filters; all that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = None
    until: str | None = None
    tenant: str | None = None
    agent: str | None = None
    user: str | None = None
    tool: str | None = None
    upstream: str | None = None
    kind: str | None = None
    outcome: str | None = None
    reason: str | None = None
    decision: str | None = None
    call: str | None = None
    key: str | None = None
    run: str | None = None
    order: str | None = None
    limit: str | None = None
    cursor: str | None = None


class AuditPage(BaseModel):
    """One page; `next` is the cursor of the following one."""

    records: list[dict[str, Any]]
    next: str | None


def routes(desk: Desk, access: Access) -> APIRouter:
    """Routes for viewers."""
    router = APIRouter(tags=["audit"], dependencies=[Depends(access.needs("viewer"))])

    @router.get("/audit", response_model=AuditPage, responses={200: {"content": {NDJSON: {}}}, 400: {}})
    async def query(request: Request, asked: Annotated[AuditQuery, Query()]) -> Any:
        """Records, newest first (`order=oldest` turns it). `Accept: application/x-ndjson` streams every match."""
        filters = asked.model_dump(exclude_none=True)
        for name in filters:
            if len(request.query_params.getlist(name)) > 1:
                raise HTTPException(400, f"{name}: given more than once; one question has one value for each filter")
        try:
            page = await desk.audit.query(filters)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        if NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(desk.audit.all(filters)), media_type=NDJSON)
        return exact({"records": list(page.records), "next": page.next})

    @router.get("/audit/{call}", response_model=AuditPage, responses={404: {}})
    async def one(call: str) -> Any:
        """Every entry of one call: intent, outcome and whatever became known later."""
        records = await desk.audit.call(call)
        if not records:
            raise HTTPException(404, f"no call {call!r} in the journal; ids are in `_meta` of every reply")
        return exact({"records": list(records), "next": None})

    return router


async def _lines(records: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for record in records:
        yield dump(record) + b"\n"
