"""How budgets stand, for operators."""

import pytest
from operator_kit import Office, Visitor, detail

from gateway.model.work import StoreUnavailable


async def test_usage_is_told_the_most_used_first_with_exact_money(visitor: Visitor) -> None:
    answer = await visitor.ask("ivy", "GET", "/usage")

    assert answer.json() == [
        {
            "tenant": "default", "scope": "user", "id": "alice", "unit": "money", "window": "day",
            "used": "2.5", "held": "0.000001", "limit": "5", "resets_at": "2026-01-02T00:00:00+00:00",
        },
        {
            "tenant": "acme", "scope": "run", "id": "run-7", "unit": "calls", "window": None,
            "used": 1, "held": 2, "limit": 10, "resets_at": None,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(("query", "found"), [("scope=run", 1), ("id=alice", 1), ("tenant=acme&scope=user", 0)])
async def test_usage_can_be_narrowed(visitor: Visitor, query: str, found: int) -> None:
    assert len((await visitor.ask("ivy", "GET", f"/usage?{query}")).json()) == found


async def test_usage_is_for_viewers_and_says_what_is_wrong(visitor: Visitor, office: Office) -> None:
    detail(await visitor.ask(None, "GET", "/usage"), 401)
    detail(await visitor.ask("otto", "GET", "/usage"), 403)
    assert "query.scope" in detail(await visitor.ask("ivy", "GET", "/usage?scope=team"), 422)
    office.fails["usage"] = StoreUnavailable("the store is away")
    assert "the store is away" in detail(await visitor.ask("ivy", "GET", "/usage"), 503)
