"""Two records of one call: whoever finds either of them finds the call, in every home of the ledger."""

from typing import Any

import pytest
from claim_homes import ALSO, LEASE_S, OTHER, RECORD, Home, claim, entry, kept, won

from gateway.model.claim import Claim, Departure, Done, Ending, Found, InDoubt, Mismatch, NotDone, State


def both(call_id: str = "call-1", record: bytes = RECORD, also: bytes = ALSO, **more: Any) -> Claim:
    return claim(call_id, record, also=also, **more)


async def found(home: Home, asked: Claim) -> State:
    answer = await home.store.claim(asked, None)
    assert isinstance(answer, Found)
    assert answer.call_id == "call-1"
    return answer.state


AGAIN = (both("call-2"), both("call-2", record=OTHER), both("call-2", also=OTHER), claim("call-2"))


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("departing", [False, True])
async def test_whoever_finds_either_record_finds_the_call(home: Home, again: Claim, departing: bool) -> None:
    token = await won(home, both(), departing=departing)
    assert await found(home, again) is (State.SENT if departing else State.CLAIMED)
    if not departing:
        assert await home.store.depart(both(), token, entry("intent")) is Departure.DEPARTED
        assert await found(home, again) is State.SENT
    assert await home.store.finish(both(), token, InDoubt(), None)
    assert await found(home, again) is State.DOUBT
    assert await home.store.finish(both(), token, Done(kept(), 60, 60), None)
    answer = await home.store.claim(again, None)
    assert isinstance(answer, Found)
    assert (answer.state, answer.kept, answer.token) == (State.DONE, kept(), token)


@pytest.mark.parametrize("again", AGAIN)
async def test_what_was_sent_and_outlived_its_lease_is_in_doubt_under_both_records(home: Home, again: Claim) -> None:
    await won(home, both(), departing=True)
    home.clock.advance(LEASE_S)
    assert await found(home, again) is State.DOUBT
    assert await found(home, both("call-3")) is State.DOUBT


@pytest.mark.parametrize("again", AGAIN)
async def test_a_late_proof_lifts_no_doubt_that_was_told_under_either_record(home: Home, again: Claim) -> None:
    token = await won(home, both(), departing=True)
    home.clock.advance(LEASE_S)
    assert await found(home, again) is State.DOUBT
    assert not await home.store.finish(both(), token, NotDone(), None)
    assert await found(home, both("call-3")) is State.DOUBT


@pytest.mark.parametrize("record", [RECORD, OTHER])
async def test_another_fingerprint_under_the_second_record_is_a_mismatch(home: Home, record: bytes) -> None:
    await won(home, both(), departing=False)
    different = both("call-2", record=record, fingerprint=b"g" * 32)
    assert await home.store.claim(different, entry("never written")) == Mismatch()


async def test_who_loses_one_record_claims_neither(home: Home) -> None:
    await won(home, claim(), departing=True)
    assert isinstance(await home.store.claim(both("call-2"), None), Found)
    assert await home.store.fate(ALSO.hex(), "call-2") is None
    await won(home, claim("call-3", ALSO), departing=True)


@pytest.mark.parametrize("ending", [NotDone(), Done(kept(), 0, 0)])
@pytest.mark.parametrize("departing", [False, True])
async def test_what_is_given_back_or_forgotten_is_so_under_both(home: Home, ending: Ending, departing: bool) -> None:
    token = await won(home, both(), departing=departing)
    assert await home.store.finish(both(), token, ending, None)
    assert not await home.store.finish(both(), token, NotDone(), None)
    await won(home, claim("call-2"), departing=True)
    await won(home, claim("call-2", ALSO), departing=True)


async def test_delivery_shortens_the_record_and_not_the_one_beside(home: Home) -> None:
    token = await won(home, both(), departing=True)
    assert await home.store.finish(both(), token, Done(kept(), 3600, 7200), None)
    home.store.delivered(both(), token, 60)
    await home.commit()
    home.clock.advance(60)
    second = await won(home, both("call-2", also=OTHER), departing=True)
    answer = await home.store.claim(both("call-3", record=b"x" * 32), None)
    assert isinstance(answer, Found)
    assert (answer.state, answer.call_id, answer.kept) == (State.DONE, "call-1", kept())
    assert await home.store.finish(both(also=OTHER), second, NotDone(), None)
    home.clock.advance(7200)
    await won(home, both("call-4"), departing=True)


async def test_a_claim_whose_second_record_was_taken_over_may_not_depart(home: Home) -> None:
    stalled = await won(home, both(), departing=False)
    home.clock.advance(LEASE_S)
    await won(home, both("call-2", record=OTHER), departing=True)
    assert await home.store.depart(both(), stalled, entry("never written")) is Departure.LOST


async def test_an_answer_settles_what_its_call_still_has(home: Home) -> None:
    """Its record was claimed anew, because repeating is harmless; the one beside it is still in doubt."""
    first = await won(home, both(resend_within_s=3600), departing=True)
    home.clock.advance(LEASE_S)
    await won(home, both("call-2", also=OTHER, resend_within_s=3600), departing=True)
    assert await home.store.finish(both(), first, Done(kept(), 60, 60), None)
    assert await found(home, both("call-3", record=b"x" * 32)) is State.DONE
