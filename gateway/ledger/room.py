"""Once, and within limits: the ledger room (house §1 steps 5, 8 and 10; ledger §1).

Lives only here: the order stop → twin in flight → brakes → claim, and what each answer of the store means for the
caller. A retry is found before anything is charged for good, so it pays no budget and is no loop. Must not know SQL,
transports or cleaning; it sees the store through its port and keeps only what is on its way in memory. Called by the
pipeline, which runs calls that leave traces in tasks of their own: a caller that goes away cancels nothing in here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, assert_never

from gateway.ledger.answers import fails_closed, in_flight, reused, served
from gateway.ledger.brakes import Brakes
from gateway.ledger.budgets import Budgets
from gateway.ledger.flights import Flight, Flights
from gateway.ledger.key import RecordKeys, derived_key, fingerprint
from gateway.ledger.loops import Loops
from gateway.ledger.settlement import Settlement, fade
from gateway.ledger.stops import Stops
from gateway.model.admission import Admission, Passed, Replay, Ticket
from gateway.model.call import Asked
from gateway.model.claim import Claim, Ending, Found, KeySource, Mismatch, NotDone, State, Won
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.tool import Effect, ResolvedCall
from gateway.model.work import Entry
from gateway.ports import ClaimStore, Clock, Reached
from gateway.tasks import Tasks

LONGEST_WAIT_S: Final = 25.0
"""For a twin; shorter than the shortest client time-out seen (60 s), twice over."""
LEASE_MARGIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A call that wants to be the one that executes."""

    principal: Principal
    call: ResolvedCall
    source: KeySource
    claim: Claim


class OnceLedger:
    """Implements `ports.Ledger`."""

    def __init__(
        self,
        store: ClaimStore,
        stops: Stops,
        budgets: Budgets,
        loops: Loops | None,
        clock: Clock,
        secret: bytes,
        owner: str,
        reached: Reached,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._stops = stops
        self._brakes = Brakes(budgets, loops, clock)
        self._flights = Flights()
        self._clock = clock
        self._keys = RecordKeys(secret)
        self._owner = owner
        self._reached = reached
        self._tasks = tasks

    async def admit(
        self,
        principal: Principal,
        call: ResolvedCall,
        asked: Asked,
        call_id: str,
        *,
        intent: Callable[[], Entry | None],
        deadline: float,
    ) -> Admission:
        """Lets a read pass its brakes; claims for every other call, or serves what an earlier one left."""
        self._stops.check(principal, call.tool)
        await self._learn(principal)
        if not call.tool.effect.leaves_traces:
            toll = self._brakes.charge(principal, call)
            if toll.refused is not None:
                raise Refused.of(toll.refused)
            return Passed(toll.hint)
        attempt = self._attempt(principal, call, asked, call_id, deadline)
        wait_until = min(deadline, self._clock.monotonic() + LONGEST_WAIT_S)
        while (flight := self._flights.aloft(attempt.claim, self._clock.monotonic())) is not None:
            found = await self._twin(flight, attempt, wait_until)
            if found is not None:
                return served(found, attempt.claim, call.tool, attempt.source, joined=flight.token is not None)
            await self._learn(principal)
        return await self._claim(attempt, intent)

    async def depart(self, ticket: Ticket, intent: Entry) -> Ticket:
        """Makes `sent` and the intent durable; whoever is refused here has given its claim back."""
        try:
            with fails_closed():
                self._stops.check(ticket.principal, ticket.call.tool)
                if not await self._store.depart(ticket.claim, ticket.token, intent):
                    raise in_flight(f"Another call took {ticket.call.tool.id} over while this one waited.")
        except Refused:
            await self.release(ticket)
            raise
        self._reached("ledger.departed")
        return replace(ticket, departed=True)

    async def settle(self, ticket: Ticket, ending: Ending, terminal: Entry) -> None:
        """Stores the ending; goes on in the background when the store cannot be written."""
        self._reached("ledger.settling")
        await self._settle(ticket, ending, terminal)
        self._reached("ledger.settled")

    async def release(self, ticket: Ticket) -> None:
        """Gives an unsent claim back; doing so twice does no harm."""
        await self._settle(ticket, NotDone(), None)

    def unspend(self, principal: Principal, call: ResolvedCall) -> None:
        """Returns the budget of a read that was proven unsent."""
        self._brakes.unspend(principal, call)

    def delivered(self, served: Ticket | Replay) -> None:
        """Begins the window that follows delivery."""
        match served:
            case Ticket():
                flight = self._flights.of(served.claim, served.token)
                if flight is not None:
                    flight.delivered = True
                else:
                    fade(self._store, served)
            case Replay():
                if served.fades_s is not None:
                    self._store.delivered(served.claim, served.token, served.fades_s)
            case _:
                assert_never(served)

    def note_refused(self, principal: Principal | None, name: str) -> None:
        """Counts a denial or an unknown tool of a proven caller."""
        if principal is not None:
            self._brakes.note_refused(principal, name)

    async def _learn(self, principal: Principal) -> None:
        """What the budgets must know before `charge`. Raises Refused: store-unavailable."""
        with fails_closed():
            await self._brakes.learn(principal)

    def _attempt(
        self, principal: Principal, call: ResolvedCall, asked: Asked, call_id: str, deadline: float
    ) -> _Attempt:
        print_ = fingerprint(call)
        source: KeySource
        if asked.key is not None:
            source = asked.key_source or "header"
            record = self._keys.record(principal, "x", asked.key)
        else:
            source = "derived"
            alone = call_id if call.tool.derived == "off" else None  # claimed all the same: a crash must leave a doubt
            record = self._keys.record(principal, "d", derived_key(print_, call.occurrence, alone))
        lease_s = max(0.0, deadline - self._clock.monotonic()) + LEASE_MARGIN_S
        # Repeating an idempotent call is harmless by the operator's own word, so its doubt holds nobody up (ledger §1.7).
        resend = call.tool.effect is Effect.IDEMPOTENT
        return _Attempt(
            principal, call, source, Claim(record, print_, call_id, self._owner, lease_s, resend_doubt=resend)
        )

    async def _twin(self, flight: Flight, attempt: _Attempt, until: float) -> Found | None:
        """Waits for a twin to land; a stop that touches this caller ends the wait at once."""
        tool = attempt.call.tool
        with self._flights.seat(flight) as seated:
            if not seated:
                raise in_flight(f"Too many calls wait for the same call of {tool.id} already.")
            while not flight.landed.done():
                left_s = until - self._clock.monotonic()
                done, _ = await asyncio.wait(
                    (flight.landed, self._stops.changed), timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
                )
                self._stops.check(attempt.principal, tool)
                if not done:
                    raise in_flight(f"Call {flight.claim.call_id} of {tool.id} with the same key still runs.")
        return flight.landed.result()

    async def _claim(self, attempt: _Attempt, intent: Callable[[], Entry | None]) -> Ticket | Replay:
        """Asks the store. No await stands between the look at the flights and `begin`: two twins cannot both get here."""
        principal, call, claim = attempt.principal, attempt.call, attempt.claim
        # Charged before the durable step, so that a budget cannot be overspent while it runs; taken back unless won.
        # Who is refused here claims without departing all the same: a retry must be served even so.
        toll = self._brakes.charge(principal, call, claim.fingerprint)
        flight = self._flights.begin(claim, toll, wall=self._clock.now(), now=self._clock.monotonic())
        try:
            with fails_closed():
                entry = None if toll.refused is not None else _named(intent(), attempt)
                self._stops.check(principal, call.tool)
                self._reached("ledger.claiming")
                answer = await self._store.claim(claim, entry)
        except BaseException:
            self._brakes.refund(principal, toll, counts=True)
            self._flights.land(flight, None)
            raise
        match answer:
            case Won():
                return await self._won(attempt, flight, answer)
            case Found():
                derived_replay = answer.state is State.DONE and attempt.source == "derived"
                self._brakes.refund(principal, toll, counts=derived_replay)
                self._flights.land(flight, answer if answer.state in {State.DONE, State.DOUBT} else None)
                return served(answer, attempt.claim, call.tool, attempt.source, joined=False)
            case Mismatch():
                self._brakes.refund(principal, toll, counts=True)
                self._flights.land(flight, None)
                raise reused(call.tool)
            case _:
                assert_never(answer)

    async def _won(self, attempt: _Attempt, flight: Flight, won: Won) -> Ticket:
        flight.token = won.token
        ticket = Ticket(
            attempt.claim,
            won.token,
            won.departed,
            attempt.source,
            attempt.call,
            attempt.principal,
            flight.toll.hint,
        )
        if flight.toll.refused is not None:
            await self.release(ticket)
            raise Refused.of(flight.toll.refused)
        self._reached("ledger.departed" if won.departed else "ledger.claimed")
        return ticket

    async def _settle(self, ticket: Ticket, ending: Ending, terminal: Entry | None) -> None:
        flight = self._flights.of(ticket.claim, ticket.token)
        if flight is not None and isinstance(ending, NotDone):
            self._brakes.refund(ticket.principal, flight.toll, counts=True)
            flight.toll = replace(flight.toll, paid_at=None)  # once, however often it is released
        settlement = Settlement(self._store, self._flights, flight, ticket, ending, terminal)
        if not await settlement.write():
            self._tasks.start(settlement.insist(), "ledger-settle")


def _named(intent: Entry | None, attempt: _Attempt) -> Entry | None:
    """The intent with the record it stands for, by which recovery finds out whether the call was sent."""
    if intent is None:
        return None
    key = {"source": attempt.source, "record": attempt.claim.record.hex(), "state": "claimed"}
    return lambda: {**intent(), "key": key}
