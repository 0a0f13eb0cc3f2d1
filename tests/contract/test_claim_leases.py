"""The lease of what is sent, renewed: every home keeps it, and brings nothing back by it (ledger §1.4)."""

import pytest
from claim_homes import ALSO, LEASE_S, OTHER, RECORD, Home, claim, entry, kept, won

from gateway.model.claim import Departure, Done, Found, State


@pytest.mark.parametrize("also", [None, ALSO])
async def test_what_is_renewed_stays_sent_under_both_its_records_and_is_in_doubt_a_lease_later(
    home: Home, also: bytes | None
) -> None:
    token = await won(home, claim(also=also), departing=True)
    for _ in range(3):
        home.clock.advance(LEASE_S - 1)
        await home.store.renew(claim(also=also), token)
    assert await home.doubts() == []
    for record in {RECORD, also or RECORD}:
        found = await home.store.claim(claim("call-2", record), None)
        assert isinstance(found, Found)
        assert (found.state, found.call_id) == (State.SENT, "call-1")
    home.clock.advance(LEASE_S - 1)
    assert await home.doubts() == []
    home.clock.advance(1)
    assert [one.call_id for one in await home.doubts()] == ["call-1"]


async def test_no_renewal_brings_back_what_is_in_doubt_or_of_another_token(home: Home) -> None:
    doubted = await won(home, claim(), departing=True)
    home.clock.advance(LEASE_S)
    (doubt,) = await home.doubts()
    assert doubt.token == doubted
    await home.store.renew(claim(), doubt.token)
    assert await home.doubts() == [doubt]
    home.clock.advance(LEASE_S - 1)
    assert await home.store.finish(claim(), doubt.token, Done(kept(), 60), None)
    await home.store.renew(claim(), doubt.token)
    assert await home.store.fate(RECORD.hex(), "call-1") is State.DONE
    token = await won(home, claim(record=OTHER), departing=True)
    await home.store.renew(claim(record=OTHER), token + 1)
    home.clock.advance(LEASE_S)
    assert len(await home.doubts()) == 1


async def test_what_was_only_claimed_is_not_renewed(home: Home) -> None:
    token = await won(home, claim(), departing=False)
    home.clock.advance(LEASE_S - 1)
    await home.store.renew(claim(), token)
    home.clock.advance(1)
    assert await home.store.depart(claim(), token, entry("intent")) is Departure.LOST
