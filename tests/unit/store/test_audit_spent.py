"""What the index says that calls used up: every call once, in every unit and scope."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_audit_index import START, Lines

from gateway.model.spend import Counter, Unit
from gateway.store.audit_index import AuditIndex

COST = {"bytes": 100, "tokens": 25, "money": 7}
AGENT = (("agent", "bot"),)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
async def index(lines: Lines, tmp_path: Path) -> AsyncIterator[AuditIndex]:
    made = AuditIndex(tmp_path / "audit-index.db", lines.tail)
    yield made
    await made.close()


async def used(
    index: AuditIndex, unit: Unit = "calls", who: Any = AGENT, since: float = 0, tenant: str = "default"
) -> int:
    scope = who[0][0] if who else "tenant"
    return await index.used(Counter(tenant, scope, who, unit, "hour"), START + since)


@pytest.mark.parametrize(
    ("outcome", "executed", "counts"),
    [
        ("answered", "yes", 1), ("answered-error", "yes", 1), ("in-doubt", "unknown", 1), ("withheld", "yes", 1),
        ("failed", "unknown", 1), ("failed", "no", 0),
        ("refused", "no", 0), ("rejected", "no", 0), ("replayed", "yes", 0), ("pending", "no", 0), ("cancelled", "no", 0),
    ],
)  # fmt: skip
async def test_calls_that_spend_budget_are_counted(index: AuditIndex, lines: Lines, outcome, executed, counts) -> None:
    lines.write(5, agent="bot", outcome=outcome, executed=executed, call="a", cost=COST)
    lines.write(4, agent="bot", outcome=outcome, executed=executed, call="too early")
    lines.write(5, agent="other", outcome=outcome, executed=executed, call="b")
    lines.write(5, agent="bot", outcome=outcome, executed=executed, call="c", kind="list")
    lines.write(5, agent="bot", outcome=outcome, executed=executed)
    assert await used(index, since=5) == counts
    assert await used(index, "money", since=5) == 7 * counts
    assert await used(index, since=5, tenant="another") == 0


async def test_a_call_under_way_counts_what_it_reserved_and_then_what_it_used(index: AuditIndex, lines: Lines) -> None:
    lines.write(5, agent="bot", kind="intent", outcome=None, call="a", cost=COST)
    assert [await used(index, unit) for unit in ("calls", "mutating", "bytes", "money")] == [1, 1, 100, 7]
    lines.write(6, agent="bot", call="a", cost={"bytes": 3, "tokens": 1})
    assert [await used(index, unit) for unit in ("calls", "mutating", "bytes", "money")] == [1, 1, 3, 0]
    lines.write(7, agent="bot", kind="intent", outcome=None, call="b", cost=COST)
    lines.write(8, agent="bot", call="b", outcome="failed", executed="no")
    assert await used(index) == 1


async def test_only_what_had_an_intent_is_a_mutating_call(index: AuditIndex, lines: Lines) -> None:
    lines.write(1, agent="bot", call="read", effect="read", cost=COST)
    assert [await used(index), await used(index, "mutating")] == [1, 0]


async def test_a_doubt_counts_until_it_turns_out_that_nothing_was_done(index: AuditIndex, lines: Lines) -> None:
    for call in ("a", "b"):
        lines.write(1, agent="bot", kind="intent", outcome=None, call=call, cost=COST)
        lines.write(2, agent="bot", call=call, outcome="in-doubt", executed="unknown", cost=COST)
    assert await used(index, "money") == 14
    lines.write(3, kind="resolved", call="a", outcome=None, resolved="executed")
    lines.write(3, kind="resolved", call="b", outcome=None, resolved="not-executed")
    assert await used(index, "money") == 7


async def test_every_scope_is_summed_and_only_a_proven_run_is_one(index: AuditIndex, lines: Lines) -> None:
    facts = {"agent": "bot", "user": "al", "tool": "desk/refund", "session": "0" * 16, "run": "run-7"}
    lines.write(1, call="a", run_proof="jwt", **facts)
    lines.write(1, call="b", **facts)
    lines.write(1, call="c", agent="bot", tool="desk/refund")
    sums = [await used(index, who=((name, value),)) for name, value in facts.items()]
    assert sums == [3, 2, 3, 2, 1]
    assert await used(index, who=()) == 3
    assert await used(index, who=(("agent", "bot"), ("user", "al"))) == 2
    assert await used(index, who=(("agent", "bot"), ("user", None))) == 1
    assert await index.used_by("user", "calls", START) == [("default", (("user", "al"),), 2)]
    assert await index.used_by("tenant", "calls", START) == [("default", (), 3)]


async def test_amounts_that_are_none_count_nothing(index: AuditIndex, lines: Lines) -> None:
    lines.write(1, agent="bot", call="a", cost={"bytes": "many", "money": None})
    lines.write(1, agent="bot", call="b", cost=5)
    assert [await used(index), await used(index, "bytes"), await used(index, "money")] == [2, 0, 0]
