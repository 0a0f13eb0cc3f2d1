"""Once, and within limits: the ledger room (house §1 steps 5, 8 and 10; ledger §1).

Lives only here: the order stop → twin in flight → brakes → claim, and what each answer of the store means for the
caller. A retry is found before anything is charged for good, so it pays no budget and is no loop. Must not know SQL,
transports or cleaning; it sees the store through its port and keeps only what is on its way in memory. Called by the
pipeline, which runs calls that leave traces in tasks of their own: a caller that goes away cancels nothing in here.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, assert_never

from gateway.config.idempotency import Idempotency
from gateway.homes import ClaimStore
from gateway.ledger.allowances import Owed
from gateway.ledger.answers import ended_meanwhile, fails_closed, in_flight, left, served, turned_away, unwritten
from gateway.ledger.attempt import Attempt, Attempts
from gateway.ledger.brakes import Brakes, Purse, Toll
from gateway.ledger.case import Case
from gateway.ledger.flights import Flight, Flights
from gateway.ledger.leases import Leases
from gateway.ledger.loops import Loops
from gateway.ledger.reads import Read, Reads
from gateway.ledger.settlement import Settlement, fade
from gateway.ledger.stops import Stops
from gateway.ledger.waiting import LONGEST_WAIT_S, Waiting, on_its_way
from gateway.ledger.windows import Keeps
from gateway.model.admission import Admission, Passed, Replay, Ticket
from gateway.model.call import Asked
from gateway.model.claim import (
    CHOSEN,
    ClaimAnswer,
    Departure,
    Done,
    Ending,
    Found,
    InDoubt,
    Mismatch,
    NotDone,
    Overspent,
    State,
    Won,
)
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.spend import Bill
from gateway.model.tool import ResolvedCall, Tool
from gateway.model.work import Entry, JournalUnavailable, StoreUnavailable
from gateway.ports import Clock, Reached
from gateway.tasks import Tasks


class OnceLedger:
    """Implements `ports.Ledger`."""

    def __init__(
        self,
        store: ClaimStore,
        stops: Stops,
        budgets: Purse,
        loops: Loops | None,
        clock: Clock,
        secret: bytes,
        owner: str,
        reached: Reached,
        tasks: Tasks,
        beside: Tasks,
        idempotency: Idempotency = Idempotency(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._stops = stops
        self._brakes = Brakes(budgets, loops)
        self._flights = Flights()
        self._waiting = Waiting(self._flights, store, stops, clock)
        self._leases = Leases(store, clock, beside)
        self._reads = Reads()
        stops.on_change = self._reads.look
        self._clock = clock
        self._attempts = Attempts(secret, owner, idempotency.scope)
        self._keeps = Keeps(idempotency.ttl.total_seconds(), idempotency.once_ttl.total_seconds())
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
        waits: Callable[[], None],
        deadline: float,
    ) -> Admission:
        """Lets a read pass its brakes; claims for every other call, or serves what an earlier one left."""
        case = Case(principal, call, asked)
        self._admits(case)
        owed = await self._learn(case)
        if not call.tool.effect.leaves_traces:
            toll = self._brakes.charge(case, owed)
            self._brakes.told(toll)
            if toll.refused is not None:
                raise Refused.of(toll.refused)
            return Passed(toll.hint, toll.looped, toll)
        attempt = self._attempts.of(case, call_id, deadline - self._clock.monotonic(), owed)
        if asked.awaits not in {None, attempt.claim.record.hex()}:
            raise ended_meanwhile(call.tool)
        wait_until = min(deadline, self._clock.monotonic() + LONGEST_WAIT_S)
        while (flight := self._flights.aloft(attempt.claim, self._clock.monotonic())) is not None:
            found = await self._waiting.here(flight, case, wait_until)
            if found is not None:
                return served(found, attempt.claim, call.tool, attempt.source, joined=flight.token is not None)
            owed = await self._learn(case)
        return await self._claim(attempt, owed, intent, waits, wait_until)

    def check(self, principal: Principal, tool: Tool) -> None:
        """Raises Refused: stopped."""
        self._stops.still(principal, tool)

    async def depart(self, ticket: Ticket, intent: Entry, approval: str | None = None) -> Ticket:
        """Makes `sent` and the intent durable; whoever is refused here has given its claim back."""
        tool = ticket.call.tool.id
        try:
            with fails_closed():
                self._stops.check(ticket.principal, ticket.call.tool)
                match await self._store.depart(ticket.claim, ticket.token, _toll(ticket).on(intent), approval):
                    case Departure.DEPARTED:
                        pass
                    case Departure.LOST:
                        raise in_flight(f"{tool} waited too long: another call took it over, or may not send it again.")
                    case Departure.UNAPPROVED:
                        raise Refused(
                            Reason.APPROVAL_EXPIRED, f"The approval of {tool} was used, expired or withdrawn."
                        )
                    case never:
                        assert_never(never)
        except Exception:
            await self.release(ticket)
            raise
        self._reached("ledger.departed")
        return replace(ticket, departed=True)

    async def settle(
        self, ticket: Ticket, ending: Ending, close: Callable[..., Entry], brought: Brought | None = None
    ) -> Mapping[str, Any]:
        """Stores the ending; goes on in the background when the store cannot be written."""
        self._reached("ledger.settling")
        bill = None
        if not isinstance(ending, NotDone):
            doubt = ticket.token if isinstance(ending, InDoubt) else None
            bill = self._brakes.settle(_toll(ticket), brought, doubt)
            ending = replace(ending, used=bill.cost) if isinstance(ending, Done) else ending
        await self._settle(ticket, ending, close() if bill is None else close(cost=bill.cost.noted))
        self._reached("ledger.settled")
        return {} if bill is None else bill.warnings

    async def release(self, ticket: Ticket, *, will_return: bool = False) -> None:
        """Gives an unsent claim back; doing so twice does no harm."""
        await self._settle(ticket, NotDone(), None, counts=not will_return)

    def reading(self, principal: Principal, tool: Tool) -> Read:
        """Around the send of a read."""
        self._stops.check(principal, tool)
        return self._reads.around(lambda: self._stops.ended(principal, tool))

    def answered(self, passed: Passed, brought: Brought | None) -> Bill:
        """Settles the budgets of a read that was sent."""
        return self._brakes.settle(_toll(passed), brought)

    def returned(self, passed: Passed) -> None:
        """Returns the budget of a read that was proven unsent."""
        self._brakes.refund(_toll(passed), counts=True, failed=True)

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

    def denied(self, principal: Principal, asked: Asked) -> str | None:
        """Counts what was turned away before it came here."""
        return self._brakes.denied(principal, asked)

    def _admits(self, case: Case) -> None:
        """Raises Refused: stopped, paused, store-unavailable. Who waits already waits on."""
        stops = self._stops.check if case.asked.awaits is None else self._stops.still
        stops(case.principal, case.call.tool)

    async def _learn(self, case: Case) -> Owed:
        """Raises Refused: invalid-arguments, budget-exhausted, store-unavailable."""
        with fails_closed():
            return await self._brakes.learn(case)

    async def _claim(
        self,
        attempt: Attempt,
        owed: Owed,
        intent: Callable[[], Entry | None],
        waits: Callable[[], None],
        until: float,
    ) -> Ticket | Replay:
        """Asks the store. No await stands between the look at the flights and `begin`: two twins cannot both get here."""
        principal, call, claim = attempt.case.principal, attempt.case.call, attempt.claim
        # Charged before the durable step, so that a budget cannot be overspent while it runs; taken back unless won.
        # Who is refused here claims without departing all the same: a retry must be served even so.
        toll = self._brakes.charge(attempt.case, owed)
        flight = self._flights.begin(claim, toll, wall=self._clock.now(), now=self._clock.monotonic())
        try:
            with fails_closed():
                waits_on = attempt.case.asked.awaits is not None
                held = toll.refused is not None or toll.asks is not None or waits_on
                entry = None if held else toll.on(attempt.named(intent()))
                self._admits(attempt.case)
                self._reached("ledger.claiming")
                answer = await self._asked(flight, entry)
                with suppress(StoreUnavailable):  # what was found stays true: that call may be under way
                    while on_its_way(answer) and await self._waiting.elsewhere(claim, until, waits):
                        waits_on = True
                        self._stops.still(principal, call.tool)
                        answer = await self._store.claim(claim, None)
        except BaseException:
            self._brakes.refund(toll, counts=True)
            self._flights.land(flight, None)
            raise
        if isinstance(answer, Won):
            return await self._won(attempt, flight, answer, goes_on=waits_on)
        return self._lost(attempt, flight, answer)

    async def _asked(self, flight: Flight, entry: Entry | None) -> ClaimAnswer:
        """The store's answer. Without a journal nothing new may depart, but a retry learns what became of its call."""
        try:
            return await self._store.claim(flight.claim, entry)
        except JournalUnavailable:
            with suppress(StoreUnavailable):
                answer = await self._store.claim(flight.claim, None)
                flight.toll = replace(flight.toll, refused=unwritten().refusal)
                return answer
            raise

    def _lost(self, attempt: Attempt, flight: Flight, answer: Found | Mismatch | Overspent) -> Replay:
        """Serves what somebody else's claim left. Raises Refused."""
        over = isinstance(answer, Found) and answer.state in {State.DONE, State.DOUBT}
        retried = isinstance(answer, Found) and (answer.state is not State.DONE or attempt.source in CHOSEN)
        self._brakes.refund(flight.toll, counts=not retried, replayed=isinstance(answer, Found))
        self._flights.land(flight, answer if isinstance(answer, Found) and over else None)
        return left(answer, attempt.claim, attempt.case.call.tool, attempt.source, self._clock.now())

    async def _won(self, attempt: Attempt, flight: Flight, won: Won, *, goes_on: bool) -> Ticket:
        """`goes_on`: after waiting, so it may only go on with what was not sent, and repeat nothing that has ended."""
        flight.token = won.token
        self._leases.keep(flight)
        self._brakes.counted(flight.toll, won.levels)
        ticket = Ticket(
            attempt.claim,
            won.token,
            won.departed,
            attempt.source,
            attempt.case.call,
            attempt.case.principal,
            flight.toll.hint,
            won.origin,
            won.resends,
            flight.toll.asks,
            flight.toll.looped,
            flight.toll,
        )
        if goes_on and won.origin == attempt.claim.call_id:
            await self.release(ticket, will_return=True)
            raise ended_meanwhile(attempt.case.call.tool)
        self._brakes.told(flight.toll)
        if flight.toll.refused is not None:
            await self.release(ticket)
            raise turned_away(flight.toll.refused, resends=won.resends)
        self._reached("ledger.departed" if won.departed else "ledger.claimed")
        return ticket

    async def _settle(self, ticket: Ticket, ending: Ending, terminal: Entry | None, *, counts: bool = True) -> None:
        flight = self._flights.of(ticket.claim, ticket.token)
        if isinstance(ending, NotDone):
            self._brakes.refund(_toll(ticket), counts=counts, failed=True)
        settlement = Settlement(self._store, self._flights, flight, ticket, ending, terminal, self._keeps)
        if not await settlement.write():
            self._tasks.start(settlement.insist(), "ledger-settle")


def _toll(admitted: Ticket | Passed) -> Toll:
    assert isinstance(admitted.toll, Toll)
    return admitted.toll
