"""Waiting for a twin: in this process for its flight to land, elsewhere for the store to say that its record changed.

Lives only here: how long, and that a stop which touches the one who waits ends the wait at once. Must not know claims'
meaning or what is served afterwards. Used by the room.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.homes import ClaimStore
from gateway.ledger.answers import in_flight, still_running
from gateway.ledger.case import Case
from gateway.ledger.flights import Flight, Flights
from gateway.ledger.stops import Stops
from gateway.model.claim import Claim, ClaimAnswer, Found, State
from gateway.ports import Clock

LONGEST_WAIT_S: Final = 25.0
"""For a twin; shorter than the shortest client time-out seen (60 s), twice over."""


class Waiting:
    """Waits for twins."""

    def __init__(self, flights: Flights, store: ClaimStore, stops: Stops, clock: Clock) -> None:
        self._flights = flights
        self._store = store
        self._stops = stops
        self._clock = clock

    async def here(self, flight: Flight, case: Case, until: float) -> Found | None:
        """Until a twin of this process has landed. Raises Refused: key-in-flight, stopped."""
        principal, tool = case.principal, case.call.tool
        with self._flights.seat(flight) as seated:
            if not seated:
                raise in_flight(f"Too many calls wait for the same call of {tool.id} already.")
            while not flight.landed.done():
                left_s = until - self._clock.monotonic()
                done, _ = await asyncio.wait(
                    (flight.landed, self._stops.changed), timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
                )
                self._stops.still(principal, tool)
                if not done:
                    raise still_running(flight.claim.call_id, tool, flight.claim)
        return flight.landed.result()

    async def elsewhere(self, claim: Claim, until: float, waits: Callable[[], None]) -> bool:
        """Until a twin of another process may have changed its record; False when there is nothing (more) to wait for."""
        left_s = until - self._clock.monotonic()
        if left_s <= 0:
            return False
        waits()
        return await self._store.changed(claim, left_s)


def on_its_way(answer: ClaimAnswer) -> bool:
    """Whether there is a twin, of which no flight of this process knows."""
    return isinstance(answer, Found) and answer.state in {State.CLAIMED, State.SENT}
