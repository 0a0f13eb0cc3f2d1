"""What every home of the ledger's records must do, whatever it is made of (ledger §1.4, §1.10)."""

import math

import pytest
from claim_homes import LEASE_S, OTHER, RECORD, Home, claim, entry, kept, won

from gateway.model.claim import Departure, Done, Found, InDoubt, Mismatch, NotDone, State


async def test_the_first_claim_wins_and_the_second_finds_it(home: Home) -> None:
    token = await won(home, claim(), departing=False)
    second = await home.store.claim(claim("call-2"), None)
    assert second == Found(State.CLAIMED, None, "call-1", token=token, since=home.clock.wall)


async def test_claiming_with_an_intent_departs_and_writes_it_in_the_same_step(home: Home) -> None:
    await won(home, claim(), departing=True)
    assert home.journal.entries == [{"name": "intent"}]
    second = await home.store.claim(claim("call-2"), entry("never written"))
    assert isinstance(second, Found)
    assert second.state is State.SENT
    assert home.shared or home.journal.entries == [{"name": "intent"}]


async def test_another_fingerprint_under_the_same_key_is_a_mismatch_in_every_state(home: Home) -> None:
    different = claim("call-2", fingerprint=b"g" * 32)
    token = await won(home, claim(), departing=False)
    assert await home.store.claim(different, None) == Mismatch()
    assert await home.store.depart(claim(), token, entry("intent")) is Departure.DEPARTED
    assert await home.store.claim(different, None) == Mismatch()
    assert await home.store.finish(claim(), token, Done(kept(), 60), None)
    assert await home.store.claim(different, None) == Mismatch()


async def test_an_unsent_claim_whose_lease_is_over_is_taken_over_and_its_token_is_worth_nothing(home: Home) -> None:
    stalled = await won(home, claim(), departing=False)
    home.clock.advance(LEASE_S)
    await won(home, claim("call-2"), departing=False)
    assert await home.store.depart(claim(), stalled, entry("never written")) is Departure.LOST
    assert not await home.store.finish(claim(), stalled, NotDone(), None)
    assert home.shared or home.journal.entries == []


async def test_a_claim_whose_lease_is_over_may_not_depart_even_if_nobody_took_it(home: Home) -> None:
    stalled = await won(home, claim(), departing=False)
    home.clock.advance(LEASE_S)
    assert await home.store.depart(claim(), stalled, entry("never written")) is Departure.LOST


async def test_a_sent_call_whose_lease_is_over_is_in_doubt_and_stays_so(home: Home) -> None:
    await won(home, claim(), departing=True)
    home.clock.advance(400 * 86_400)
    for call_id in ("call-2", "call-3"):
        found = await home.store.claim(claim(call_id), entry("never written"))
        assert isinstance(found, Found)
        assert (found.state, found.call_id) == (State.DOUBT, "call-1")


async def test_a_late_answer_of_the_same_token_lifts_the_doubt(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, InDoubt(), entry("terminal"))
    assert await home.store.finish(claim(), token, Done(kept(), 60), entry("late"))
    found = await home.store.claim(claim("call-2"), None)
    assert isinstance(found, Found)
    assert (found.state, found.kept) == (State.DONE, kept())


async def test_a_late_proof_of_not_having_sent_does_not_lift_a_doubt(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, InDoubt(), None)
    assert not await home.store.finish(claim(), token, NotDone(), None)
    found = await home.store.claim(claim("call-2"), None)
    assert isinstance(found, Found)
    assert found.state is State.DOUBT


async def test_a_doubt_may_be_claimed_anew_only_where_repeating_is_harmless(home: Home) -> None:
    first = await won(home, claim(resend_within_s=math.inf), departing=True)
    home.clock.advance(LEASE_S)
    await won(home, claim("call-2", resend_within_s=math.inf), departing=True)
    assert not await home.store.finish(claim(), first, Done(kept(), 60), None)


async def test_an_answer_is_replayed_unchanged_until_its_time_is_over(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 60), entry("terminal"))
    assert home.journal.entries[-1] == {"name": "terminal"}
    home.clock.advance(59)
    for call_id in ("call-2", "call-3"):
        found = await home.store.claim(claim(call_id), None)
        assert found == Found(State.DONE, kept(), "call-1", token=token, since=home.clock.wall - 59)
    home.clock.advance(1)
    await won(home, claim("call-4"), departing=False)


async def test_the_first_ending_wins(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(b'"first"'), 60), None)
    for late in (Done(kept(b'"second"'), 60), NotDone(), InDoubt()):
        assert not await home.store.finish(claim(), token, late, None)
    found = await home.store.claim(claim("call-2"), None)
    assert isinstance(found, Found)
    assert found.kept == kept(b'"first"')


async def test_an_answer_kept_for_no_time_is_forgotten_at_once(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 0), None)
    assert await home.store.fate(RECORD.hex(), "call-1") is State.DONE
    await won(home, claim("call-2"), departing=True)


@pytest.mark.parametrize("departing", [False, True])
async def test_what_was_given_back_can_be_claimed_again_under_another_token(home: Home, departing: bool) -> None:
    first = await won(home, claim(), departing=departing)
    assert await home.store.finish(claim(), first, NotDone(), None)
    assert await won(home, claim("call-2"), departing=True) != first
    assert not await home.store.finish(claim(), first, NotDone(), None)


async def test_a_purged_record_gives_its_old_holder_no_power_over_the_new_one(home: Home) -> None:
    stalled = await won(home, claim(), departing=False)
    home.clock.advance(LEASE_S)
    second = await won(home, claim("call-2"), departing=False)
    assert await home.store.finish(claim("call-2"), second, NotDone(), None)
    home.clock.advance(400 * 86_400)
    await home.commit()
    await won(home, claim("call-3"), departing=True)
    assert not await home.store.finish(claim(), stalled, NotDone(), None)


async def test_a_delivered_answer_ends_sooner_from_the_next_commit_on(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 86_400), None)
    home.store.delivered(claim(), token, 120)
    await home.commit()
    found = await home.store.claim(claim("call-2"), None)
    assert isinstance(found, Found)
    assert found.delivered
    assert found.kept == kept()
    home.clock.advance(120)
    await won(home, claim("call-3"), departing=False)


async def test_the_window_begins_with_the_delivery_even_if_nothing_commits_for_long(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 86_400), None)
    home.store.delivered(claim(), token, 120)
    await home.told()
    home.clock.advance(120)
    await won(home, claim("call-2"), departing=False)


async def test_a_second_delivery_does_not_begin_the_window_anew(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 86_400), None)
    home.store.delivered(claim(), token, 120)
    await home.told()
    home.clock.advance(100)
    home.store.delivered(claim(), token, 120)
    await home.told()
    home.clock.advance(20)
    await won(home, claim("call-2"), departing=False)


async def test_an_answer_delivered_with_no_time_left_is_gone_for_the_very_next_claim(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    assert await home.store.finish(claim(), token, Done(kept(), 86_400), None)
    home.store.delivered(claim(), token, 0)
    await won(home, claim("call-2"), departing=False)


async def test_delivery_under_another_token_or_before_an_answer_changes_nothing(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    home.store.delivered(claim(), token, 0)
    await home.commit()
    assert await home.store.finish(claim(), token, Done(kept(), 86_400), None)
    home.store.delivered(claim(), token + 1, 0)
    await home.commit()
    assert await home.store.fate(RECORD.hex(), "call-1") is State.DONE


async def test_the_terminal_entry_is_written_even_when_the_token_was_lost(home: Home) -> None:
    token = await won(home, claim(), departing=False)
    assert not await home.store.finish(claim(), token + 1, NotDone(), entry("terminal"))
    assert home.journal.entries == [{"name": "terminal"}]


async def test_recovery_drops_what_was_claimed_and_doubts_what_was_sent(home: Home) -> None:
    if home.shared:
        assert await home.store.recover() == ()
        return
    await won(home, claim(), departing=False)
    await won(home, claim(record=OTHER), departing=True)
    done = await won(home, claim(record=b"d" * 32), departing=True)
    assert await home.store.finish(claim(record=b"d" * 32), done, Done(kept(), 60), None)
    assert await home.store.recover() == [OTHER.hex()]
    assert await home.store.recover() == []
    states = [await home.store.fate(record.hex(), "call-1") for record in (RECORD, OTHER, b"d" * 32)]
    assert states == [None, State.DOUBT, State.DONE]
