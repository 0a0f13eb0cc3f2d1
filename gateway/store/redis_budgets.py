"""Budgets that several gateways share: counters in Redis, taken from in the script that claims, or in advance for reads.

Lives only here: the names of counters, and taking in advance. Must not know who spends or what a call is. Called by the
ledger's shared budgets through `homes.BudgetStore`; claims pay in `redis_steps.py` from the same counters.
"""

from collections.abc import Sequence
from typing import Final

from gateway.model.claim import Spend
from gateway.model.work import StoreUnavailable
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import Script, hashed, key

_TAKE: Final = Script.of("prelude", "spend", "take")


class RedisBudgets:
    """Implements `homes.BudgetStore`."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def take(self, spends: Sequence[Spend], wanted: int) -> int:
        """Raises StoreUnavailable, also while the memory of what was spent is lost."""
        if not spends:
            return wanted
        match await self._guard.step(_TAKE, counters(spends), (wanted, *limits(spends)), sends=True):
            case [int(had)]:
                return had
            case _:
                raise StoreUnavailable("the store gave an unexpected answer")


def counters(spends: Sequence[Spend]) -> list[str]:
    """The key of each counter; its limit is no part of it, so that a new one counts what was spent under the old."""
    return [key("spent", hashed(spend.tenant, spend.scope, spend.name, spend.window)) for spend in spends]


def limits(spends: Sequence[Spend]) -> list[int]:
    """What the scripts want to know of each counter: window (s) and limit."""
    return [number for spend in spends for number in (spend.window_s, spend.limit)]
