"""The road: what happens to a call, in order, in one place.

Lives only here: the order of the rooms and what each exit means for the next. The record is opened first and sealed on
every exit. Each fact is a local variable that exists only after the room that finds it, so a wrong order cannot be
written. Must not know bytes, HTTP, Casbin, SQL or how any room works; it sees them through `ports`. Called by the
listener; `_walk` for every call, then `_read` for declared reads and `_once` for everything else.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, assert_never

from gateway import ports
from gateway.conclusion import conclude
from gateway.leg import Caller, Leg, allowed_s, denied, outbound
from gateway.model.admission import Passed, Replay, Ticket
from gateway.model.call import Arrival, Asked, Reply, ReplyError
from gateway.model.decision import Verdict
from gateway.model.outcome import AuditOutcome, Unsent
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.tool import Effect, ResolvedCall
from gateway.model.work import Entry, JournalUnavailable
from gateway.replies import hinted, kept_reply
from gateway.tasks import Tasks
from gateway.wire.strict_json import digest

_log = logging.getLogger("sallyport")


class Road:
    """Walks calls through the house. One per process."""

    def __init__(
        self,
        *,
        identity: ports.Identity,
        catalog: ports.Catalog,
        policy: ports.Policy,
        ledger: ports.Ledger,
        upstreams: Mapping[str, ports.Upstream],
        sanitize: ports.Sanitizer,
        audit: ports.AuditTrail,
        tasks: Tasks,
        clock: ports.Clock,
    ) -> None:
        self._identity = identity
        self._catalog = catalog
        self._policy = policy
        self._ledger = ledger
        self._upstreams = upstreams
        self._sanitize = sanitize
        self._audit = audit
        self._tasks = tasks
        self._clock = clock

    def open(self, arrival: Arrival) -> ports.Record:
        """Opens the record of a request, before anything is known of it."""
        return self._audit.open(arrival)

    async def identify(self, record: ports.Record, arrival: Arrival) -> Principal:
        """Who is it? Raises Refused: unauthenticated, agent-mismatch."""
        principal = await self._identity.prove(arrival)
        record.note(
            tenant=principal.tenant,
            agent=principal.agent,
            agent_proof=principal.agent_proof,
            user=principal.user,
            user_proof=principal.user_proof,
        )
        record.lap("identity")
        return principal

    async def list_tools(self, record: ports.Record, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The shorter road: catalog ∩ policy, definitions cleaned when they were learnt."""
        view = self.view(principal)
        record.note(kind="list", visible={"count": len(view.tools), "digest": view.digest}, policy=self._policy.version)
        record.lap("catalog")
        await self._seal(record, AuditOutcome.ANSWERED)
        return view.tools

    def view(self, principal: Principal) -> ports.View:
        """What the principal can see: curation of the agent ∩ what policy might permit the user."""
        visible = self._policy.visible(principal, self._catalog.ids(principal.agent))
        return self._catalog.view(principal.agent, visible)

    def schema(self, principal: Principal, name: str) -> Mapping[str, Any] | None:
        """The published inputSchema, against which the listener checks `Mcp-Param-*` headers."""
        return self.view(principal).published_schema(name)

    async def refuse(self, record: ports.Record, refusal: Refusal) -> None:
        """Seals the record of a request that was turned away."""
        await self._seal(record, refusal.row.outcome, **refusal.facts())

    def forget(self, record: ports.Record) -> None:
        """A request that was fine and did nothing: ping, initialize, discover. It leaves no record."""
        record.forget()

    async def call(self, record: ports.Record, principal: Principal, asked: Asked) -> Reply | ReplyError:
        """Walks one tool call to its end and seals its record. Raises Refused, with the record sealed."""
        record.note(kind="call", asked=asked.name, era=asked.era, version=asked.version, run=asked.run_label)
        caller = Caller()
        try:
            return await self._ended(record, principal, asked, self._walk(record, principal, asked, caller))
        except asyncio.CancelledError:
            caller.here = False
            if not caller.followed:
                self._tasks.start(record.seal(AuditOutcome.CANCELLED, reason=Reason.CANCELLED.value), "seal-cancelled")
            raise

    async def _ended(
        self, record: ports.Record, principal: Principal, asked: Asked, walk: Coroutine[Any, Any, Reply | ReplyError]
    ) -> Reply | ReplyError:
        """Sees to it that whatever ends the walk is in the record before anybody hears of it."""
        try:
            return await walk
        except Refused as refused:
            if refused.refusal.reason in {Reason.POLICY_DENIED, Reason.UNKNOWN_TOOL}:
                self._ledger.note_refused(principal, asked.name)
            await self.refuse(record, refused.refusal)
            raise
        except Exception as error:
            _log.exception("call %s met a defect", record.call_id)
            refusal = Refused(Reason.INTERNAL, f"The gateway failed while handling call {record.call_id}.")
            await self.refuse(record, refusal.refusal)
            raise refusal from error

    async def _walk(
        self, record: ports.Record, principal: Principal, asked: Asked, caller: Caller
    ) -> Reply | ReplyError:
        view = self.view(principal)
        record.note(visible={"count": len(view.tools), "digest": view.digest})
        call = view.resolve(asked.name, asked.arguments)
        tool = call.tool
        record.note(
            tool=tool.id,
            upstream=tool.upstream,
            effect=tool.effect.value,
            tool_digest=tool.digest,
            arguments=self._sanitize.redacted(call.arguments).value,
            arguments_sha256=digest(call.arguments),
        )
        record.lap("catalog")

        decision = self._policy.decide(principal, tool.id, "call", call.arguments)
        record.note(
            decision=decision.verdict.value,
            rules=list(decision.rules),
            policy=decision.version,
            policy_errors=list(decision.errors),
        )
        record.lap("policy")
        match decision.verdict:
            case Verdict.ALLOW:
                pass
            case Verdict.DENY | Verdict.ASK:  # approval stands here once it exists; until then ask is no permission
                raise denied(principal, tool.id, decision.rules)
            case _:
                assert_never(decision.verdict)

        upstream = self._upstreams[tool.upstream]
        record.note(address=upstream.address)
        deadline = self._clock.monotonic() + allowed_s(call, asked)
        leg = Leg(record, principal, asked, call, upstream, deadline)
        if tool.effect is Effect.READ:
            return await self._read(leg)
        caller.followed = True
        ended = await asyncio.shield(self._tasks.start(self._detached(leg, caller), "call"))
        if isinstance(ended, Refusal):
            raise Refused.of(ended)
        return ended

    async def _read(self, leg: Leg) -> Reply | ReplyError:
        record, call = leg.record, leg.call
        admitted = await self._ledger.admit(
            leg.principal, call, leg.asked, record.call_id, intent=_nothing_departs, deadline=leg.deadline
        )
        assert isinstance(admitted, Passed)
        record.lap("ledger")
        try:
            with leg.upstream.try_permit() or await leg.upstream.permit(leg.deadline):
                record.lap("permit")
                carried = await leg.upstream.send(outbound(call, leg.asked), leg.deadline)
        except Refused:
            self._ledger.unspend(leg.principal, call)
            raise
        record.lap("upstream")
        if isinstance(carried, Unsent):
            self._ledger.unspend(leg.principal, call)
        concluded = conclude(carried, call, record.call_id, self._sanitize)
        record.lap("sanitize")
        if isinstance(concluded.ends, Refusal):
            raise Refused.of(concluded.ends)
        await self._seal(record, concluded.outcome, **concluded.facts)
        return hinted(concluded.ends, admitted.hint)

    async def _detached(self, leg: Leg, caller: Caller) -> Reply | ReplyError | Refusal:
        """A call that ends in its record without its caller; so a refusal is an answer here, and no failure of the task."""
        try:
            return await self._ended(leg.record, leg.principal, leg.asked, self._once(leg, caller))
        except Refused as refused:
            return refused.refusal

    async def _once(self, leg: Leg, caller: Caller) -> Reply | ReplyError:
        record, call = leg.record, leg.call
        with ExitStack() as slot:

            def departs_at_once() -> Entry | None:
                """Asked at the moment of claiming, so that waiting for a twin holds no slot."""
                caller.must_be_here()
                if (permit := leg.upstream.try_permit()) is None:
                    return None
                slot.enter_context(permit)
                return record.intent()

            admitted = await self._ledger.admit(
                leg.principal, call, leg.asked, record.call_id, intent=departs_at_once, deadline=leg.deadline
            )
            record.lap("ledger")
            match admitted:
                case Ticket():
                    ticket = await self._departed(leg, admitted, caller, slot)
                case Replay():
                    return await self._replay(record, call, admitted)
                case Passed():
                    raise AssertionError("a call that leaves traces was let past the ledger")
                case _:
                    assert_never(admitted)
            carried = await leg.upstream.send(outbound(call, leg.asked, key=ticket.claim.record.hex()), leg.deadline)
        record.lap("upstream")
        concluded = conclude(carried, call, record.call_id, self._sanitize)
        record.lap("sanitize")
        ending = concluded.ending(carried, record.call_id, self._clock.now())
        await self._ledger.settle(ticket, ending, record.close(concluded.outcome, **concluded.facts))
        if isinstance(concluded.ends, Refusal):
            raise Refused.of(concluded.ends)
        return hinted(concluded.ends, ticket.hint, delivered=lambda: self._ledger.delivered(ticket))

    async def _departed(self, leg: Leg, ticket: Ticket, caller: Caller, slot: ExitStack) -> Ticket:
        """Sees to it that `sent` and the intent are durable; most calls departed in the step that claimed."""
        leg.record.note(key={"source": ticket.source, "record": ticket.claim.record.hex(), "state": "claimed"})
        if ticket.departed:
            return ticket
        try:
            slot.enter_context(await leg.upstream.permit(leg.deadline))
            leg.record.lap("permit")
            caller.must_be_here()
        except Refused:
            await self._ledger.release(ticket)
            raise
        departed = await self._ledger.depart(ticket, leg.record.intent())
        leg.record.lap("ledger")
        return departed

    async def _replay(self, record: ports.Record, call: ResolvedCall, replay: Replay) -> Reply | ReplyError:
        record.note(
            key={
                "source": replay.source,
                "record": replay.claim.record.hex(),
                "state": "joined" if replay.joined else "replayed",
                "original": replay.kept.call_id,
            },
            result={"sha256": replay.kept.sha256, "bytes": replay.kept.size, "is_error": replay.kept.is_error},
        )
        reply = kept_reply(replay, call, record.call_id)
        await self._seal(record, AuditOutcome.REPLAYED, executed="yes")
        return hinted(reply, None, delivered=lambda: self._ledger.delivered(replay))

    async def _seal(self, record: ports.Record, outcome: AuditOutcome, **facts: Any) -> None:
        try:
            await record.seal(outcome, **facts)
        except JournalUnavailable:
            raise Refused(Reason.AUDIT_UNAVAILABLE, "The audit journal cannot be written.") from None


def _nothing_departs() -> None:
    """A read has no intent."""
