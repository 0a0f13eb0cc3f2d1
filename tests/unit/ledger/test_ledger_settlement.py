"""Endings that cannot be stored at once: the caller goes on, the others wait, nothing is written twice."""

import asyncio
from collections.abc import Callable

import pytest
from ledger_kit import BOUND_S, House, answer, call, closing, settled, tool

from gateway.config.schema import Budget
from gateway.ledger import settlement
from gateway.model.admission import Replay
from gateway.model.claim import State
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "PAUSES_S", (0.0,) * 4)


async def written(house: House) -> None:
    assert await house.tasks.drain(BOUND_S) == 0


@pytest.mark.parametrize("journaled", [False, True])
async def test_an_ending_is_stored_later_and_its_terminal_entry_exactly_once(house: House, journaled: bool) -> None:
    ticket = await house.won("c1", call())
    house.claims.failures, house.claims.journaled = 3, journaled
    await house.ledger.settle(ticket, answer("c1"), closing("c1"))
    await written(house)
    assert await house.claims.fate(ticket.claim.record.hex(), ticket.claim.call_id) is State.DONE
    assert house.journal.named("terminal") == ["c1"]
    assert isinstance(await house.admit("c2", call()), Replay)


async def test_twins_wait_until_the_ending_is_stored(house: House) -> None:
    ticket = await house.won("c1", call())
    twin = house.tasks.start(house.admit("c2", call()), "twin")
    await settled()
    house.claims.failures = 1
    await house.ledger.settle(ticket, answer("c1"), closing("c1"))
    assert not twin.done()
    assert (await asyncio.wait_for(twin, BOUND_S)).kept == answer("c1").kept


async def test_when_patience_ends_twins_get_the_answer_and_others_a_doubt(house: House) -> None:
    ticket = await house.won("c1", call())
    twin = house.tasks.start(house.admit("c2", call()), "twin")
    await settled()
    house.claims.failures = 99
    await house.ledger.settle(ticket, answer("c1"), closing("c1"))
    assert (await asyncio.wait_for(twin, BOUND_S)).kept == answer("c1").kept
    await written(house)
    with pytest.raises(Refused) as caught:
        await house.admit("c3", call())
    assert caught.value.refusal.reason is Reason.KEY_IN_FLIGHT
    house.clock.advance(60)
    with pytest.raises(Refused) as caught:
        await house.admit("c4", call())
    assert caught.value.refusal.reason is Reason.OUTCOME_UNKNOWN


async def test_a_delivery_before_the_ending_is_stored_is_not_forgotten(house: House) -> None:
    unset = call(tool(Effect.UNSET))
    ticket = await house.won("c1", unset)
    house.claims.failures = 1
    await house.ledger.settle(ticket, answer("c1"), closing("c1"))
    house.ledger.delivered(ticket)
    await written(house)
    await house.won("c2", unset)


async def test_a_release_that_is_repeated_while_the_store_is_down_pays_back_once(
    open_house: Callable[..., House],
) -> None:
    house = open_house(budgets=[Budget(scope="agent", window="day", limit=2)])
    await house.done("c1", call(order=1))
    ticket = await house.won("c2", call(order=2), departs=False)
    house.claims.failures = 2
    await house.ledger.release(ticket)
    await house.ledger.release(ticket)
    await written(house)
    await house.done("c3", call(order=3))
    with pytest.raises(Refused) as caught:
        await house.admit("c4", call(order=4))
    assert caught.value.refusal.reason is Reason.BUDGET_EXHAUSTED


async def test_a_late_error_under_a_derived_key_lifts_the_doubt(house: House) -> None:
    ticket = await house.won("c1", call())
    house.clock.advance(60)
    with pytest.raises(Refused):
        await house.admit("c2", call())
    await house.ledger.settle(ticket, answer("c1", is_error=True), closing("c1"))
    await house.won("c3", call())


async def test_the_crash_points_of_an_ending_are_passed_in_order(house: House) -> None:
    await house.done("c1", call())
    assert house.reached[-3:] == ["ledger.settling", "claims.finished", "ledger.settled"]
