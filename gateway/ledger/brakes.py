"""What a call pays before it may be claimed: one count in the loop brake, and what it may use of every budget.

Lives only here: the order of the two, and taking back what a call did not owe. A toll is a value, a refusal included:
whoever turns out to be a retry is served although the budget is spent, so the room decides when a refusal is raised.
Must not know claims or stores. Called by the room and by settlement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, overload

from gateway.ledger.allowances import Owed
from gateway.ledger.budgets import Paid
from gateway.ledger.case import Case
from gateway.ledger.loops import Loops, Sighting
from gateway.model.call import Asked
from gateway.model.outcome import Brought, Looped
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused
from gateway.model.spend import Bill, Cost, Usage
from gateway.model.work import Entry


@dataclass(frozen=True, slots=True)
class Toll:
    """What one attempt was charged."""

    case: Case
    paid: Paid | None
    """What is reserved; None when nothing is."""
    sighting: Sighting | None = None
    refused: Refusal | None = None
    asks: str | None = None
    """Why a person must say yes first."""

    @overload
    def on(self, entry: Entry) -> Entry: ...
    @overload
    def on(self, entry: None) -> None: ...
    def on(self, entry: Entry | None) -> Entry | None:
        """An intent with what its call reserved."""
        return entry if entry is None or self.paid is None else noting(entry, self.paid.owed.cost)

    @property
    def hint(self) -> str | None:
        return self.sighting.hint if self.sighting is not None else None

    @property
    def looped(self) -> Looped | None:
        return self.sighting.looped if self.sighting is not None else None


class Purse(Protocol):
    """Budgets, counted in this process or by a store that several share."""

    def owes(self, case: Case) -> Owed:
        """What a call may use. Raises Refused: invalid-arguments, budget-exhausted."""

    async def learn(self, owed: Owed) -> None:
        """Before `spend`, with nothing awaited in between. Raises Refused: budget-exhausted; StoreUnavailable."""

    def spend(self, owed: Owed) -> Paid:
        """Reserves it. Raises Refused: budget-exhausted."""

    def give_back(self, paid: Paid) -> None:
        """The call was not sent; once, however often it is said."""

    def settle(self, case: Case, paid: Paid, brought: Brought | None) -> Bill:
        """Replaces what was reserved by what was used; None: it was carried out and brought nothing."""

    def doubt(self, token: int, paid: Paid) -> Bill:
        """Nobody knows whether the call of this claim was carried out: the reservation stands."""

    async def usage(self) -> Sequence[Usage]:
        """Every counter that a rule is about, as it stands. Raises StoreUnavailable."""


class Brakes:
    """Loop brake and budgets, as one."""

    def __init__(self, budgets: Purse, loops: Loops | None) -> None:
        self._budgets = budgets
        self._loops = loops

    async def learn(self, case: Case) -> Owed:
        """What is owed for a call, before `charge` and with nothing awaited in between.

        Raises Refused: invalid-arguments, budget-exhausted; StoreUnavailable.
        """
        owed = self._budgets.owes(case)
        await self._budgets.learn(owed)
        return owed

    def charge(self, case: Case, owed: Owed) -> Toll:
        """Counts the attempt and pays for it."""
        sighting = None
        if self._loops is not None:
            sighting = self._loops.note(case)
            if sighting.refused is not None:
                return Toll(case, None, sighting, sighting.refused)
        asks = sighting.asks if sighting is not None else None
        try:
            return Toll(case, self._budgets.spend(owed), sighting, asks=asks)
        except Refused as refused:
            return Toll(case, None, sighting, refused.refusal)

    def counted(self, toll: Toll, levels: tuple[int, ...]) -> None:
        """How far the budgets are spent, where the claim was what paid."""
        if toll.paid is not None:
            toll.paid.levels = levels

    def told(self, toll: Toll) -> None:
        """The agent hears what the loop brake made of its call."""
        if self._loops is not None and toll.sighting is not None:
            self._loops.told(toll.case, toll.sighting)

    def refund(self, toll: Toll, *, counts: bool, failed: bool = False, replayed: bool = False) -> None:
        """Returns what was paid; `counts` says whether the attempt stays a repetition, `failed` that nothing came of it,
        `replayed` that it was answered from what an earlier call left.
        """
        if toll.paid is not None:
            self._budgets.give_back(toll.paid)
        if self._loops is None or toll.sighting is None:
            return
        if not counts:
            self._loops.forget(toll.case, toll.sighting)
        elif failed:
            self._loops.ended(toll.case, toll.sighting, None)
        elif replayed:
            self._loops.replayed(toll.sighting)

    def settle(self, toll: Toll, brought: Brought | None, doubt: int | None = None) -> Bill:
        """What the call used in the end, and what came of it; `doubt`: the token of a claim of which nobody knows."""
        if self._loops is not None and toll.sighting is not None:
            self._loops.ended(toll.case, toll.sighting, brought)
        if toll.paid is None:
            return _NOTHING
        if doubt is not None:
            return self._budgets.doubt(doubt, toll.paid)
        return self._budgets.settle(toll.case, toll.paid, brought)

    def denied(self, principal: Principal, asked: Asked) -> str | None:
        """Counts what was turned away before the ledger; a hint when that repeats."""
        return None if self._loops is None else self._loops.denied(principal, asked.name, asked.arguments)


def noting(entry: Entry, cost: Cost) -> Entry:
    """The entry with what its call costs."""
    return lambda: {**entry(), "cost": cost.noted}


_NOTHING: Final = Bill(Cost(calls=0))
