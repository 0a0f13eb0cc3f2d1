"""What a call pays before it may be claimed: one count in the loop brake, one call of every budget.

Lives only here: the order of the two, and taking back what a call did not owe. A toll is a value, a refusal included:
whoever turns out to be a retry is served although the budget is spent, so the room decides when a refusal is raised.
Must not know claims or stores. Called by the room and by settlement.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.ledger.key import fingerprint
from gateway.ledger.loops import Loops, Sighting
from gateway.model.claim import Spend
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused
from gateway.model.tool import Effect, ResolvedCall
from gateway.ports import Clock


@dataclass(frozen=True, slots=True)
class Toll:
    """What one attempt was charged."""

    paid_at: float | None
    """Unix seconds; None when nothing was paid."""
    sighting: Sighting | None = None
    refused: Refusal | None = None

    @property
    def hint(self) -> str | None:
        return self.sighting.hint if self.sighting is not None else None


class Purse(Protocol):
    """Budgets, counted in this process or by a store that several share."""

    async def learn(self, principal: Principal, effect: Effect) -> None:
        """Before `spend`. Raises Refused: budget-exhausted; StoreUnavailable."""

    def spend(self, principal: Principal, effect: Effect) -> float:
        """Pays for one call; returns when (Unix seconds). Raises Refused: budget-exhausted."""

    def give_back(self, principal: Principal, effect: Effect, paid_at: float) -> None: ...

    def spends(self, principal: Principal) -> tuple[Spend, ...]:
        """What the claim itself must pay."""


class Brakes:
    """Loop brake and budgets, as one."""

    def __init__(self, budgets: Purse, loops: Loops | None, clock: Clock) -> None:
        self._budgets = budgets
        self._loops = loops
        self._clock = clock

    async def learn(self, principal: Principal, effect: Effect) -> None:
        """Before `charge`, with nothing awaited in between. Raises Refused: budget-exhausted; StoreUnavailable."""
        await self._budgets.learn(principal, effect)

    def spends(self, principal: Principal) -> tuple[Spend, ...]:
        """What the claim itself must pay, where several processes share the budgets."""
        return self._budgets.spends(principal)

    def charge(self, principal: Principal, call: ResolvedCall, known: bytes | None = None) -> Toll:
        """Counts the attempt and pays for it; `known` is the call's fingerprint where somebody has computed it."""
        sighting = None
        if self._loops is not None:
            sighting = self._loops.note(principal, call, known or fingerprint(call))
            if sighting.refused is not None:
                return Toll(None, sighting, sighting.refused)
        try:
            return Toll(self._budgets.spend(principal, call.tool.effect), sighting)
        except Refused as refused:
            return Toll(None, sighting, refused.refusal)

    def refund(self, principal: Principal, call: ResolvedCall, toll: Toll, *, counts: bool) -> None:
        """Returns what was paid; `counts` says whether the attempt stays a repetition."""
        if toll.paid_at is not None:
            self._budgets.give_back(principal, call.tool.effect, toll.paid_at)
        if self._loops is not None and toll.sighting is not None and not counts:
            self._loops.forget(principal, toll.sighting)

    def unspend(self, principal: Principal, call: ResolvedCall) -> None:
        """Returns the budget of a read; it was paid no longer ago than its tool may take, and no earlier window is sure."""
        self._budgets.give_back(principal, call.tool.effect, self._clock.now() - call.tool.timeout_s)

    def note_refused(self, principal: Principal, name: str) -> None:
        if self._loops is not None:
            self._loops.note_refused(principal, name)
