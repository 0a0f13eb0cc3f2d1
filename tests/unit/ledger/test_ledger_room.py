"""Admission, departure and ending of one call after another; twins have a file of their own."""

import pytest
from ledger_kit import ALICE, BOB, House, OpenHouse, answer, call, closing, entry, refused, replayed, tool

from gateway.model.admission import Passed
from gateway.model.call import Asked
from gateway.model.claim import InDoubt, State
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop
from gateway.model.tool import Effect


async def test_a_declared_read_claims_and_writes_nothing(house: House) -> None:
    assert isinstance(await house.admit("c1", call(tool(Effect.READ))), Passed)
    assert house.journal.entries == []
    assert "claims.claimed" not in house.reached


async def test_a_call_departs_in_the_step_that_claims_when_its_slot_is_free(house: House) -> None:
    ticket = await house.won("c1", call())
    assert ticket.departed
    assert house.journal.named("intent") == ["c1"]
    assert house.reached == ["ledger.claiming", "claims.claimed", "ledger.departed"]


async def test_without_a_free_slot_it_claims_first_and_departs_later(house: House) -> None:
    ticket = await house.won("c1", call(), departs=False)
    assert not ticket.departed
    assert house.journal.entries == []
    assert (await house.ledger.depart(ticket, entry("intent", "c1"))).departed
    assert house.journal.named("intent") == ["c1"]


async def test_an_explicit_key_replays_for_a_day_whatever_was_delivered(house: House) -> None:
    ticket = await house.done("c1", call(), key="k")
    house.ledger.delivered(ticket)
    house.clock.advance(86_399)
    again = await replayed(house, "c2", call(), key="k")
    assert (again.kept, again.joined, again.source) == (answer("c1").kept, False, "header")
    house.clock.advance(1)
    await house.won("c3", call(), key="k")


async def test_an_error_is_replayed_under_an_explicit_key_and_forgotten_under_a_derived_one(house: House) -> None:
    await house.done("c1", call(), key="k", is_error=True)
    assert (await replayed(house, "c2", call(), key="k")).kept.is_error
    await house.done("c3", call(order=8), is_error=True)
    await house.won("c4", call(order=8))


async def test_an_explicit_key_with_other_arguments_is_refused(house: House) -> None:
    await house.done("c1", call(), key="k")
    assert (await refused(house, "c2", call(order=8), key="k")).refusal.reason is Reason.KEY_REUSED
    assert (await replayed(house, "c3", call(), key="k")).kept.call_id == "c1"


async def test_a_new_explicit_key_is_a_new_execution_always(house: House) -> None:
    await house.done("c1", call())
    await house.done("c2", call(), key="a")
    await house.done("c3", call(), key="b")


async def test_users_do_not_meet_in_one_record(house: House) -> None:
    await house.done("c1", call(), key="k")
    await house.won("c2", call(), key="k", who=BOB)


@pytest.mark.parametrize(
    ("of", "after_delivery_s"),
    [
        (tool(Effect.MUTATING), 120),
        (tool(Effect.IDEMPOTENT), 0),
        (tool(Effect.UNSET), 0),
        (tool(Effect.MUTATING, derived="in_flight_only"), 0),
    ],
)
async def test_an_undelivered_answer_waits_a_day_and_a_delivered_one_as_the_effect_says(
    house: House, of: object, after_delivery_s: int
) -> None:
    await house.done("lost", call(of, order=8))
    arrived = await house.done("c1", call(of))
    house.clock.advance(80_000)
    assert (await replayed(house, "c2", call(of))).kept == answer("c1").kept
    assert (await replayed(house, "l2", call(of, order=8))).kept == answer("lost").kept
    house.ledger.delivered(arrived)
    if after_delivery_s:
        house.clock.advance(after_delivery_s - 1)
        assert (await replayed(house, "c3", call(of))).kept == answer("c1").kept
        house.clock.advance(1)
    await house.won("c4", call(of))
    assert (await replayed(house, "l3", call(of, order=8))).kept == answer("lost").kept
    house.clock.advance(86_400 - 80_000)
    await house.won("l4", call(of, order=8))


async def test_a_defect_while_departing_gives_the_claim_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = await house.won("c1", call(), departs=False)

    async def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(house.claims, "depart", broken)
        with pytest.raises(RuntimeError):
            await house.ledger.depart(ticket, entry("intent", "c1"))
    await house.won("c2", call())


async def test_without_a_journal_nothing_departs_but_a_retry_learns_what_became_of_its_call(house: House) -> None:
    await house.done("c1", call(), key="k")
    lost = await house.won("c2", call(order=8), key="l")
    await house.ledger.settle(lost, InDoubt(), closing("c2"))
    house.journal.broken = True
    assert (await refused(house, "c6", call(order=9))).refusal.reason is Reason.AUDIT_UNAVAILABLE
    assert (await replayed(house, "c3", call(), key="k")).kept == answer("c1").kept
    assert (await refused(house, "c4", call(order=8), key="l")).refusal.reason is Reason.OUTCOME_UNKNOWN
    assert (await refused(house, "c5", call(order=9), key="k")).refusal.reason is Reason.KEY_REUSED
    house.journal.broken = False
    await house.won("c7", call(order=9))


async def test_a_replay_that_arrived_ends_the_wait_for_a_lost_answer(house: House) -> None:
    await house.done("c1", call(tool(Effect.UNSET)))
    again = await replayed(house, "c2", call(tool(Effect.UNSET)))
    house.ledger.delivered(again)
    await house.won("c3", call(tool(Effect.UNSET)))


async def test_without_derivation_every_call_executes_and_still_leaves_a_doubt(house: House) -> None:
    chat = tool(derived="off")
    await house.done("c1", call(chat))
    ticket = await house.won("c2", call(chat))
    assert await house.claims.fate(ticket.claim.record.hex(), ticket.claim.call_id) is State.SENT
    await house.won("c3", call(chat))


async def test_the_next_occurrence_is_another_call(house: House) -> None:
    await house.done("c1", call())
    await house.won("c2", call(occurrence=2))


async def test_a_doubt_is_told_with_call_and_time_and_never_sent_again(house: House) -> None:
    ticket = await house.won("c1", call())
    await house.ledger.settle(ticket, InDoubt(), closing("c1"))
    house.clock.advance(90 * 86_400)
    doubt = await refused(house, "c2", call())
    assert doubt.refusal.reason is Reason.OUTCOME_UNKNOWN
    assert "c1" in doubt.refusal.detail
    assert "T12:00:00+00:00" in doubt.refusal.detail
    assert house.journal.named("intent") == ["c1"]


async def test_a_doubt_of_an_idempotent_tool_holds_nobody_up(house: House) -> None:
    put = call(tool(Effect.IDEMPOTENT))
    await house.ledger.settle(await house.won("c1", put), InDoubt(), closing("c1"))
    await house.won("c2", put)


async def test_a_restart_leaves_sent_calls_in_doubt_and_unsent_ones_free(open_house: OpenHouse) -> None:
    before = open_house()
    sent = await before.won("c1", call())
    await before.won("c2", call(order=8), departs=False)
    await before.close()
    after = open_house()
    assert await after.claims.recover() == [sent.claim.record.hex()]
    assert (await refused(after, "c3", call())).refusal.reason is Reason.OUTCOME_UNKNOWN
    await after.won("c4", call(order=8))


async def test_what_was_released_is_free_again_however_often(house: House) -> None:
    ticket = await house.won("c1", call(), departs=False)
    await house.ledger.release(ticket)
    await house.ledger.release(ticket)
    await house.won("c2", call())


async def test_a_stalled_claim_is_taken_over_and_cannot_depart_any_more(house: House) -> None:
    stalled = await house.won("c1", call(), departs=False, within_s=10)
    house.clock.advance(15)
    await house.won("c2", call())
    with pytest.raises(Refused) as caught:
        await house.ledger.depart(stalled, entry("intent", "c1"))
    assert caught.value.refusal.reason is Reason.KEY_IN_FLIGHT
    assert house.journal.named("intent") == ["c2"]


async def test_a_journal_that_cannot_be_written_stops_departures_and_gives_the_claim_back(house: House) -> None:
    waiting = await house.won("c1", call(), departs=False)
    house.journal.broken = True
    assert (await refused(house, "c2", call(order=8))).refusal.reason is Reason.AUDIT_UNAVAILABLE
    with pytest.raises(Refused) as caught:
        await house.ledger.depart(waiting, entry("intent", "c1"))
    assert caught.value.refusal.reason is Reason.AUDIT_UNAVAILABLE
    house.journal.broken = False
    await house.won("c3", call())
    await house.won("c4", call(order=8))


async def test_a_store_that_cannot_be_written_refuses(house: House) -> None:
    waiting = await house.won("c1", call(), departs=False)
    await house.writer.close()
    assert (await refused(house, "c2", call(order=8))).refusal.reason is Reason.STORE_UNAVAILABLE
    with pytest.raises(Refused) as caught:
        await house.ledger.depart(waiting, entry("intent", "c1"))
    assert caught.value.refusal.reason is Reason.STORE_UNAVAILABLE


async def test_the_kill_switch_is_asked_again_right_before_departure(house: House) -> None:
    ticket = await house.won("c1", call(), departs=False)
    await house.stops.stop(Stop("tool", "helpdesk/refund", "fire drill", "ops", 0.0))
    with pytest.raises(Refused) as caught:
        await house.ledger.depart(ticket, entry("intent", "c1"))
    assert caught.value.refusal.reason is Reason.STOPPED
    assert house.journal.named("intent") == []
    await house.stops.lift("tool", "helpdesk/refund")
    await house.won("c2", call())


async def test_a_stop_that_falls_while_the_slot_is_taken_stops_the_combined_step(house: House) -> None:
    def stops_meanwhile() -> None:
        house.stops._rows["all", ""] = Stop("all", "", "fire drill", "ops", 0.0)

    asked = Asked("helpdesk_refund", {}, "modern", "2026-07-28")
    with pytest.raises(Refused) as caught:
        await house.ledger.admit(ALICE, call(), asked, "c1", intent=stops_meanwhile, waits=lambda: None, deadline=200)
    assert caught.value.refusal.reason is Reason.STOPPED
    assert "claims.claimed" not in house.reached
