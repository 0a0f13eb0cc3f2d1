"""What every home of the ledger knows of doubts, and how they end (ledger §1.7)."""

from dataclasses import replace
from typing import Any

import pytest
from claim_homes import ALSO, LEASE_S, OTHER, RECORD, Home, claim, entry, kept, won

from gateway.model.claim import Claim, Departure, Done, Doubted, Found, InDoubt, NotDone, State, Won
from gateway.model.work import JournalUnavailable

ABOUT = b'{"tool":"desk/refund"}'


async def state(home: Home, record: bytes = RECORD) -> State | None:
    return await home.store.fate(record.hex(), "call-1")


async def in_doubt(home: Home, **more: Any) -> Doubted:
    await won(home, claim(**more), departing=True)
    home.clock.advance(LEASE_S)
    return (await home.doubts())[-1]


def told(one: Doubted) -> tuple[Any, ...]:
    return one.record, one.token, one.call_id, one.fingerprint, one.since, one.about


async def test_whatever_was_sent_and_outlived_its_lease_is_in_doubt_oldest_first(home: Home) -> None:
    first = await won(home, claim(record=OTHER, about=ABOUT), departing=True)
    home.clock.advance(1)
    second = await won(home, claim("call-2"), departing=True)
    await won(home, claim("call-3", b"c" * 32), departing=False)
    assert await home.doubts() == []
    home.clock.advance(LEASE_S)
    began = home.clock.wall - LEASE_S
    assert await home.doubts() == [
        Doubted(OTHER, first, "call-1", b"f" * 32, began - 1, ABOUT, "call-1"),
        Doubted(RECORD, second, "call-2", b"f" * 32, began, b"", "call-2"),
    ]
    assert not await home.store.finish(claim("call-2"), second, NotDone(), None), "the doubt was told, so it stands"


async def test_a_doubt_counts_its_age_from_the_departure(home: Home) -> None:
    token = await won(home, claim(), departing=False)
    home.clock.advance(LEASE_S - 1)
    await home.store.depart(claim(), token, entry("intent"))
    await home.store.finish(claim(), token, InDoubt(), None)
    assert [one.since for one in await home.doubts()] == [home.clock.wall]
    home.clock.advance(7)
    assert [one.age_s for one in await home.doubts()] == [pytest.approx(7)]


async def test_a_call_with_two_records_is_one_doubt(home: Home) -> None:
    doubt = await in_doubt(home, also=ALSO, about=ABOUT)
    assert await home.doubts() == [doubt]
    assert (doubt.record, doubt.about) == (RECORD, ABOUT)


@pytest.mark.parametrize("also", [None, ALSO])
async def test_what_somebody_says_was_carried_out_is_replayed(home: Home, also: bytes | None) -> None:
    doubt = await in_doubt(home, also=also)
    assert await home.store.resolve(RECORD, doubt.token, Done(kept(), 60, 120), entry("resolved"))
    assert home.journal.entries[-1] == {"name": "resolved"}
    assert await home.doubts() == []
    home.clock.advance(59)
    for record in {RECORD, also or RECORD}:
        found = await home.store.claim(claim("call-2", record), None)
        assert isinstance(found, Found)
        assert (found.state, found.kept) == (State.DONE, kept())
    home.clock.advance(1)
    await won(home, claim("call-2"), departing=False)
    if also is not None:
        assert isinstance(await home.store.claim(claim("call-2", also), None), Found)


@pytest.mark.parametrize("also", [None, ALSO])
async def test_what_somebody_says_was_not_carried_out_may_be_sent_again(home: Home, also: bytes | None) -> None:
    doubt = await in_doubt(home, also=also)
    assert await home.store.resolve(RECORD, doubt.token, NotDone(), entry("resolved"))
    assert await home.doubts() == []
    await won(home, claim("call-2", also=also), departing=True)
    assert not await home.store.finish(claim(also=also), doubt.token, Done(kept(), 60, 60), None), "too late"


async def test_a_lease_that_is_over_is_a_doubt_that_can_be_settled_before_anybody_looked(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    home.clock.advance(LEASE_S)
    assert await home.store.resolve(RECORD, token, NotDone(), entry("resolved"))


async def test_nobody_settles_what_is_not_in_doubt_under_this_token(home: Home) -> None:
    token = await won(home, claim(), departing=True)
    written = len(home.journal.entries)

    async def refused(of: int) -> bool:
        said = [
            await home.store.resolve(RECORD, of, verdict, entry("never written"))
            for verdict in (NotDone(), Done(kept(), 60))
        ]
        return said == [False, False]

    assert await refused(token)
    await home.store.finish(claim(), token, InDoubt(), None)
    assert await refused(token + 1)
    assert await home.store.finish(claim(), token, Done(kept(), 60), None)
    assert await refused(token)
    assert not await home.store.resolve(OTHER, token, NotDone(), entry("never written"))
    assert len(home.journal.entries) == written
    assert await state(home) is State.DONE


async def test_the_first_word_stands(home: Home) -> None:
    doubt = await in_doubt(home)
    assert await home.store.resolve(RECORD, doubt.token, NotDone(), entry("first"))
    assert not await home.store.resolve(RECORD, doubt.token, Done(kept(), 60), entry("second"))
    assert await state(home) is State.RETRYABLE


async def test_without_a_journal_no_doubt_is_settled(home: Home) -> None:
    doubt = await in_doubt(home)
    for broken in ("broken", "unsynced"):
        setattr(home.journal, broken, True)
        with pytest.raises(JournalUnavailable):
            await home.store.resolve(RECORD, doubt.token, NotDone(), entry("resolved"))
        setattr(home.journal, broken, False)
        assert await home.doubts() == [doubt]
        assert isinstance(await home.store.claim(claim("call-2"), None), Found)
    assert await home.store.resolve(RECORD, doubt.token, NotDone(), entry("resolved"))


def resending(call_id: str, record: bytes = RECORD, within_s: float = 100.0, **more: Any) -> Claim:
    return claim(call_id, record, resend_within_s=within_s, **more)


async def test_a_doubt_is_claimed_anew_only_while_it_is_young(home: Home) -> None:
    await won(home, resending("call-1"), departing=True)
    await won(home, resending("call-1", OTHER), departing=True)
    home.clock.advance(99)
    assert isinstance(await home.store.claim(claim("call-2"), None), Found)
    assert isinstance(await home.store.claim(resending("call-2"), None), Won)
    home.clock.advance(1)
    assert isinstance(await home.store.claim(resending("call-2", OTHER), None), Found)


async def test_a_clock_that_went_back_makes_no_doubt_young(home: Home) -> None:
    token = await won(home, resending("call-1"), departing=True)
    await home.store.finish(resending("call-1"), token, InDoubt(), None)
    home.clock.wall -= 3600
    assert isinstance(await home.store.claim(resending("call-2"), None), Found)


async def test_a_doubt_that_was_half_taken_over_is_told_of_under_what_it_still_has(home: Home) -> None:
    doubt = await in_doubt(home, also=ALSO, about=ABOUT)
    await won(home, resending("call-2", also=OTHER), departing=True)
    (left,) = await home.doubts()
    assert left == Doubted(ALSO, doubt.token, "call-1", b"f" * 32, doubt.since, ABOUT, "call-1")
    assert await home.store.resolve(ALSO, doubt.token, NotDone(), entry("resolved"))
    assert await home.doubts() == []
    found = await home.store.claim(resending("call-3"), None)
    assert isinstance(found, Found)
    assert (found.state, found.call_id) == (State.SENT, "call-2")


async def test_the_second_record_stays_at_least_as_long_as_the_first(home: Home) -> None:
    doubt = await in_doubt(home, also=ALSO)
    assert await home.store.resolve(RECORD, doubt.token, Done(kept(), 60), entry("resolved"))
    home.clock.advance(59)
    assert isinstance(await home.store.claim(claim("call-2", ALSO), None), Found)


async def test_a_second_record_that_another_call_took_over_shares_no_doubt_of_the_first(home: Home) -> None:
    doubt = await in_doubt(home, also=ALSO)
    second = await won(home, resending("call-2", OTHER, also=ALSO), departing=True)
    assert await home.store.finish(claim(also=ALSO), doubt.token, InDoubt(), None)
    (left,) = await home.doubts()
    assert left.record == RECORD
    found = await home.store.claim(claim("call-3", ALSO), None)
    assert isinstance(found, Found)
    assert (found.state, found.call_id) == (State.SENT, "call-2")
    assert await home.store.finish(claim("call-2", OTHER, also=ALSO), second, Done(kept(), 60), None)


@pytest.mark.parametrize("departing", [True, False])
async def test_what_was_sent_again_and_proven_unsent_is_in_doubt_as_before(home: Home, departing: bool) -> None:
    first = await in_doubt(home)
    home.clock.advance(1)
    again = resending("call-2")
    token = await won(home, again, departing=departing)
    assert await home.store.finish(again, token, NotDone(), None)
    (doubt,) = await home.doubts()
    assert doubt.token == token
    home.clock.advance(again.resend_within_s - (home.clock.wall - first.since))
    found = await home.store.claim(resending("call-3"), None)
    assert isinstance(found, Found), "the window runs from the first send, however often it was sent since"
    assert found.state is State.DOUBT


async def test_who_dies_before_sending_a_doubt_again_leaves_the_doubt(home: Home) -> None:
    await in_doubt(home)
    await won(home, resending("call-2"), departing=False)
    assert await home.doubts() == []
    home.clock.advance(LEASE_S)
    assert [one.call_id for one in await home.doubts()] == ["call-2"]
    found = await home.store.claim(claim("call-3"), None)
    assert isinstance(found, Found)
    assert found.state is State.DOUBT


async def test_a_person_ends_also_a_doubt_that_was_sent_again(home: Home) -> None:
    await in_doubt(home)
    again = resending("call-2")
    token = await won(home, again, departing=True)
    assert await home.store.finish(again, token, NotDone(), None)
    assert await home.store.resolve(RECORD, token, NotDone(), entry("resolved"))
    await won(home, claim("call-3"), departing=True)


async def test_an_execution_keeps_its_origin_until_it_is_over(home: Home) -> None:
    async def origin(of: Claim, *, resends: bool = False) -> int:
        answer = await home.store.claim(of, entry("intent"))
        assert isinstance(answer, Won)
        assert (answer.origin, answer.resends) == ("call-1", resends)
        return answer.token

    given_back = await origin(claim("call-1"))
    await home.store.finish(claim("call-1"), given_back, NotDone(), None)
    lost = await origin(claim("call-2"))
    await home.store.finish(claim("call-2"), lost, InDoubt(), None)
    again = await origin(resending("call-3"), resends=True)
    await home.store.finish(resending("call-3"), again, Done(kept(), 10), None)
    home.clock.advance(11)
    answer = await home.store.claim(claim("call-4"), entry("intent"))
    assert isinstance(answer, Won)
    assert (answer.origin, answer.resends) == ("call-4", False)


async def test_a_word_that_was_not_written_down_leaves_the_first_send_remembered(home: Home) -> None:
    await in_doubt(home)
    home.clock.advance(40)
    again = await won(home, resending("call-2"), departing=True)
    await home.store.finish(resending("call-2"), again, InDoubt(), None)
    home.journal.unsynced = True
    with pytest.raises(JournalUnavailable):
        await home.store.resolve(RECORD, again, NotDone(), entry("resolved"))
    home.journal.unsynced = False
    home.clock.advance(100 - LEASE_S - 40)
    assert isinstance(await home.store.claim(resending("call-3"), None), Found), "the first send is too old"


@pytest.mark.parametrize("also", [None, ALSO])
@pytest.mark.parametrize(("waits_s", "said"), [(29, Departure.DEPARTED), (30, Departure.LOST)])
async def test_what_is_sent_again_departs_while_the_first_send_is_young_enough(
    home: Home, also: bytes | None, waits_s: float, said: Departure
) -> None:
    await in_doubt(home, also=also)
    home.clock.advance(40)
    again = replace(resending("call-2", also=also), lease_s=60)
    token = await won(home, again, departing=False)
    home.clock.advance(waits_s)
    assert await home.store.depart(again, token, entry("intent")) is said
    assert await home.store.finish(again, token, NotDone(), None)
    assert [one.call_id for one in await home.doubts()] == ["call-2"]
