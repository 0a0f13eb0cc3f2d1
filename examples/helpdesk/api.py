"""The customer desk as a plain HTTP service: `python -m examples.helpdesk.api --db PATH --port 7003`.

The same tables as the MCP servers, under methods and paths. Its OpenAPI document is at /openapi.json. It pays no attention
to `Idempotency-Key`: a request that arrives twice acts twice, and what keeps that from happening stands in front of it.
"""

import argparse
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute, APIRouter

from examples.helpdesk import database, records
from examples.helpdesk.announce import AnnouncingServer
from examples.helpdesk.store import customers, orders, outbox, refunds, tickets
from examples.helpdesk.store.rows import Refusal, Row

_MOST = 2**31 - 1


def _database(request: Request) -> sqlite3.Connection:
    db: sqlite3.Connection = request.app.state.db
    return db


Db = Annotated[sqlite3.Connection, Depends(_database)]
Id = Annotated[int, InPath(ge=1, le=_MOST)]
Tag = Annotated[str, InPath(pattern="^[a-z0-9-]{1,30}$", description="A tag in lower case, like billing")]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=_MOST, description="How many to skip")]

desk = APIRouter()


@desk.get("/tickets", response_model=records.Tickets)
async def list_tickets(
    db: Db,
    status: records.TicketStatus | None = None,
    priority: records.Priority | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Row:
    """List tickets by number, optionally only those of one status or priority."""
    return tickets.list_page(db, status=status, priority=priority, limit=limit, offset=offset)


@desk.get("/tickets/{id}", response_model=records.Ticket)
async def get_ticket(db: Db, id: Id) -> Row:  # noqa: A002
    """Read one ticket with its tags. The body is what the customer wrote, unchanged."""
    return tickets.get(db, id_=id)


@desk.get("/tickets/{id}/transcript", response_class=PlainTextResponse)
async def get_transcript(db: Db, id: Id) -> str:  # noqa: A002
    """Read a ticket as plain text: what the customer wrote, our replies and the internal notes."""
    return tickets.transcript(db, id_=id)


@desk.put("/tickets/{id}/priority", response_model=records.Ticket)
async def set_priority(db: Db, id: Id, wanted: records.NewPriority) -> Row:  # noqa: A002
    """Set how urgent a ticket is."""
    with database.transaction(db):
        return tickets.set_priority(db, id_=id, priority=wanted.priority)


@desk.put("/tickets/{id}/tags/{tag}", response_model=records.Ticket)
async def add_tag(db: Db, id: Id, tag: Tag) -> Row:  # noqa: A002
    """Put a tag on a ticket. A tag it already has is not added twice."""
    with database.transaction(db):
        return tickets.add_tag(db, id_=id, tag=tag)


@desk.delete("/tickets/{id}/tags/{tag}", status_code=204)
async def remove_tag(db: Db, id: Id, tag: Tag) -> None:  # noqa: A002
    """Take a tag off a ticket. Nothing happens if the ticket does not have it."""
    with database.transaction(db):
        tickets.remove_tag(db, id_=id, tag=tag)


@desk.post("/tickets/{id}/replies", status_code=201, response_model=records.Mail)
async def reply(db: Db, id: Id, wanted: records.NewReply) -> Row:  # noqa: A002
    """Mail a reply to the customer of a ticket. Every call sends another mail."""
    with database.transaction(db):
        return tickets.reply(db, id_=id, body=wanted.body)


@desk.get("/customers/export", response_class=PlainTextResponse, responses={200: {"content": {"text/csv": {}}}})
async def export_customers(db: Db) -> Response:
    """Export the personal data of every customer as CSV. For data protection audits only."""
    return Response(customers.export_all(db), media_type="text/csv")


@desk.get("/customers/{id}", response_model=records.Customer)
async def get_customer(db: Db, id: Id) -> Row:  # noqa: A002
    """Read one customer: name, e-mail address, phone number, tier and country."""
    return customers.get(db, id_=id)


@desk.delete("/customers/{id}", response_model=records.Customer)
async def erase_customer(db: Db, id: Id) -> Row:  # noqa: A002
    """Erase the personal data of a customer for good. Orders and tickets stay without a name."""
    with database.transaction(db):
        return customers.erase(db, id_=id)


@desk.get("/orders/{id}", response_model=records.Order)
async def get_order(db: Db, id: Id) -> Row:  # noqa: A002
    """Read one order: item, amount in cents, status and shipping address."""
    return orders.get(db, id_=id)


@desk.get("/refunds", response_model=list[records.Refund])
async def list_refunds(
    db: Db,
    order_id: Annotated[int | None, Query(ge=1, le=_MOST)] = None,
    status: records.RefundStatus | None = None,
) -> list[Row]:
    """List refunds by number, optionally only those of one order or status."""
    found: list[Row] = refunds.list_page(db, order_id=order_id, status=status, limit=100)["refunds"]
    return found


@desk.post("/refunds", status_code=201, response_model=records.Refund)
async def create_refund(db: Db, wanted: records.NewRefund) -> Row:
    """Request a refund for an order, in part or in full. Every call requests another one."""
    with database.transaction(db):
        return refunds.create(db, **wanted.model_dump())


@desk.post("/mail", status_code=201, response_model=records.Mail)
async def send_mail(db: Db, wanted: records.NewMail) -> Row:
    """Send a mail to any address, also outside the company. Every call sends another mail."""
    with database.transaction(db):
        return outbox.send(db, **wanted.model_dump())


@desk.get("/healthz", include_in_schema=False, response_class=PlainTextResponse)
async def healthz() -> str:
    return "ok"


async def _refused(_request: Request, refusal: Exception) -> JSONResponse:
    missing = str(refusal).startswith("There is no")
    return JSONResponse({"detail": str(refusal)}, 404 if missing else 409)


def application(database_path: Path) -> FastAPI:
    """The service; one connection to the database lives as long as it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with database.opened(database_path) as db:
            app.state.db = db
            yield

    def name(route: APIRoute) -> str:
        return route.name

    handlers: Any = {Refusal: _refused}
    app = FastAPI(
        title="Help desk",
        version="1.0.0",
        description="Tickets, customers, orders and refunds of the example shop.",
        lifespan=lifespan,
        generate_unique_id_function=name,
        exception_handlers=handlers,
    )
    app.include_router(desk)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="The customer desk as a plain HTTP service.")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file; created and seeded if empty")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    config = uvicorn.Config(
        application(options.db),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    AnnouncingServer(config, "").run()


if __name__ == "__main__":
    main()
