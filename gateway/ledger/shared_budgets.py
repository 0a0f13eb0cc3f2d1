"""Budgets that several processes share: counted by the store, never overshot.

Lives only here: the same limits as `budgets.py`, seen from one of many. A call that leaves traces pays inside the claim
(`Claim.spends`), so this room only names the counters. A read pays from a chunk of at most a twentieth of the limit that
this process took in advance; while the store is away reads go on and are counted here alone, each budget up to its limit
once more. Must not know Redis. Called by brakes, in place of `Budgets`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.config.budgets import Budget
from gateway.homes import BudgetStore
from gateway.ledger.budgets import Limits, spent
from gateway.ledger.case import Case
from gateway.model.claim import Spend
from gateway.model.outcome import Brought
from gateway.model.refusal import Refused
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock

_CHUNKS: Final = 20
_KEPT: Final = 10_000
_log = logging.getLogger("sallyport")

_Place = tuple[Spend, int]
"""A counter and the number of its window."""


class SharedBudgets:
    """Implements `brakes.Purse`."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, store: BudgetStore) -> None:
        self._limits = Limits(rules)
        self._clock = clock
        self._store = store
        self._chunks: dict[_Place, int] = {}
        """Calls left of what was taken; below zero what is owed."""
        self._alone: dict[_Place, int] = {}
        """Calls granted without the store."""
        self._taking: dict[_Place, asyncio.Future[bool]] = {}
        """Chunks that are being taken; done with whether the store was away, so that nobody else waits for it."""

    async def learn(self, case: Case) -> None:
        """Takes chunks for a read until every budget has something left. Raises Refused: budget-exhausted.

        All of them are looked at again after each wait: others may have spent what there was, and a window may have ended.
        """
        while not case.call.tool.effect.leaves_traces and (empty := self._empty(case)) is not None:
            spend, window = empty
            if not await self._take(empty) and self._chunks.get(empty, 0) <= 0:
                raise Refused.of(spent(spend, (window + 1) * spend.window_s, self._clock.now()))

    def spend(self, case: Case) -> float:
        """Counts a read; whatever leaves traces is counted where it is claimed. Returns when."""
        now = self._clock.now()
        if not case.call.tool.effect.leaves_traces:
            for place in self._places(case, now):  # one that nothing was taken for owes it, and pays first of all
                self._add(place, -1)
        return now

    def give_back(self, case: Case, paid_at: float) -> None:
        """Returns a read to the chunk it was taken from."""
        if not case.call.tool.effect.leaves_traces:
            for place in self._places(case, paid_at):
                if place in self._chunks:
                    self._chunks[place] += 1

    def settle(self, case: Case, paid_at: float, brought: Brought | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Calls are paid in full when they begin."""
        return {}

    def spends(self, case: Case) -> tuple[Spend, ...]:
        """What a claim must pay."""
        return self._limits.of(case.principal)

    def _places(self, case: Case, at: float) -> list[_Place]:
        return [(spend, int(at // spend.window_s)) for spend in self.spends(case)]

    def _empty(self, case: Case) -> _Place | None:
        """A budget with no call left of what was taken."""
        places = self._places(case, self._clock.now())
        return next((place for place in places if self._chunks.get(place, 0) <= 0), None)

    async def _take(self, place: _Place) -> bool:
        """Takes a chunk, or waits for whoever takes one already: a crowd must not take one each. False: nothing was left."""
        spend, _ = place
        if (taking := self._taking.get(place)) is not None:
            await asyncio.wait((taking,))
            if taking.result():
                self._add(place, self._granted(place, 1))
            return True
        taking = self._taking[place] = asyncio.get_running_loop().create_future()
        away, wanted = False, max(1, spend.limit // _CHUNKS)
        try:
            taken = await self._store.take((spend,), wanted)
        except StoreUnavailable:
            _log.warning("budget of %s %s: the store is away; reads are counted here alone", spend.scope, spend.name)
            away, taken = True, self._granted(place, wanted)
        finally:
            del self._taking[place]
            taking.set_result(away)
        self._forget(self._clock.now())
        self._add(place, taken)
        return taken > 0

    def _granted(self, place: _Place, wanted: int) -> int:
        """How many of these calls may be made without asking the store."""
        granted = self._alone.get(place, 0)
        self._alone[place] = min(place[0].limit, granted + wanted)
        return self._alone[place] - granted

    def _add(self, place: _Place, calls: int) -> None:
        self._chunks[place] = self._chunks.get(place, 0) + calls

    def _forget(self, now: float) -> None:
        """Windows that are over."""
        if len(self._chunks) >= _KEPT:
            self._chunks, self._alone = _current(self._chunks, now), _current(self._alone, now)


def _current(counts: dict[_Place, int], now: float) -> dict[_Place, int]:
    return {(spend, window): calls for (spend, window), calls in counts.items() if window >= int(now // spend.window_s)}
