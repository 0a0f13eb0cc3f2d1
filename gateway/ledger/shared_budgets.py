"""Budgets that several processes share: counted by the store, never overshot.

Lives only here: the same rules as `budgets.py`, seen from one of many. A call that leaves traces pays inside the claim
(`Claim.spends`), so this room only names the counters. A read pays from what this process took in advance: at most a
twentieth of the limit, of money exactly what the read may cost. While the store is away, reads that cost no money go on
and are counted here alone, each budget up to its limit once more. Must not know Redis. Called by brakes, in place of
`Budgets`.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.config.budgets import Budget
from gateway.homes import BudgetStore
from gateway.ledger.allowances import Allowances, Owed, bill, exhausted, warnings
from gateway.ledger.budgets import Paid, Sizes
from gateway.ledger.case import Case
from gateway.model.outcome import Brought
from gateway.model.refusal import Refused
from gateway.model.spend import Bill, Cost, Counter, Spend, Usage
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock
from gateway.tasks import Tasks

_CHUNKS: Final = 20
_KEPT: Final = 10_000
_log = logging.getLogger("sallyport")

_Place = tuple[Counter, float]
"""A counter and when its window began."""


class SharedBudgets:
    """Implements `brakes.Purse`."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, store: BudgetStore) -> None:
        self._allowances = Allowances(rules)
        self._sizes = Sizes()
        self._clock = clock
        self._store = store
        self._chunks: dict[_Place, int] = {}
        """What is left of what was taken; below zero what is owed."""
        self._levels: dict[_Place, int] = {}
        """How much of a budget was used by everybody when this process last took."""
        self._alone: dict[_Place, int] = {}
        """What was granted without the store."""
        self._taking: dict[_Place, asyncio.Task[int | None]] = {}
        """Chunks that are being taken, and how much was had; None: the store is away, so that nobody else waits for it."""
        self._tasks = Tasks()

    def owes(self, case: Case) -> Owed:
        return self._allowances.owed(case, self._sizes.reserved(case), by_claim=case.call.tool.effect.leaves_traces)

    async def learn(self, owed: Owed) -> None:
        """Takes chunks for a read until every budget has enough left. Raises Refused: budget-exhausted.

        All of them are looked at again after each wait: others may have spent what there was, and a window may have ended.
        Raises StoreUnavailable where the read costs money and the store cannot be asked.
        """
        if owed.by_claim:
            return
        try:
            while (short := self._short(owed)) is not None:
                spend, place = short
                if not await self._take(spend, place, priced=owed.cost.money > 0) and self._left(place) < spend.amount:
                    left = self._left(place) + max(0, spend.limit - self._levels.get(place, spend.limit))
                    raise Refused.of(exhausted(spend, left, spend.counter.resets_at(place[1]), self._clock.now()))
        except BaseException:
            for spend in owed.spends:
                self._spare(spend, _place(spend, self._clock.now()))
            raise

    def spend(self, owed: Owed) -> Paid:
        """Counts a read; whatever leaves traces is counted where it is claimed."""
        now = self._clock.now()
        if not owed.by_claim:
            for spend in owed.spends:  # one that nothing was taken for owes it, and pays first of all
                self._add(_place(spend, now), -spend.amount)
        return Paid(now, owed)

    def give_back(self, paid: Paid) -> None:
        """The call was not sent. A claim gives back in the store."""
        self._close(paid, None)

    def settle(self, case: Case, paid: Paid, brought: Brought | None) -> Bill:
        """Replaces what was reserved by what was used; of a claim the store does so."""
        cost = self._sizes.used(case, paid.owed.cost, brought)
        self._close(paid, cost)
        return bill(cost, [*self._allowances.oversized(cost), *self._warnings(paid)])

    def doubt(self, token: int, paid: Paid) -> Bill:  # noqa: ARG002  the store knows which reservation it is
        """The reservation stands in the store."""
        return bill(paid.owed.cost, self._warnings(paid))

    async def usage(self) -> Sequence[Usage]:
        """Over all processes; what they took for reads in advance counts as used. Raises StoreUnavailable."""
        return [
            Usage(counter, limit, used, held, resets_at)
            for counter, used, held, resets_at in await self._store.usage()
            if (limit := self._allowances.rule_of(counter)) is not None
        ]

    def _close(self, paid: Paid, cost: Cost | None) -> None:
        """Returns to a chunk what a read did not use."""
        if not paid.open:
            return
        paid.open = False
        if paid.owed.by_claim:
            return
        for spend in paid.owed.spends:
            place = _place(spend, paid.at)
            unused = spend.amount - (cost.of(spend.counter.unit) if cost is not None else 0)
            if place[0].start(self._clock.now()) <= place[1]:
                self._add(place, unused)
                self._spare(spend, place)

    def _warnings(self, paid: Paid) -> list[dict[str, object]]:
        resets = [spend.counter.resets_at(spend.counter.start(paid.at)) for spend in paid.owed.spends]
        levels = paid.levels or [self._level(spend, _place(spend, paid.at)) for spend in paid.owed.spends]
        return warnings(paid.owed.spends, list(zip(levels, resets, strict=True)))

    def _level(self, spend: Spend, place: _Place) -> int:
        """How far a budget is spent, as far as this process knows: what it took and has left is not."""
        return self._levels.get(place, self._alone.get(place, 0)) - min(spend.limit, self._left(place))

    def _left(self, place: _Place) -> int:
        return self._chunks.get(place, 0)

    def _short(self, owed: Owed) -> tuple[Spend, _Place] | None:
        """A budget with too little left of what was taken."""
        now = self._clock.now()
        places = ((spend, _place(spend, now)) for spend in owed.spends)
        return next(((spend, place) for spend, place in places if self._left(place) < spend.amount), None)

    async def _take(self, spend: Spend, place: _Place, *, priced: bool) -> bool:
        """Takes a chunk, or waits for whoever takes one already: a crowd must not take one each. False: too little was left."""
        if (taking := self._taking.get(place)) is not None:
            await asyncio.wait((taking,))
            if taking.result() is None and not priced:
                self._add(place, self._granted(spend, place, spend.amount))
            return True
        missing = spend.amount - self._left(place)
        wanted = max(missing, _most_kept(spend))
        # Of its own, for its caller may leave: what the store has counted by then must not be lost.
        taking = self._taking[place] = self._tasks.start(
            self._taken(replace(spend, amount=missing), place, wanted), "take"
        )
        await asyncio.wait((taking,))
        if (taken := taking.result()) is None:
            if priced:
                raise StoreUnavailable("the budgets cannot be asked")
            _log.warning("a budget of each %s: the store is away; reads are counted here alone", spend.counter.scope)
            taken = self._granted(spend, place, wanted)
            self._add(place, taken)
        return taken >= missing

    async def _taken(self, spend: Spend, place: _Place, wanted: int) -> int | None:
        try:
            taken, level = await self._store.take(spend, wanted, max(0, -self._left(place)))
        except StoreUnavailable:
            return None
        finally:
            del self._taking[place]
        self._forget(self._clock.now())
        self._levels[place] = level
        self._add(place, taken)
        return taken

    def _spare(self, spend: Spend, place: _Place) -> None:
        """Returns to the store what this process need not keep: others wait for it. Not what was granted without the store."""
        if (taking := self._taking.get(place)) is not None:
            taking.add_done_callback(lambda _: self._spare(spend, place))
        elif (spare := self._left(place) - _most_kept(spend)) > 0 and place not in self._alone:
            self._add(place, -spare)
            self._store.give_back(*place, spare)

    def _granted(self, spend: Spend, place: _Place, wanted: int) -> int:
        """How much of this may be used without asking the store."""
        granted = self._alone.get(place, 0)
        self._alone[place] = min(spend.limit, granted + wanted)
        return self._alone[place] - granted

    def _add(self, place: _Place, amount: int) -> None:
        self._chunks[place] = self._left(place) + amount

    def _forget(self, now: float) -> None:
        """Windows that are over; and of those that never are the older half, which is settled with the store."""
        if len(self._chunks) < _KEPT:
            return
        over = [place for place in self._chunks if place[0].start(now) > place[1]]
        kept = len(self._chunks) - len(over)
        older = [place for place in self._chunks if place not in self._alone and place[0].start(now) <= place[1]]
        for place in [*over, *older[: max(0, kept - _KEPT // 2)]]:
            left = self._chunks.pop(place)
            self._levels.pop(place, None)
            self._alone.pop(place, None)
            if left and place[0].start(now) <= place[1]:
                self._store.give_back(*place, left)


def _most_kept(spend: Spend) -> int:
    """How much may be taken in advance."""
    return 0 if spend.counter.unit == "money" else max(1, spend.limit // _CHUNKS)


def _place(spend: Spend, at: float) -> _Place:
    return spend.counter, spend.counter.start(at)
