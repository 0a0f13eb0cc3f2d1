"""What a call pays before it may be claimed: one count in the loop brake, one call of every budget.

Lives only here: the order of the two, and taking back what a call did not owe. A toll is a value, a refusal included:
whoever turns out to be a retry is served although the budget is spent, so the room decides when a refusal is raised.
Must not know claims or stores. Called by the room and by settlement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.ledger.case import Case
from gateway.ledger.loops import Loops, Sighting
from gateway.model.claim import Spend
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused


@dataclass(frozen=True, slots=True)
class Toll:
    """What one attempt was charged."""

    case: Case
    paid_at: float | None
    """Unix seconds; None when nothing was paid."""
    sighting: Sighting | None = None
    refused: Refusal | None = None
    asks: str | None = None
    """Why a person must say yes first."""

    @property
    def hint(self) -> str | None:
        return self.sighting.hint if self.sighting is not None else None


class Purse(Protocol):
    """Budgets, counted in this process or by a store that several share."""

    async def learn(self, case: Case) -> None:
        """Before `spend`. Raises Refused: budget-exhausted; StoreUnavailable."""

    def spend(self, case: Case) -> float:
        """Reserves what one call may use; returns when (Unix seconds). Raises Refused: budget-exhausted."""

    def give_back(self, case: Case, paid_at: float) -> None: ...

    def settle(self, case: Case, paid_at: float, brought: Brought | None) -> Mapping[str, Any]:
        """Replaces what was reserved by what was used; without an answer the reservation stands.

        Returns warnings for the reply's `_meta`.
        """

    def spends(self, case: Case) -> tuple[Spend, ...]:
        """What the claim itself must pay."""


class Brakes:
    """Loop brake and budgets, as one."""

    def __init__(self, budgets: Purse, loops: Loops | None) -> None:
        self._budgets = budgets
        self._loops = loops

    async def learn(self, case: Case) -> None:
        """Before `charge`, with nothing awaited in between. Raises Refused: budget-exhausted; StoreUnavailable."""
        await self._budgets.learn(case)

    def spends(self, case: Case) -> tuple[Spend, ...]:
        """What the claim itself must pay, where several processes share the budgets."""
        return self._budgets.spends(case)

    def charge(self, case: Case) -> Toll:
        """Counts the attempt and pays for it."""
        sighting = None
        if self._loops is not None:
            sighting = self._loops.note(case)
            if sighting.refused is not None:
                return Toll(case, None, sighting, sighting.refused)
        asks = sighting.asks if sighting is not None else None
        try:
            return Toll(case, self._budgets.spend(case), sighting, asks=asks)
        except Refused as refused:
            return Toll(case, None, sighting, refused.refusal)

    def refund(self, toll: Toll, *, counts: bool) -> None:
        """Returns what was paid; `counts` says whether the attempt stays a repetition."""
        if toll.paid_at is not None:
            self._budgets.give_back(toll.case, toll.paid_at)
        if self._loops is not None and toll.sighting is not None and not counts:
            self._loops.forget(toll.case, toll.sighting)

    def settle(self, toll: Toll, brought: Brought | None) -> Mapping[str, Any]:
        """What the call used in the end, and what came of it. Returns warnings for the reply's `_meta`."""
        if self._loops is not None and toll.sighting is not None:
            self._loops.ended(toll.case, toll.sighting, brought)
        return {} if toll.paid_at is None else self._budgets.settle(toll.case, toll.paid_at, brought)

    def note_refused(self, principal: Principal, name: str) -> None:
        if self._loops is not None:
            self._loops.note_refused(principal, name)
