"""`/usage`: how budgets stand.

Lives only here: the route, its filters and the shape of a row. Must not know rules or counters.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from gateway.model.spend import Scope, Usage, shown
from gateway.operator.access import Access
from gateway.operator.desk import BudgetDesk


def routes(budgets: BudgetDesk, access: Access) -> APIRouter:
    """Looking needs `viewer`."""
    router = APIRouter(tags=["control"])

    @router.get("/usage", dependencies=[Depends(access.needs("viewer"))], responses={503: {}})
    async def usage(
        scope: Scope | None = None, id_: Annotated[str | None, Query(alias="id")] = None, tenant: str | None = None
    ) -> list[dict[str, Any]]:
        """Every counter that a budget is about, the most used first: of all gateways that share a Redis, else of this one.

        `held` is reserved by calls that are under way or in doubt. Money is an exact decimal in a string.
        """
        wanted = {"scope": scope, "id": id_, "tenant": tenant}
        rows = [_row(one) for one in sorted(await budgets.usage(), key=lambda one: (one.used + one.held) / -one.limit)]
        return [row for row in rows if all(value in {None, row[name]} for name, value in wanted.items())]

    return router


def _row(found: Usage) -> dict[str, Any]:
    counter, unit = found.counter, found.counter.unit
    return {
        "tenant": counter.tenant,
        "scope": counter.scope,
        "id": counter.name,
        "unit": unit,
        "window": counter.window,
        "used": shown(unit, found.used),
        "held": shown(unit, found.held),
        "limit": shown(unit, found.limit),
        "resets_at": None if found.resets_at is None else datetime.fromtimestamp(found.resets_at, UTC).isoformat(),
    }
