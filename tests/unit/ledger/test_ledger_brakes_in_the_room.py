"""What the room charges and gives back: budgets and the loop brake around claims."""

from typing import Any

from ledger_kit import ALICE, OpenHouse, answer, call, closing, entry, refused, replayed, tool

from gateway.config.schema import Budget, Loops
from gateway.model.admission import Passed
from gateway.model.call import Asked
from gateway.model.claim import InDoubt, NotDone
from gateway.model.outcome import Looped
from gateway.model.refusal import Reason
from gateway.model.terms import Price, Terms
from gateway.model.tool import Effect
from gateway.model.work import Entry

BUDGET = [Budget(scope="agent", window="day", limit=2)]


async def test_a_retry_pays_no_budget_and_is_served_even_when_it_is_spent(open_house: OpenHouse) -> None:
    house = open_house(budgets=BUDGET)
    await house.done("c1", call(order=1), key="k")
    for retry in range(5):
        await replayed(house, f"r{retry}", call(order=1), key="k")
    await house.done("c2", call(order=2))
    assert (await refused(house, "c3", call(order=3))).refusal.reason is Reason.BUDGET_EXHAUSTED
    assert (await replayed(house, "c4", call(order=1), key="k")).kept == answer("c1").kept
    assert house.journal.named("intent") == ["c1", "c2"]


async def test_who_was_refused_for_budget_has_given_its_claim_back(open_house: OpenHouse) -> None:
    house = open_house(budgets=[Budget(scope="agent", window="minute", limit=1)])
    house.clock.advance(58)
    await house.done("c1", call(order=1))
    await refused(house, "c2", call(order=2))
    house.clock.advance(2)  # a new window, and well within the lease of c2
    await house.won("c3", call(order=2))


async def test_a_call_that_did_not_happen_gets_its_budget_back_once(open_house: OpenHouse) -> None:
    house = open_house(budgets=BUDGET)
    ticket = await house.won("c1", call(order=1), departs=False)
    await house.ledger.release(ticket)
    await house.ledger.release(ticket)
    await house.ledger.settle(await house.won("c2", call(order=2)), NotDone(), closing("c2"))
    await house.done("c3", call(order=3))
    await house.ledger.settle(await house.won("c4", call(order=4)), InDoubt(), closing("c4"))
    assert (await refused(house, "c5", call(order=5))).refusal.reason is Reason.BUDGET_EXHAUSTED


async def test_a_read_pays_and_gets_back_what_was_not_sent(open_house: OpenHouse) -> None:
    house = open_house(budgets=BUDGET)
    read = call(tool(Effect.READ))
    for number in range(4):
        passed = await house.admit(f"c{number}", read)
        assert isinstance(passed, Passed)
        house.ledger.returned(passed)
    await house.admit("c5", read)
    await house.admit("c6", read)
    assert (await refused(house, "c7", read)).refusal.reason is Reason.BUDGET_EXHAUSTED


async def test_a_read_of_the_last_window_gives_the_new_one_nothing(open_house: OpenHouse) -> None:
    house = open_house(budgets=[Budget(scope="agent", window="minute", limit=1)])
    read = call(tool(Effect.READ))
    house.clock.advance(59)
    passed = await house.admit("c1", read)
    house.clock.advance(2)
    await house.admit("c2", read)
    assert isinstance(passed, Passed)
    house.ledger.returned(passed)
    assert (await refused(house, "c3", read)).refusal.reason is Reason.BUDGET_EXHAUSTED


LOOPS = Loops()


async def test_replays_under_an_explicit_key_are_no_loop(open_house: OpenHouse) -> None:
    house = open_house(loops=LOOPS)
    await house.done("c1", call(), key="k")
    for retry in range(10):
        await replayed(house, f"r{retry}", call(), key="k")
    await house.won("c2", call(), key="other")


async def test_derived_replays_are_served_and_counted(open_house: OpenHouse) -> None:
    house = open_house(loops=LOOPS)
    await house.done("c1", call())
    for retry in range(5):
        await replayed(house, f"r{retry}", call())
    await house.done("c2", call(occurrence=2))  # as a replay says how to do it again on purpose
    assert (await refused(house, "c3", call(), key="another")).refusal.reason is Reason.LOOP_DETECTED
    assert (await refused(house, "c4", call(occurrence=3))).refusal.reason is Reason.LOOP_DETECTED
    assert house.journal.named("intent") == ["c1", "c2"]


async def test_a_tool_of_unset_effect_is_only_hinted_at(open_house: OpenHouse) -> None:
    house = open_house(loops=LOOPS)
    unset = tool(Effect.UNSET)
    tickets = [await house.done(f"c{n}", call(unset), key=f"k{n}") for n in (1, 2, 3)]
    assert [ticket.hint is not None for ticket in tickets] == [False, False, True]


async def test_refusals_of_earlier_rooms_are_told_when_they_repeat(open_house: OpenHouse) -> None:
    asked = Asked("helpdesk_refund", {"order": 7}, "modern", "2026-07-28")
    house = open_house(loops=LOOPS)
    told = [house.ledger.denied(ALICE, asked) for _ in range(3)]
    assert [one is not None for one in told] == [False, False, True]
    assert (await house.won("c1", call())).looped is None
    assert open_house().ledger.denied(ALICE, asked) is None


async def test_a_replay_moves_nobody_up_the_ladder_and_who_was_refused_may_still_read_the_answer(
    open_house: OpenHouse,
) -> None:
    house = open_house(loops=LOOPS)
    await house.done("c1", call())
    for retry in range(20):
        await replayed(house, f"r{retry}", call())
    told = (await refused(house, "c2", call(), key="another")).refusal
    assert told.looped == Looped("R1", "refuse")
    await replayed(house, "r21", call())
    assert house.paused == []


async def test_what_was_proven_unsent_is_retried_and_only_hinted_at(open_house: OpenHouse) -> None:
    house = open_house(loops=LOOPS)
    for number in range(2):
        await house.ledger.release(await house.won(f"c{number}", call(), departs=False))
    assert (await house.won("c2", call(), departs=False)).looped == Looped("R1", "hint")
    read = call(tool(Effect.READ))
    for number in range(3):
        passed = await house.admit(f"r{number}", read)
        assert isinstance(passed, Passed)
        house.ledger.returned(passed)
    for number in range(3, 6):
        passed = await house.admit(f"r{number}", read)
        assert isinstance(passed, Passed)
    assert passed.looped == Looped("R5", "hint") or passed.looped == Looped("R1", "hint")


async def test_a_loop_climbs_to_a_person_whose_yes_it_departs_under_and_then_to_a_pause(open_house: OpenHouse) -> None:
    house = open_house(loops=LOOPS)
    again = call()
    for number in range(2):
        await house.done(f"c{number}", again, key=f"c{number}")
    rungs = []
    for number in range(3):
        refusal = (await refused(house, f"r{number}", again, key=f"r{number}")).refusal
        rungs.append(refusal.looped.rung if refusal.looped is not None else None)
    assert rungs == ["refuse"] * 3
    for _ in range(4):  # nobody has answered: asking again is no step
        ticket = await house.won("a", again, key="a")
        assert ticket.asks is not None
        assert not ticket.departed
        await house.ledger.release(ticket, will_return=True)
        other = (await refused(house, "b", again, key="b")).refusal  # which would be one question more
        assert (other.looped, house.paused) == (Looped("R1", "refuse"), [])
        assert "under another key" in other.detail
    ticket = await house.won("a", again, key="a")
    await house.ledger.settle(ticket, answer("a"), closing("a"))
    last = (await refused(house, "p", again, key="p")).refusal
    assert last.looped == Looped("R1", "pause")
    [(who, why)] = house.paused
    assert who == ALICE
    assert "helpdesk/refund was called" in why


async def test_a_budget_without_room_for_a_second_send_says_nothing_of_the_first(open_house: OpenHouse) -> None:
    house = open_house(budgets=[Budget(scope="agent", window="day", limit=1)])
    resent = call(tool(Effect.IDEMPOTENT))
    first = await house.won("call-1", resent)
    await house.ledger.settle(first, InDoubt(), closing("call-1"))

    told = (await refused(house, "call-2", resent)).refusal

    assert (told.reason, told.executed) == (Reason.BUDGET_EXHAUSTED, "unknown")


async def test_whoever_is_shown_the_end_of_a_call_that_left_traces_sees_what_it_cost(open_house: OpenHouse) -> None:
    house, seen = open_house(), []
    refund = call(tool(terms=Terms(price=Price(fixed=250_000))))

    def close(**facts: Any) -> Entry:
        seen.append(facts.get("cost", {}).get("money"))
        return entry("terminal", "c")

    for number, ending in enumerate((answer("c"), InDoubt(), NotDone())):
        ticket = await house.won(f"c{number}", refund, key=f"c{number}")
        await house.ledger.settle(ticket, ending, close)
    assert seen == [250_000, 250_000, None]
