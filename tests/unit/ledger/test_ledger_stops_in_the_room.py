"""The kill switch where calls are: reads on their way, twins that wait, and the moment before a departure."""

import asyncio

import pytest
from ledger_kit import ALICE, BOB, NOON, House, answer, call, closing, entry, settled, tool

from gateway.model.admission import Replay
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop, StopMode
from gateway.model.tool import Effect


def row(mode: StopMode = "stop", user: str = "alice") -> Stop:
    return Stop("user", user, "drill", "ops", NOON, mode)


@pytest.mark.parametrize(("mode", "ends"), [("stop", True), ("pause", False), ("read-only", False)])
async def test_a_read_on_its_way_is_ended_by_a_stop_and_by_nothing_less(
    house: House, mode: StopMode, ends: bool
) -> None:

    async def read(who: object) -> None:
        with house.ledger.reading(who, tool(Effect.READ)):
            await asyncio.Event().wait()

    alice, bob = asyncio.ensure_future(read(ALICE)), asyncio.ensure_future(read(BOB))
    await asyncio.sleep(0)
    await house.stops.stop(row(mode))
    await settled()
    assert (alice.done(), bob.done()) == (ends, False)
    if ends:
        with pytest.raises(Refused) as caught:
            await alice
        assert caught.value.refusal.reason is Reason.STOPPED
    for task in (alice, bob):
        task.cancel()
    await asyncio.wait((alice, bob))


async def test_a_twin_that_waits_is_sent_away_by_a_stop_at_once(house: House) -> None:
    await house.won("call-1", call())
    twin = asyncio.ensure_future(house.admit("call-2", call()))
    await settled()
    await house.stops.stop(row())
    with pytest.raises(Refused) as caught:
        await asyncio.wait_for(twin, 5)
    assert caught.value.refusal.reason is Reason.STOPPED


async def test_a_twin_that_waits_waits_on_through_a_pause_and_hears_what_came_of_the_call(house: House) -> None:
    ticket = await house.won("call-1", call())
    twin = asyncio.ensure_future(house.admit("call-2", call()))
    await settled()
    await house.stops.stop(row("pause"))
    await settled()
    assert not twin.done()
    await house.ledger.settle(ticket, answer("call-1"), closing("call-1"))
    assert isinstance(await asyncio.wait_for(twin, 5), Replay)


@pytest.mark.parametrize(
    ("mode", "reason"), [("stop", Reason.STOPPED), ("read-only", Reason.STOPPED), ("pause", Reason.PAUSED)]
)
async def test_what_waited_for_a_person_is_refused_at_departure_and_has_its_claim_back(
    house: House, mode: StopMode, reason: Reason
) -> None:
    ticket = await house.won("call-1", call(), departs=False)
    await house.stops.stop(row(mode))
    if mode == "pause":
        house.ledger.check(ALICE, tool())
    with pytest.raises(Refused) as caught:
        await house.ledger.depart(ticket, entry("intent", "call-1"))
    assert caught.value.refusal.reason is reason
    assert house.journal.named("intent") == []
    await house.stops.lift("user", "alice")
    assert (await house.won("call-2", call())).departed
