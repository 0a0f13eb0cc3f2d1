"""A twin in another process is waited for through the store; nobody holds a slot while it waits."""

import asyncio

import pytest
from ledger_kit import ALICE, House, call, entry

from gateway.ledger.flights import Flights
from gateway.model.admission import Replay, Ticket
from gateway.model.call import Asked
from gateway.model.claim import Claim, ClaimAnswer, Ending, Found, Kept, NotDone, Overspent, State, Won
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.spend import Counter, Spend
from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable

KEPT = Kept("result", b"{}", "a" * 64, 2, is_error=False, call_id="theirs", at=1.0)
SENT = Found(State.SENT, None, "theirs")


class Scripted:
    """A store that several processes share, of which we see only the answers."""

    def __init__(self, *answers: ClaimAnswer) -> None:
        self.answers: list[ClaimAnswer] = list(answers)
        self.intents: list[bool] = []
        self.waited: list[float] = []
        self.ended: list[Ending] = []

    async def claim(self, claim: Claim, intent: object) -> ClaimAnswer:
        self.intents.append(intent is not None)
        return self.answers.pop(0)

    async def changed(self, claim: Claim, within_s: float) -> bool:
        self.waited.append(within_s)
        return True

    async def finish(self, claim: Claim, token: int, ending: Ending, terminal: object) -> bool:
        self.ended.append(ending)
        return True


class Endless(Scripted):
    """Nothing changes before a caller's patience ends."""

    def __init__(self, house: House, *answers: ClaimAnswer) -> None:
        super().__init__(*answers)
        self._clock = house.clock

    async def changed(self, claim: Claim, within_s: float) -> bool:
        self._clock.advance(within_s)
        return True


async def admitted(
    house: House, store: Scripted, given: list[str] | None = None, awaits: str | None = None
) -> Ticket | Replay:
    house.ledger._store = house.ledger._waiting._store = store
    gave: list[str] = [] if given is None else given
    asked = Asked("helpdesk_refund", {}, "modern", "2026-07-28", "key", "header", awaits=awaits)
    found = await asyncio.wait_for(
        house.ledger.admit(
            ALICE,
            call(),
            asked,
            "ours",
            intent=lambda: entry("intent", "ours"),
            waits=lambda: gave.append("slot"),
            deadline=house.clock.monotonic() + 10,
        ),
        5,
    )
    assert isinstance(found, Ticket | Replay)
    return found


async def test_the_answer_of_a_twin_elsewhere_is_replayed(house: House) -> None:
    store = Scripted(SENT, SENT, Found(State.DONE, KEPT, "theirs"))
    gave: list[str] = []
    found = await admitted(house, store, gave)
    assert isinstance(found, Replay)
    assert found.kept == KEPT
    assert store.intents == [True, False, False]
    assert gave == ["slot", "slot"]


async def test_who_wins_after_waiting_goes_on_with_what_was_not_sent_and_departs_in_a_step_of_its_own(
    house: House,
) -> None:
    store = Scripted(SENT, Won(7, departed=False, origin="theirs"))
    found = await admitted(house, store)
    assert isinstance(found, Ticket)
    assert (found.departed, store.intents) == (False, [True, False])


async def refused(house: House, store: Scripted, awaits: str | None = None) -> Refusal:
    with pytest.raises(Refused) as caught:
        await admitted(house, store, awaits=awaits)
    assert not house.ledger._flights._aloft
    return caught.value.refusal


async def awaited(house: House) -> str:
    """The record for which a caller waits in vain."""
    told = await refused(house, Endless(house, SENT, SENT))
    assert told.awaited is not None
    return told.awaited


async def test_who_wins_after_waiting_where_the_first_call_left_nothing_gives_back_and_sends_nothing(
    house: House,
) -> None:
    store = Scripted(SENT, Won(7, departed=False, origin="ours"))
    told = await refused(house, store)
    assert (told.reason, told.row.executed, told.awaited) == (Reason.KEY_IN_FLIGHT, "unknown", None)
    assert store.ended == [NotDone()]


async def test_whoever_comes_back_to_wait_claims_without_departing(house: House) -> None:
    record = await awaited(house)
    again = Scripted(Won(7, departed=False, origin="ours"))
    told = await refused(house, again, awaits=record)
    assert (told.reason, again.intents, again.ended) == (Reason.KEY_IN_FLIGHT, [False], [NotDone()])
    answered = Scripted(Found(State.DONE, KEPT, "theirs"))
    assert isinstance(await admitted(house, answered, awaits=record), Replay)
    unsent = Scripted(Won(7, departed=False, origin="theirs"))
    assert isinstance(await admitted(house, unsent, awaits=record), Ticket)


async def test_whoever_comes_back_under_another_key_asks_no_store(house: House) -> None:
    store = Scripted()
    told = await refused(house, store, awaits="ab" * 32)
    assert (told.reason, store.intents) == (Reason.KEY_IN_FLIGHT, [])


async def test_local_twins_wait_with_the_one_that_asks_and_not_one_by_one(house: House) -> None:
    release = asyncio.Event()

    class Slow(Scripted):
        async def changed(self, claim: Claim, within_s: float) -> bool:
            await release.wait()
            return True

    store = Slow(SENT, Found(State.DONE, KEPT, "theirs"))
    first = asyncio.ensure_future(admitted(house, store))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(admitted(house, store))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(store.intents) == 1
    release.set()
    assert [type(one) for one in await asyncio.gather(first, second)] == [Replay, Replay]
    assert len(store.intents) == 2


async def test_the_wait_ends_with_the_callers_patience(house: House) -> None:
    assert (await refused(house, Endless(house, SENT, SENT))).reason is Reason.KEY_IN_FLIGHT


async def test_a_store_that_goes_away_meanwhile_says_nothing_of_the_call_that_is_under_way(house: House) -> None:
    class Vanishing(Scripted):
        async def claim(self, claim: Claim, intent: object) -> ClaimAnswer:
            if not self.answers:
                raise StoreUnavailable("away")
            return await super().claim(claim, intent)

    with pytest.raises(Refused) as caught:
        await admitted(house, Vanishing(SENT))
    told = caught.value.refusal
    assert (told.reason, told.row.executed, told.row.retry) == (Reason.KEY_IN_FLIGHT, "unknown", "same_key")
    flights: Flights = house.ledger._flights
    assert not flights._aloft


async def test_a_stop_ends_the_wait(house: House) -> None:
    class Stopping(Scripted):
        async def changed(self, claim: Claim, within_s: float) -> bool:
            await house.stops.stop(Stop("all", "", "fire drill", "ops", 0.0))
            return True

    with pytest.raises(Refused) as caught:
        await admitted(house, Stopping(SENT, SENT))
    assert caught.value.refusal.reason is Reason.STOPPED


async def test_a_budget_that_others_spent_refuses_and_leaves_no_flight(house: House) -> None:
    spend = Spend(Counter("default", "agent", (("agent", "support-bot"),), "calls", "day"), 10)
    with pytest.raises(Refused) as caught:
        await admitted(house, Scripted(Overspent(spend, house.clock.now() + 60)))
    refusal = caught.value.refusal
    assert (refusal.reason, refusal.retry_after_ms) == (Reason.BUDGET_EXHAUSTED, 60_000)
    assert "agent support-bot, 10 calls per day" in refusal.detail
    flights: Flights = house.ledger._flights
    assert not flights._aloft
