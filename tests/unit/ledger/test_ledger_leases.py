"""Leases of calls whose callers may be asked: renewed until the call has landed, whatever the store says meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from ledger_kit import FakeClock

from gateway.ledger.flights import Flights
from gateway.ledger.leases import Leases
from gateway.model.call import LONGEST_S
from gateway.model.claim import Claim
from gateway.model.work import StoreUnavailable
from gateway.tasks import Tasks

CLAIM = Claim(b"r" * 32, b"f" * 32, "call-1", "owner", lease_s=0.03, renews=True)


class Renewing:
    """A store that counts renewals, and fails the first ones as often as told."""

    def __init__(self) -> None:
        self.renewed: list[int] = []
        self.failures = 0
        self.thrice = asyncio.Event()

    async def renew(self, claim: Claim, token: int) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        self.renewed.append(token)
        if len(self.renewed) >= 3:
            self.thrice.set()


class Held:
    def __init__(self, claim: Claim = CLAIM) -> None:
        self.store, self.clock, self.tasks, self.flights = Renewing(), FakeClock(), Tasks(), Flights()
        self.flight = self.flights.begin(claim, None, wall=0.0, now=self.clock.monotonic())  # type: ignore[arg-type]
        self.flight.token = 7
        self.leases = Leases(self.store, self.clock, self.tasks)  # type: ignore[arg-type]


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    one = Held()
    yield one
    await one.tasks.close()


async def test_a_lease_is_renewed_until_its_call_has_landed(held: Held) -> None:
    held.leases.keep(held.flight)
    async with asyncio.timeout(5):
        await held.store.thrice.wait()
    assert set(held.store.renewed) == {7}
    held.flights.land(held.flight, None)
    async with asyncio.timeout(5):
        await held.tasks.drain(5)
    assert len(held.tasks) == 0


async def test_a_store_that_is_away_is_asked_again(held: Held) -> None:
    held.store.failures = 2
    held.leases.keep(held.flight)
    async with asyncio.timeout(5):
        await held.store.thrice.wait()


async def test_a_twin_goes_on_waiting_here_for_a_call_whose_lease_was_renewed(held: Held) -> None:
    held.leases.keep(held.flight)
    held.clock.advance(1)
    assert held.flights.aloft(CLAIM, held.clock.monotonic()) is None
    async with asyncio.timeout(5):
        await held.store.thrice.wait()
    assert held.flights.aloft(CLAIM, held.clock.monotonic()) is held.flight


async def test_no_lease_is_renewed_for_ever(held: Held) -> None:
    held.leases.keep(held.flight)
    async with asyncio.timeout(5):
        await held.store.thrice.wait()
    held.clock.advance(LONGEST_S)
    async with asyncio.timeout(5):
        await held.tasks.drain(5)
    assert len(held.tasks) == 0


async def test_a_call_whose_caller_cannot_be_asked_ends_within_its_lease() -> None:
    held: Any = Held(replace(CLAIM, renews=False))
    held.leases.keep(held.flight)
    assert len(held.tasks) == 0
