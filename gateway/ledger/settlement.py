"""The end of a claim: stored, and told to the twins.

Lives only here: what an ending means for windows and twins, and the patience with a store that cannot be written. The
caller has its answer by then and must not lose it to our disk; until the ending is stored, twins wait and others are
told that the call is in flight or in doubt, never that it may be sent again. Must not know how calls are admitted.
Called by the room.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final, assert_never

from gateway.homes import ClaimStore
from gateway.ledger.flights import Flight, Flights
from gateway.ledger.windows import Keeps, windows
from gateway.model.admission import Ticket
from gateway.model.claim import Done, Ending, Found, InDoubt, NotDone, State
from gateway.model.work import Entry, JournalUnavailable, StoreUnavailable

PAUSES_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
"""Between attempts to store an ending; after the last one the record is left to become doubt."""


@dataclass(slots=True)
class Settlement:
    """One ending on its way into the store."""

    store: ClaimStore
    flights: Flights
    flight: Flight | None
    """None when it has landed before: then nobody waits any more."""
    ticket: Ticket
    ending: Ending
    terminal: Entry | None
    """None once it stands in the journal."""
    keeps: Keeps

    async def write(self) -> bool:
        """One attempt; False when the store could not be written."""
        ticket = self.ticket
        try:
            held = await self.store.finish(ticket.claim, ticket.token, self._windowed(), self.terminal)
        except StoreUnavailable as error:
            if error.journaled:
                self.terminal = None
            return False
        except JournalUnavailable:
            return False
        self._land(held=held)
        return True

    async def insist(self) -> None:
        """Further attempts, a bounded number."""
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            if await self.write():
                return
        self._land(held=True)

    def _windowed(self) -> Ending:
        """The ending with the seconds it stays.

        What is forgotten at once is `done` and not `retryable`, because the tool did answer, and an answer must also lift
        a doubt.
        """
        if not isinstance(self.ending, Done):
            return self.ending
        window = windows(self.ticket.call.tool, self.ticket.source, self.keeps)
        keep_s = window.ended_s(is_error=self.ending.kept.is_error)
        return replace(self.ending, keep_s=keep_s, also_keep_s=window.also_s)

    def _land(self, *, held: bool) -> None:
        if self.flight is None:
            return
        self.flights.land(self.flight, self._shown(self.flight) if held else None)
        if self.flight.delivered:
            fade(self.store, self.ticket)

    def _shown(self, flight: Flight) -> Found | None:
        """What the twins get; where repeating is harmless a doubt sends them to try for themselves."""
        claim = flight.claim
        match self.ending:
            case Done(kept=kept):
                return Found(State.DONE, kept, claim.call_id, token=self.ticket.token, since=flight.since)
            case InDoubt():
                return (
                    None
                    if claim.resend_within_s is not None
                    else Found(State.DOUBT, None, claim.call_id, since=flight.since)
                )
            case NotDone():
                return None
            case _:
                assert_never(self.ending)


def fade(store: ClaimStore, ticket: Ticket) -> None:
    """Begins the window that follows delivery, where there is one."""
    seconds = windows(ticket.call.tool, ticket.source).delivered_s
    if seconds is not None:
        store.delivered(ticket.claim, ticket.token, seconds)
