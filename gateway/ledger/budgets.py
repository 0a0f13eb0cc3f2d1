"""Budgets of one process: what is used and what is reserved, counted in memory.

Lives only here: the tallies and the order check-all, then reserve-all. Everything is synchronous, so on one event loop
nobody gets between check and reservation. Strict where memory is not sure: nothing is ever given back to a window that
may not have paid. Must not know which rules there are (`allowances`), what things cost (`prices`), or stores. Called by
brakes; `UsedSince` asks the audit index what a window had seen before this process counted.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.config.budgets import Budget
from gateway.ledger import prices
from gateway.ledger.allowances import Allowances, Owed, bill, exhausted, warnings
from gateway.ledger.case import Case
from gateway.model.outcome import Brought
from gateway.model.refusal import Refused
from gateway.model.spend import Bill, Cost, Counter, Scope, Unit, Usage, Who
from gateway.ports import Clock

_TALLIES: Final = 50_000
_DOUBTS: Final = 1_000
_TOOLS: Final = 10_000
_ANSWERS: Final = 32
"""Of a tool: one answer beyond measure must not weigh on everybody's calls for ever."""
_UNSEEN: Final = (prices.FIRST_GUESS,)


class UsedSince(Protocol):
    """What the audit index knows of calls: used, perhaps used, or reserved by a call that is under way."""

    async def used(self, counter: Counter, since: float) -> int:
        """By the calls of one counter since a moment (Unix seconds)."""

    async def used_by(self, scope: Scope, unit: Unit, since: float) -> Sequence[tuple[str, Who, int]]:
        """By everybody since a moment: tenant, id and how much."""


@dataclass(slots=True)
class Tally:
    """One counter in one window. A call keeps the tallies that it was reserved in: a later window is another object."""

    start: float
    used: int
    held: int = 0


@dataclass(slots=True)
class Paid:
    """What is reserved for one call, until it is settled or given back, once."""

    at: float
    """Unix seconds."""
    owed: Owed
    tallies: tuple[Tally, ...] = ()
    """Of this process, one for each spend."""
    levels: tuple[int, ...] = ()
    """How far each budget was spent when a store counted the call."""
    open: bool = True


class Sizes:
    """The largest of the last answers of every tool, as far as this process has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[int]] = {}

    def reserved(self, case: Case) -> Cost:
        """Raises Refused: invalid-arguments."""
        return prices.reserved(case.call, max(self._seen.get(case.call.tool.id, _UNSEEN)))

    def used(self, case: Case, held: Cost, brought: Brought | None) -> Cost:
        """What the call came to; its size is remembered."""
        if brought is not None:
            tool = case.call.tool.id
            if len(self._seen) >= _TOOLS:
                self._seen.clear()
            seen = self._seen.setdefault(tool, deque(_UNSEEN, maxlen=_ANSWERS))
            seen.append(max(brought.size, prices.FIRST_GUESS))
        return prices.used(case.call, held, brought)


class Budgets:
    """Implements `brakes.Purse`."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, index: UsedSince) -> None:
        self._allowances = Allowances(rules)
        self._sizes = Sizes()
        self._clock = clock
        self._index = index
        self._tallies: OrderedDict[Counter, Tally] = OrderedDict()
        self._doubts: OrderedDict[int, Paid] = OrderedDict()
        """Reservations of calls in doubt, by the token of their claim."""
        self._complete_since = clock.now()
        """Windows that began later are known from memory alone."""

    def owes(self, case: Case) -> Owed:
        return self._allowances.owed(case, self._sizes.reserved(case))

    async def learn(self, owed: Owed) -> None:
        """Asks the index for windows that memory cannot know.

        Suspends only at the first call of an id after a start, in a window that is older than the start.
        """
        now = self._clock.now()
        for spend in owed.spends:
            counter = spend.counter
            start = counter.start(now)
            if counter not in self._tallies and start < self._complete_since:
                used = await self._index.used(counter, start)
                if counter not in self._tallies:  # somebody else learnt it meanwhile, and may have reserved since
                    self._keep(counter, Tally(start, used))

    def spend(self, owed: Owed) -> Paid:
        """Reserves what the call may use in every budget it touches, or in none. Raises Refused: budget-exhausted."""
        now, spends = self._clock.now(), owed.spends
        tallies = tuple([self._opened(spend.counter, now) for spend in spends])
        for spend, tally in zip(spends, tallies, strict=True):
            left = spend.limit - tally.used - tally.held
            if left < spend.amount:
                raise Refused.of(exhausted(spend, left, spend.counter.resets_at(tally.start), now))
        for spend, tally in zip(spends, tallies, strict=True):
            self._keep(spend.counter, tally).held += spend.amount
        return Paid(now, owed, tallies)

    def give_back(self, paid: Paid) -> None:
        """The call was not sent."""
        self._close(paid, None)

    def settle(self, case: Case, paid: Paid, brought: Brought | None) -> Bill:
        """Replaces what was reserved by what was used."""
        cost = self._sizes.used(case, paid.owed.cost, brought)
        self._close(paid, cost)
        return bill(cost, [*self._allowances.oversized(cost), *self._warnings(paid)])

    def doubt(self, token: int, paid: Paid) -> Bill:
        """The reservation stands until somebody knows."""
        self._doubts[token] = paid
        if len(self._doubts) > _DOUBTS:
            self._doubts.popitem(last=False)
        return bill(paid.owed.cost, self._warnings(paid))

    def resolved(self, token: int, *, executed: bool) -> None:
        """Somebody knows. What a doubt of before the start had reserved stays charged until the next one."""
        if (paid := self._doubts.pop(token, None)) is not None:
            self._close(paid, paid.owed.cost if executed else None)

    async def usage(self) -> Sequence[Usage]:
        """Every counter of the windows that are open; of sessions and runs only those that memory knows."""
        now = self._clock.now()
        for scope, unit, window in self._allowances.windows():
            start = Counter("", scope, (), unit, window).start(now)
            if scope in {"session", "run"} or start >= self._complete_since:
                continue
            for tenant, who, used in await self._index.used_by(scope, unit, start):
                known = Counter(tenant, scope, who, unit, window)
                if known not in self._tallies:
                    self._keep(known, Tally(start, used))
        return [
            Usage(counter, limit, tally.used, tally.held, counter.resets_at(tally.start))
            for counter, tally in self._tallies.items()
            if tally.start >= counter.start(now) and (limit := self._allowances.rule_of(counter)) is not None
        ]

    def _close(self, paid: Paid, cost: Cost | None) -> None:
        if not paid.open:
            return
        paid.open = False
        for spend, tally in zip(paid.owed.spends, paid.tallies, strict=True):
            tally.held -= spend.amount
            tally.used += cost.of(spend.counter.unit) if cost is not None else 0

    def _warnings(self, paid: Paid) -> list[dict[str, object]]:
        levels = [
            (tally.used + tally.held, spend.counter.resets_at(tally.start))
            for spend, tally in zip(paid.owed.spends, paid.tallies, strict=True)
        ]
        return warnings(paid.owed.spends, levels)

    def _opened(self, counter: Counter, now: float) -> Tally:
        """Not kept before somebody pays: who is refused opens no window."""
        start = counter.start(now)
        tally = self._tallies.get(counter)
        if tally is None or tally.start < start:  # never backwards: a clock that steps back opens no spent window
            return Tally(start, 0)
        return tally

    def _keep(self, counter: Counter, tally: Tally) -> Tally:
        self._tallies[counter] = tally
        self._tallies.move_to_end(counter)
        if len(self._tallies) > _TALLIES:
            self._tallies.popitem(last=False)
            self._complete_since = self._clock.now()
        return tally
