"""Budgets that several processes share: counted by the store, never overshot.

Lives only here: the same limits as `budgets.py`, seen from one of many. A call that leaves traces pays inside the claim
(`Claim.spends`), so this room only names the counters. A read pays from a chunk of at most a twentieth of the limit that
this process took in advance; while the store is away reads go on and are counted here alone. Must not know Redis. Called
by brakes, in place of `Budgets`.
"""

import logging
from collections.abc import Sequence
from typing import Final

from gateway.config.schema import Budget
from gateway.homes import BudgetStore
from gateway.ledger.budgets import Limits, spent
from gateway.model.claim import Spend
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.tool import Effect
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock

_CHUNKS: Final = 20
_KEPT: Final = 10_000
_log = logging.getLogger("sallyport")


class SharedBudgets:
    """Implements `brakes.Purse`."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, store: BudgetStore) -> None:
        self._limits = Limits(rules)
        self._clock = clock
        self._store = store
        self._chunks: dict[tuple[Spend, int], int] = {}
        """Calls left of what was taken, by counter and window."""

    async def learn(self, principal: Principal, effect: Effect) -> None:
        """Takes a chunk for a read that has none left. Raises Refused: budget-exhausted."""
        if effect.leaves_traces:
            return
        now = self._clock.now()
        for spend in self.spends(principal):
            place = (spend, int(now // spend.window_s))
            if self._chunks.get(place, 0) > 0:
                continue
            taken = await self._taken(spend)
            if not taken and self._chunks.get(place, 0) <= 0:
                resets = (place[1] + 1) * spend.window_s
                raise Refused.of(spent(spend, resets, now))
            self._forget(now)
            self._chunks[place] = self._chunks.get(place, 0) + taken

    def spend(self, principal: Principal, effect: Effect) -> float:
        """Counts a read; whatever leaves traces is counted where it is claimed. Returns when."""
        now = self._clock.now()
        if not effect.leaves_traces:
            self._add(principal, now, -1)
        return now

    def give_back(self, principal: Principal, effect: Effect, paid_at: float) -> None:
        """Returns a read to the chunk it was taken from."""
        if not effect.leaves_traces:
            self._add(principal, paid_at, 1)

    def spends(self, principal: Principal) -> tuple[Spend, ...]:
        """What a claim must pay."""
        return self._limits.of(principal)

    def _add(self, principal: Principal, at: float, calls: int) -> None:
        for spend in self.spends(principal):
            place = (spend, int(at // spend.window_s))
            if place in self._chunks:
                self._chunks[place] += calls

    async def _taken(self, spend: Spend) -> int:
        wanted = max(1, spend.limit // _CHUNKS)
        try:
            return await self._store.take((spend,), wanted)
        except StoreUnavailable:
            _log.warning("budget of %s %s: the store is away; reads are counted here alone", spend.scope, spend.name)
            return wanted

    def _forget(self, now: float) -> None:
        """Windows that are over."""
        if len(self._chunks) >= _KEPT:
            self._chunks = {
                (spend, window): left
                for (spend, window), left in self._chunks.items()
                if window >= int(now // spend.window_s)
            }
