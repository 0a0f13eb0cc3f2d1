"""The second half of the road: a permitted call is claimed, approved where policy asks, carried, cleaned and settled.

Lives only here: the order of the rooms behind policy, for reads (`read`) and for everything that leaves traces (`once`).
Must not know who may call what, bytes, SQL or how any room works; it sees them through `ports`. Called by the pipeline,
which seals the record of whatever is refused in here.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from typing import assert_never

from gateway import ports
from gateway.conclusion import Conclusion, conclude
from gateway.leg import Caller, Leg, allowed_s, outbound, sealed
from gateway.looks import SecondLooks
from gateway.model.admission import Admission, Passed, Replay, Ticket
from gateway.model.call import Reply, ReplyError
from gateway.model.claim import Doubted, Kept, NotDone
from gateway.model.decision import Decision, Verdict
from gateway.model.outbound import Outbound
from gateway.model.outcome import INPUT_REQUIRED, AuditOutcome, Carried, Looped, Lost, Unsent
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.work import Entry
from gateway.replies import NS, found_reply, hinted, kept_reply


class Crossing:
    """Carries calls to their upstream and back."""

    def __init__(
        self,
        ledger: ports.Ledger,
        approvals: ports.Approvals,
        looks: SecondLooks,
        sanitize: ports.Sanitizer,
        clock: ports.Clock,
    ) -> None:
        self._ledger = ledger
        self._looks = looks
        self._approvals = approvals
        self._sanitize = sanitize
        self._clock = clock

    async def read(self, leg: Leg) -> tuple[Conclusion, str | None]:
        """Carries a declared read; its conclusion is no refusal. With it a loop hint, or None. Raises Refused."""
        record, call = leg.record, leg.call
        admitted = await self._ledger.admit(
            leg.principal,
            call,
            leg.asked,
            record.call_id,
            intent=_nothing_departs,
            waits=_holds_nothing,
            deadline=leg.deadline,
        )
        assert isinstance(admitted, Passed)
        _note_loop(record, admitted.looped)
        record.lap("ledger")
        agent, sent = leg.principal.agent, False
        concluded: Conclusion | None = None
        try:
            with (
                self._ledger.reading(leg.principal, call.tool),
                leg.upstream.try_permit(agent) or await leg.upstream.permit(leg.deadline, agent),
            ):
                record.lap("permit")
                sent = True
                carried = await leg.upstream.send(outbound(leg), leg.deadline)
                sent = not isinstance(carried, Unsent)
            record.lap("upstream")
            concluded = conclude(carried, call, record.call_id, self._sanitize)
            record.lap("sanitize")
            record.note(**{name: fact for name, fact in concluded.facts.items() if name == "accepted"})
        except Refused as stopped:
            if sent:  # it was stopped on its way
                raise Refused.of(stopped.refusal.unsure()) from None
            raise
        finally:
            if sent:
                bill = self._ledger.answered(admitted, concluded.brought if concluded is not None else None)
                record.note(cost=bill.cost.noted)
            else:
                self._ledger.returned(admitted)
        if isinstance(concluded.ends, Refusal):
            raise Refused.of(concluded.ends)
        return concluded.warned(bill.warnings), admitted.hint

    async def once(self, leg: Leg, caller: Caller) -> Reply | ReplyError:
        """Carries a call that leaves traces, at most once; its record is sealed unless it is refused. Raises Refused."""
        record, call = leg.record, leg.call
        with ExitStack() as slot:

            def departs_at_once() -> Entry | None:
                """Asked at the moment of claiming, so that waiting for a twin holds no slot."""
                caller.must_be_here()
                permit = None if leg.decision.verdict is Verdict.ASK else leg.upstream.try_permit(leg.principal.agent)
                if permit is None:
                    return None
                caller.watch(slot.enter_context(permit))
                record.lap("permit")
                caller.departing = True
                return record.intent()

            admitted = await self._admitted(leg, caller, slot, departs_at_once)
            record.lap("ledger")
            match admitted:
                case Ticket():
                    _note_loop(record, admitted.looped)
                    with _after_an_earlier_send(admitted):
                        ticket = await self._departed(leg, admitted, caller, slot)
                case Replay():
                    return await self._replayed(leg, admitted)
                case Passed():
                    raise AssertionError("a call that leaves traces was let past the ledger")
                case _:
                    assert_never(admitted)
            sent = outbound(leg, ticket.key, self._ledger.check, again=ticket.resends)
            carried = await _carried(leg, sent, self._send_by(leg), caller)
        if ticket.resends and isinstance(carried, Unsent):
            carried = Lost(f"{carried.why}, and an earlier send is in doubt")
        record.lap("upstream")
        concluded = conclude(carried, call, record.call_id, self._sanitize)
        record.lap("sanitize")
        ending = concluded.ending(carried, record.call_id, self._clock.now())
        close = partial(record.close, concluded.outcome, **concluded.facts)
        concluded = concluded.warned(await self._ledger.settle(ticket, ending, close, concluded.brought))
        ends = await self._looked_again(leg, ticket, concluded)
        return hinted(ends, ticket.hint, delivered=lambda: self._ledger.delivered(ticket))

    async def _admitted(
        self, leg: Leg, caller: Caller, slot: ExitStack, departs_at_once: Callable[[], Entry | None]
    ) -> Admission:
        """Claims, or finds what an earlier call left. Where that is a doubt and the tool has a probe, it looks first."""

        async def admitted() -> Admission:
            return await self._ledger.admit(
                leg.principal,
                leg.call,
                leg.asked,
                leg.record.call_id,
                intent=departs_at_once,
                waits=slot.close,
                deadline=leg.deadline,
            )

        try:
            return await admitted()
        except Refused as refused:
            doubt = refused.refusal.original
            if doubt is None or leg.call.tool.terms.in_doubt != "probe":
                raise
            slot.close()
            caller.departing = False
            if not await self._looks.reconsidered(doubt):
                raise
        return await admitted()

    async def _looked_again(self, leg: Leg, ticket: Ticket, concluded: Conclusion) -> Reply | ReplyError:
        """What a probe adds once the ending is durable, so that nothing is lost if this process dies. Raises Refused."""
        terms, key = leg.call.tool.terms, ticket.key
        if concluded.outcome is AuditOutcome.IN_DOUBT and terms.in_doubt == "probe":
            return await self._found(leg, ticket, concluded)
        if concluded.good and terms.verify:
            left_s = leg.deadline - self._clock.monotonic()
            verified = await self._looks.verified(leg.principal, leg.call, key, leg.record.call_id, left_s)
            concluded = concluded.warned({f"{NS}/verified": verified})
        if isinstance(concluded.ends, Refusal):
            raise Refused.of(concluded.ends)
        return concluded.ends

    async def _found(self, leg: Leg, ticket: Ticket, concluded: Conclusion) -> Reply:
        """What a probe finds of this call, whose answer was lost. Raises Refused."""
        claim, tool, now = ticket.claim, leg.call.tool, self._clock.now()
        doubted = Doubted(
            claim.record, ticket.token, leg.record.call_id, claim.fingerprint, now, claim.about, ticket.origin
        )
        match await self._looks.resolved(doubted, left=True):
            case Kept() as kept:
                return found_reply(kept, leg.call, leg.record.call_id)
            case NotDone():
                detail = f"{tool.id} was sent and gave no usable answer; its probe shows that it was not carried out."
                remedy = "Make the same call again, unchanged."
                raise Refused(Reason.UPSTREAM_TIMEOUT, detail, executed="no", remedy=remedy)
            case None:
                assert isinstance(concluded.ends, Refusal)
                raise Refused.of(concluded.ends)
            case never:
                assert_never(never)

    async def _departed(self, leg: Leg, ticket: Ticket, caller: Caller, slot: ExitStack) -> Ticket:
        """Sees to it that `sent` and the intent are durable; most calls departed in the step that claimed."""
        leg.record.note(key={"source": ticket.source, "record": ticket.claim.record.hex(), "state": "claimed"})
        if ticket.departed:
            return ticket
        approval = None
        try:
            if leg.decision.verdict is Verdict.ASK or ticket.asks is not None:
                approval = await self._approved(leg, ticket, caller)
            permit = await leg.upstream.permit(self._send_by(leg), leg.principal.agent)
            caller.watch(slot.enter_context(permit))
            leg.record.lap("permit")
            caller.must_be_here()
        except Exception as error:
            pending = isinstance(error, Refused) and error.refusal.reason is Reason.APPROVAL_PENDING
            await self._ledger.release(ticket, will_return=pending)
            raise
        caller.departing = True
        departed = await self._ledger.depart(ticket, leg.record.intent(), approval)
        leg.record.lap("ledger")
        return departed

    async def _approved(self, leg: Leg, ticket: Ticket, caller: Caller) -> str:
        """A person's yes to exactly this call; it is used up by departing. Raises Refused."""

        def still() -> None:
            caller.must_be_here()
            self._ledger.check(leg.principal, leg.call.tool)

        trace = leg.asked.trace.traceparent
        approval = await self._approvals.granted(ticket, _asks(leg.decision, ticket), trace, leg.hold_until, still)
        leg.record.note(approval=approval)
        leg.record.lap("approval")
        return approval

    def _send_by(self, leg: Leg) -> float:
        """Monotonic seconds: a person's time is not the tool's."""
        if leg.decision.verdict is not Verdict.ASK:
            return leg.deadline
        return min(leg.deadline, self._clock.monotonic() + allowed_s(leg.call, leg.asked))

    async def _replayed(self, leg: Leg, replay: Replay) -> Reply | ReplyError:
        leg.record.note(
            key={
                "source": replay.source,
                "record": replay.claim.record.hex(),
                "state": "joined" if replay.joined else "replayed",
                "original": replay.kept.call_id,
            },
            result={"sha256": replay.kept.sha256, "bytes": replay.kept.size, "is_error": replay.kept.is_error},
        )
        reply = kept_reply(replay, leg.call, leg.record.call_id)
        asks = isinstance(reply, Reply) and reply.result.get("resultType") == INPUT_REQUIRED
        await sealed(leg.record, AuditOutcome.REPLAYED, executed="no" if asks else "yes")
        return hinted(reply, None, delivered=lambda: self._ledger.delivered(replay))


async def _carried(leg: Leg, sent: Outbound, deadline: float, caller: Caller) -> Carried:
    """Carries a call to its end; where the operator wants it so, only as long as its caller waits.

    A call that was cancelled upstream may have been carried out before that was heard, so nobody knows.
    """
    if leg.call.tool.terms.on_disconnect == "detach":
        return await leg.upstream.send(sent, deadline)
    if not caller.here:
        return Unsent("its caller went away before it was sent")
    try:
        async with asyncio.timeout(None) as patience:

            def cut_off() -> None:
                with suppress(RuntimeError):  # the answer is here already
                    patience.reschedule(asyncio.get_running_loop().time())

            caller.watch(cut_off)
            return await leg.upstream.send(sent, deadline)
    except TimeoutError:
        return Lost("its caller went away and it was cancelled")


@contextmanager
def _after_an_earlier_send(ticket: Ticket) -> Iterator[None]:
    """Not this time, but perhaps before: who goes on with a doubt is never told `no`."""
    try:
        yield
    except Refused as refused:
        if not ticket.resends:
            raise
        raise Refused.of(refused.refusal.unsure()) from None


def _asks(decision: Decision, ticket: Ticket) -> Decision:
    """Policy's decision; where a loop is why a person is asked, they are told which, and what repeats."""
    if ticket.asks is None or ticket.looped is None:
        return decision
    return replace(decision, rules=(*decision.rules, f"loop:{ticket.looped.rule} ({ticket.asks})"))


def _note_loop(record: ports.Record, looped: Looped | None) -> None:
    if looped is not None:
        record.note(loop=asdict(looped))


def _nothing_departs() -> None:
    """A read has no intent."""


def _holds_nothing() -> None:
    """A read waits for no twin."""
