"""Budgets that several gateways share: counters in Redis, paid from in the script that claims, or in advance for reads.

Lives only here: the names of counters, what scripts want to know of each, and taking in advance. Who is counted stands
readable beside the count, so that any gateway can show it. Must not know rules or what a call is. Called by the ledger's
shared budgets through `homes.BudgetStore`; claims pay in `redis_steps.py` from the same counters.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from gateway.model.spend import UNITS, Cost, Counter, Spend
from gateway.model.work import StoreUnavailable
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import Script, hashed, key
from gateway.tasks import Tasks

_TAKE: Final = Script.of("prelude", "spend", "take")
_RETURN: Final = Script.of("prelude", "return")
_USAGE: Final = Script.of("prelude", "spend", "usage")
_PAGE: Final = 500


class RedisBudgets:
    """Implements `homes.BudgetStore`."""

    def __init__(self, guard: Guard, tasks: Tasks) -> None:
        self._guard = guard
        self._tasks = tasks

    async def take(self, spend: Spend, wanted: int, owed: int) -> tuple[int, int]:
        """Raises StoreUnavailable, also while the memory of what was spent is lost."""
        args = (wanted, owed, *specs((spend,)))
        match await self._guard.step(_TAKE, counters((spend,)), args, sends=True):
            case [int(had), int(level)]:
                return had, level
            case _:
                raise _unexpected()

    def give_back(self, counter: Counter, start: float, amount: int) -> None:
        """In the background; what cannot be given back stays charged."""
        self._tasks.start(self._return(counter, start, amount), "redis-give-back")

    async def usage(self) -> Sequence[tuple[Counter, int, int, float | None]]:
        """Page by page, so that no other gateway waits long. Raises StoreUnavailable."""
        found: dict[Counter, tuple[Counter, int, int, float | None]] = {}
        first = 0
        while True:
            match await self._guard.step(_USAGE, (), (first, first + _PAGE - 1), sends=False):
                case [bytes(now), list(rows)]:
                    found.update((one[0], one) for one in _standing(rows, float(now)))
                case _:
                    raise _unexpected()
            if len(rows) < _PAGE:
                return list(found.values())
            first += _PAGE

    async def _return(self, counter: Counter, start: float, amount: int) -> None:
        with suppress(StoreUnavailable):
            await self._guard.step(_RETURN, (_named(counter)[0],), (f"{start:.0f}", amount), sends=False)


def counters(spends: Sequence[Spend]) -> list[str]:
    """The key of each counter; its limit is no part of it, so that a new one counts what was spent under the old."""
    return [_named(spend.counter)[0] for spend in spends]


def specs(spends: Sequence[Spend]) -> list[Any]:
    """What the scripts want to know of each counter: window (s), limit, amount, unit, label."""
    return [
        part
        for spend in spends
        for part in (
            spend.counter.window_s,
            spend.limit,
            spend.amount,
            spend.counter.unit,
            _named(spend.counter)[1],
        )
    ]


def by_unit(used: Cost | None) -> str:
    """What a call used, for the script that ends it; empty: all that it reserved."""
    return "" if used is None else json.dumps({unit: used.of(unit) for unit in UNITS})


@lru_cache(maxsize=10_000)
def _named(counter: Counter) -> tuple[str, str]:
    """The key and the label of a counter."""
    label = json.dumps([counter.tenant, counter.scope, counter.who, counter.unit, counter.window])
    return key("spent", hashed(label)), label


def _standing(rows: Sequence[Any], now: float) -> list[tuple[Counter, int, int, float | None]]:
    """Counters whose window is open; one that ended between two pages says nothing any more."""
    standing = []
    for label, start, used, held in rows:
        if label is None:
            continue
        tenant, scope, who, unit, window = json.loads(label)
        counter = Counter(tenant, scope, tuple((fact, value) for fact, value in who), unit, window)
        resets_at = counter.resets_at(float(start))
        if resets_at is None or resets_at > now:
            standing.append((counter, int(used), int(held), resets_at))
    return standing


def _unexpected() -> StoreUnavailable:
    return StoreUnavailable("the store gave an unexpected answer")
