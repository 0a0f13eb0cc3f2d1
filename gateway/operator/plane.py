"""The operator plane: one FastAPI application over the desk, documented, instrumented, apart from the agents.

Lives only here: how the routes are put together, one error shape (RFC 9457), telemetry. Must not know rooms. Built
lazily by `app.py` and served on its own port.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.trace import TracerProvider
from starlette.exceptions import HTTPException

from gateway.model.work import StoreUnavailable
from gateway.operator import (
    approval_routes,
    audit_routes,
    control_routes,
    doubt_routes,
    explain_routes,
    health_routes,
    key_routes,
    store_routes,
    usage_routes,
)
from gateway.operator.access import Access, Person
from gateway.operator.desk import Desk

ABOUT = """Sallyport's operator plane: what agents did and why it was allowed, who may do what, and the brakes.

Probes and metrics are open; everything else needs a bearer token with the role `viewer`, changes the role `operator`.
Who may answer an approval is policy's to say: action `approve`.
"""


_NOISE: Final = r"^\w+://[^/]*/(livez|readyz|startupz|metrics)$"
"""Whole URLs: a pattern is searched for anywhere, and a key may be called `metrics`."""


def operator_plane(desk: Desk, tokens: Mapping[str, Person], tracer_provider: TracerProvider | None = None) -> FastAPI:
    """`tokens` maps `sha256:…` of a token to the person it stands for.

    `tracer_provider` takes the spans of requests; None: the one the process has set globally, if any.
    """
    app = FastAPI(title="Sallyport operator API", version="1", description=ABOUT, redoc_url=None)
    access = Access(tokens)
    app.include_router(health_routes.routes(desk))
    app.include_router(audit_routes.routes(desk, access))
    app.include_router(control_routes.routes(desk, access))
    app.include_router(control_routes.brakes(desk, access))
    app.include_router(key_routes.routes(desk, access))
    app.include_router(usage_routes.routes(desk.budgets, access))
    app.include_router(store_routes.routes(desk, access))
    app.include_router(approval_routes.routes(desk.approvals, access, desk.now))
    app.include_router(doubt_routes.routes(desk.doubts, desk.audit, access, desk.now))
    app.include_router(explain_routes.routes(desk.explainer, access))
    # Starlette's own, not FastAPI's: a path or method that does not exist has the same shape.
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    # Receive and send spans would make one span per chunk. FastAPI's own telemetry stands aside for this one.
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=tracer_provider, excluded_urls=_NOISE, exclude_spans=["receive", "send"]
    )
    return app


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _rfc9457(error.status_code, str(error.detail), error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _rfc9457(422, f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}", None)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return _rfc9457(503, f"{error}; /readyz says what else is wrong", None)


def _rfc9457(status: int, detail: str, headers: Mapping[str, str] | None) -> JSONResponse:
    body = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
