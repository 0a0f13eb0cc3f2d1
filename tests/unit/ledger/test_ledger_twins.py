"""The same call several times at once: one executes, the others get its answer."""

import asyncio
from collections.abc import Callable

import pytest
from ledger_kit import BOB, BOUND_S, House, answer, call, closing, settled, tool

from gateway.config.schema import Budget, Loops
from gateway.ledger import flights
from gateway.model.admission import Admission, Replay, Ticket
from gateway.model.claim import InDoubt, NotDone
from gateway.model.refusal import Reason, Refused
from gateway.model.stop import Stop
from gateway.model.tool import Effect

OpenHouse = Callable[..., House]


async def crowd(house: House, size: int, **how: object) -> list[asyncio.Task[Admission]]:
    """That many calls of the same thing, begun at the same moment; the first has won, the others wait or are refused."""
    callers = [house.tasks.start(house.admit(f"c{n}", call(), **how), "caller") for n in range(size)]
    await asyncio.wait([callers[0]], timeout=BOUND_S)
    await settled()
    return callers


def reason(caller: asyncio.Task[Admission]) -> Reason:
    error = caller.exception()
    assert isinstance(error, Refused)
    return error.refusal.reason


@pytest.mark.parametrize("key", [None, "k"])
async def test_of_many_twins_one_executes_and_all_get_its_answer(house: House, key: str | None) -> None:
    callers = await crowd(house, 20, key=key)
    (ticket,) = [caller.result() for caller in callers if caller.done()]
    assert isinstance(ticket, Ticket)
    await house.ledger.settle(ticket, answer(ticket.claim.call_id), closing(ticket.claim.call_id))
    admitted = await asyncio.wait_for(asyncio.gather(*callers), BOUND_S)
    joined = [other for other in admitted if isinstance(other, Replay)]
    assert len(joined) == 19
    assert {(other.joined, other.kept) for other in joined} == {(True, answer(ticket.claim.call_id).kept)}
    assert house.journal.named("intent") == [ticket.claim.call_id]


async def test_a_twin_gets_the_error_the_first_one_got_although_it_is_not_kept(house: House) -> None:
    callers = await crowd(house, 2)
    ticket = callers[0].result()
    await house.ledger.settle(ticket, answer("c0", is_error=True), closing("c0"))
    twin = await asyncio.wait_for(callers[1], BOUND_S)
    assert isinstance(twin, Replay)
    assert twin.kept.is_error
    await house.won("c9", call())


async def test_when_the_first_was_not_sent_the_next_twin_tries_itself(house: House) -> None:
    callers = await crowd(house, 3)
    await house.ledger.settle(callers[0].result(), NotDone(), closing("c0"))
    done, waiting = await asyncio.wait(callers[1:], timeout=BOUND_S, return_when=asyncio.FIRST_COMPLETED)
    (second,) = [caller.result() for caller in done]
    assert isinstance(second, Ticket)
    await house.ledger.settle(second, answer("x"), closing("x"))
    for caller in waiting:
        assert isinstance(await asyncio.wait_for(caller, BOUND_S), Replay)
    assert len(house.journal.named("intent")) == 2


async def test_a_doubt_is_told_to_every_twin(house: House) -> None:
    callers = await crowd(house, 3)
    await house.ledger.settle(callers[0].result(), InDoubt(), closing("c0"))
    await asyncio.wait(callers, timeout=BOUND_S)
    assert [reason(caller) for caller in callers[1:]] == [Reason.OUTCOME_UNKNOWN] * 2


async def test_a_doubt_of_an_idempotent_tool_lets_the_next_twin_send(house: House) -> None:
    put = call(tool(Effect.IDEMPOTENT))
    first = await house.won("c1", put)
    twin = house.tasks.start(house.admit("c2", put), "twin")
    await settled()
    await house.ledger.settle(first, InDoubt(), closing("c1"))
    assert isinstance(await asyncio.wait_for(twin, BOUND_S), Ticket)


async def test_a_twin_waits_no_longer_than_its_deadline(house: House) -> None:
    await house.won("c1", call())
    with pytest.raises(Refused) as caught:
        await house.admit("c2", call(), within_s=0.01)
    assert caught.value.refusal.reason is Reason.KEY_IN_FLIGHT
    assert caught.value.refusal.retry_after_ms is not None


async def test_twins_beyond_the_seats_are_told_to_come_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "PER_RECORD", 2)
    callers = await crowd(house, 4)
    assert [caller.done() for caller in callers] == [True, False, False, True]
    assert reason(callers[3]) is Reason.KEY_IN_FLIGHT


async def test_seats_are_counted_for_the_whole_process_and_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "PER_PROCESS", 1)
    first = await house.won("c1", call())
    await house.won("o1", call(order=8))
    twin = house.tasks.start(house.admit("c2", call()), "twin")
    await settled()
    with pytest.raises(Refused):
        await house.admit("o2", call(order=8))
    await house.ledger.settle(first, answer("c1"), closing("c1"))
    await asyncio.wait_for(twin, BOUND_S)
    other = house.tasks.start(house.admit("o3", call(order=8)), "twin")
    await settled()
    assert not other.done()


async def test_a_stop_ends_the_wait_of_those_it_touches_at_once(house: House) -> None:
    await house.won("c1", call(), who=BOB)
    bob = house.tasks.start(house.admit("c2", call(), who=BOB), "twin")
    await house.won("c3", call())
    alice = house.tasks.start(house.admit("c4", call()), "twin")
    await settled()
    await house.stops.stop(Stop("user", "bob", "left the company", "ops", 0.0))
    await asyncio.wait([bob], timeout=BOUND_S)
    assert reason(bob) is Reason.STOPPED
    await house.stops.stop(Stop("tenant", "elsewhere", "", "ops", 0.0))
    await settled()
    assert not alice.done()


async def test_twins_with_one_key_and_different_arguments_are_no_twins(house: House) -> None:
    callers = [house.tasks.start(house.admit(f"c{n}", call(order=n), key="k"), "caller") for n in range(3)]
    await asyncio.wait(callers, timeout=BOUND_S)
    assert isinstance(callers[0].result(), Ticket)
    assert [reason(caller) for caller in callers[1:]] == [Reason.KEY_REUSED] * 2


async def test_a_stranger_with_the_same_key_does_not_take_a_retry_from_its_owner(house: House) -> None:
    await house.done("c1", call(), key="k")
    wrong = house.tasks.start(house.admit("c2", call(order=8), key="k"), "wrong")
    retry = house.tasks.start(house.admit("c3", call(), key="k"), "retry")
    await asyncio.wait([wrong, retry], timeout=BOUND_S)
    assert reason(wrong) is Reason.KEY_REUSED
    assert isinstance(retry.result(), Replay)


async def test_when_the_lease_of_a_stuck_twin_is_over_the_store_decides(house: House) -> None:
    await house.won("c1", call(), within_s=10)
    house.clock.advance(15)
    with pytest.raises(Refused) as caught:
        await house.admit("c2", call())
    assert caught.value.refusal.reason is Reason.OUTCOME_UNKNOWN


async def test_a_caller_that_goes_away_while_waiting_leaves_no_trace(house: House) -> None:
    first = await house.won("c1", call())
    twin = house.tasks.start(house.admit("c2", call()), "twin")
    await settled()
    twin.cancel()
    await asyncio.wait([twin], timeout=BOUND_S)
    await house.ledger.settle(first, answer("c1"), closing("c1"))
    assert isinstance(await house.admit("c3", call()), Replay)


async def test_sixty_four_callers_at_once_never_overspend(open_house: OpenHouse) -> None:
    house = open_house(budgets=[Budget(scope="user", window="hour", limit=10)])
    callers = [house.tasks.start(house.admit(f"c{n}", call(order=n), key=f"k{n}"), "caller") for n in range(64)]
    await asyncio.wait(callers, timeout=BOUND_S)
    won = [caller for caller in callers if caller.exception() is None]
    assert len(won) == 10
    assert {reason(caller) for caller in callers if caller not in won} == {Reason.BUDGET_EXHAUSTED}
    assert len(house.journal.named("intent")) == 10


async def test_joins_pay_no_budget_and_are_no_loop(open_house: OpenHouse) -> None:
    house = open_house(budgets=[Budget(scope="agent", window="day", limit=2)], loops=Loops(in_a_row=2))
    callers = await crowd(house, 10)
    await house.ledger.settle(callers[0].result(), answer("c0"), closing("c0"))
    await asyncio.wait_for(asyncio.gather(*callers), BOUND_S)
    await house.done("c11", call(order=8))
