"""Calls of this process that are on their way, and the twins that wait for them (ledger §1.6).

Lives only here: who flies under which record and fingerprint, and how many may wait. A flight begins before the store is
asked, so twins a few milliseconds apart meet here and not in the store. Memory only: it spares asking, the store alone
decides who may send; calls that share a key and nothing else are no twins, and meet there. Must not know what a call is.
Called by the room and by settlement.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from gateway.ledger.brakes import Toll
from gateway.model.claim import Claim, Found

PER_RECORD: Final = 64
PER_PROCESS: Final = 1_000


@dataclass(slots=True, eq=False)
class Flight:
    """One claim from before it is asked for until its ending is stored."""

    claim: Claim
    toll: Toll
    since: float
    """Unix seconds."""
    lease_until: float
    """Monotonic; after it the store is asked again, whatever memory says."""
    landed: asyncio.Future[Found | None]
    """What twins are served: an answer or a doubt; None sends each of them to try for itself."""
    token: int | None = None
    """None until the claim is won."""
    delivered: bool = False
    """The answer arrived while its ending was still being stored."""
    waiting: int = 0


class Flights:
    """Everything aloft in this process."""

    def __init__(self) -> None:
        self._aloft: dict[tuple[bytes, bytes], Flight] = {}
        self._waiting = 0

    def aloft(self, claim: Claim, now: float) -> Flight | None:
        """The flight a twin may wait for; `now` in monotonic seconds."""
        flight = self._aloft.get(_name(claim))
        return flight if flight is not None and now < flight.lease_until else None

    def begin(self, claim: Claim, toll: Toll, *, wall: float, now: float) -> Flight:
        """Puts a claim in the air; one whose lease is over makes way."""
        landed: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        flight = self._aloft[_name(claim)] = Flight(claim, toll, wall, now + claim.lease_s, landed)
        return flight

    def of(self, claim: Claim, token: int) -> Flight | None:
        """The flight that holds this token; None when it has landed or had to make way."""
        flight = self._aloft.get(_name(claim))
        return flight if flight is not None and flight.token == token else None

    def land(self, flight: Flight, found: Found | None) -> None:
        """Ends a flight and serves who waits."""
        if self._aloft.get(_name(flight.claim)) is flight:
            del self._aloft[_name(flight.claim)]
        if not flight.landed.done():
            flight.landed.set_result(found)

    @contextmanager
    def seat(self, flight: Flight) -> Iterator[bool]:
        """A place to wait in; False when there is none left."""
        if flight.waiting >= PER_RECORD or self._waiting >= PER_PROCESS:
            yield False
            return
        flight.waiting += 1
        self._waiting += 1
        try:
            yield True
        finally:
            flight.waiting -= 1
            self._waiting -= 1


def _name(claim: Claim) -> tuple[bytes, bytes]:
    return claim.record, claim.fingerprint
