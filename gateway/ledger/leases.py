"""Leases of calls that may outlast them: while a tool asks its caller something, the call's time stands still.

Lives only here: how often such a lease is renewed, and for how long at most. A lease that was not renewed in time only makes
a doubt of a call that runs on, whose answer lifts it. Must not know who asks whom. Used by the room.
"""

import asyncio
from contextlib import suppress
from typing import Final

from gateway.homes import ClaimStore
from gateway.ledger.flights import Flight
from gateway.model.call import LONGEST_S
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock
from gateway.tasks import Tasks

_TIMES: Final = 3
"""In the life of a lease."""


class Leases:
    """Keeps them."""

    def __init__(self, store: ClaimStore, clock: Clock, tasks: Tasks) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks

    def keep(self, flight: Flight) -> None:
        """Renews the lease of a claim that was won until its flight has landed, where it may be needed."""
        if flight.claim.renews:
            self._tasks.start(self._kept(flight), "lease")

    async def _kept(self, flight: Flight) -> None:
        claim, ends = flight.claim, self._clock.monotonic() + LONGEST_S
        assert flight.token is not None
        while self._clock.monotonic() < ends:
            if (await asyncio.wait((flight.landed,), timeout=claim.lease_s / _TIMES))[0]:
                return
            with suppress(StoreUnavailable):  # the next time, perhaps
                await self._store.renew(claim, flight.token)
            flight.lease_until = self._clock.monotonic() + claim.lease_s
