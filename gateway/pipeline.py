"""The road: what happens to a call, in order, in one place.

Lives only here: the order of the rooms and what each exit means for the next. The record is opened first and sealed on
every exit. Each fact is a local variable that exists only after the room that finds it, so a wrong order cannot be
written. Must not know bytes, HTTP, Casbin, SQL or how any room works; it sees them through `ports`. Called by the
listener; `_walk` for every call, then `crossing.py` for what lies behind policy.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway import log_context, ports, sights
from gateway.conclusion import Conclusion
from gateway.crossing import Crossing
from gateway.fallback import ANSWERED, LastGood, told_whom_to_ask
from gateway.gate import Gate
from gateway.hearing import heard
from gateway.leg import Caller, Leg, sealed
from gateway.leg import leg as make_leg
from gateway.looks import SecondLooks
from gateway.model.call import Arrival, Asked, Reply, ReplyError
from gateway.model.decision import Verdict
from gateway.model.dialogue import session_name
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.tool import BesideKind, Effect
from gateway.replies import NS, hinted
from gateway.tasks import Tasks

_log = logging.getLogger("sallyport")


class Road:
    """Walks calls through the house. One per process."""

    def __init__(
        self,
        *,
        identity: ports.Identity,
        catalog: sights.Catalog,
        policy: ports.Policy,
        ledger: ports.Ledger,
        approvals: ports.Approvals,
        looks: SecondLooks,
        hold_s: float,
        relieve: ports.Relieve,
        upstreams: Mapping[str, ports.Upstream],
        sanitize: ports.Sanitizer,
        audit: ports.AuditTrail,
        tasks: Tasks,
        clock: ports.Clock,
        trace_share: float | None = None,
    ) -> None:
        """`trace_share`: of the calls whose caller did not decide, how many are traced; None where nothing exports."""
        self._identity = identity
        self._gate = Gate(catalog, policy, sanitize)
        self._policy = policy
        self._ledger = ledger
        self._crossing = Crossing(ledger, approvals, looks, sanitize, clock)
        self._hold_s = hold_s
        self._relieve = relieve
        self._trace_share = trace_share
        self._last_good = LastGood(clock)
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
            run=principal.run,
            run_proof=principal.run and (principal.user_proof or principal.agent_proof),
        )
        record.lap("identity")
        return principal

    async def list_tools(self, record: ports.Record, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The shorter road: catalog ∩ policy, definitions cleaned when they were learnt."""
        tools = self._gate.tools(record, principal)
        await self._listed(record, principal)
        return tools

    async def list_beside(
        self, record: ports.Record, principal: Principal, kind: BesideKind
    ) -> Sequence[Mapping[str, Any]]:
        """Prompts, resources or resource templates that the principal may use."""
        entries = self._gate.beside(record, principal, kind)
        await self._listed(record, principal)
        return entries

    async def _listed(self, record: ports.Record, principal: Principal) -> None:
        """Seals the record of a list. Raises Refused: overloaded, audit-unavailable."""
        try:
            self._relieve(principal.agent, None)
        except Refused as shed:
            await self.refuse(record, shed.refusal)
            raise
        await sealed(record, AuditOutcome.ANSWERED)

    def readable(self, principal: Principal, uri: str) -> str | None:
        """The upstream whose resource this is, for the principal."""
        return self._gate.readable(principal, uri)

    def recheck(self, record: ports.Record, principal: Principal, asked: Asked) -> None:
        """Whether a call that is under way may go on."""
        _note_asked(record, principal, asked)
        call, _ = self._gate.passed(record, principal, asked)
        self._ledger.check(principal, call.tool)

    def schema(self, principal: Principal, name: str) -> Mapping[str, Any] | None:
        """The published inputSchema, against which the listener checks `Mcp-Param-*` headers."""
        return self._gate.view(principal).published_schema(name)

    def published(self, principal: Principal, tool: str) -> str | None:
        """The name under which the principal sees a tool."""
        return self._gate.view(principal).name_of(tool)

    async def refuse(self, record: ports.Record, refusal: Refusal) -> None:
        """Seals the record of a request that was turned away."""
        await sealed(record, refusal.row.outcome, **refusal.facts())

    def forget(self, record: ports.Record) -> None:
        """A request that was fine and did nothing: ping, initialize, discover. It leaves no record."""
        record.forget()

    async def call(self, record: ports.Record, principal: Principal, asked: Asked) -> Reply | ReplyError:
        """Walks one tool call to its end and seals its record. Raises Refused, with the record sealed."""
        trace = asked.trace.decided(self._trace_share)
        asked = replace(asked, trace=trace, dialogue=heard(asked.dialogue, self._sanitize, record.note))
        log_context.on(record.call_id, trace.id)
        _note_asked(record, principal, asked)
        caller = Caller()
        try:
            return await self._ended(record, asked, self._walk(record, principal, asked, caller))
        except asyncio.CancelledError:
            caller.leave()
            if not caller.followed:
                self._tasks.start(record.seal(AuditOutcome.CANCELLED, reason=Reason.CANCELLED.value), "seal-cancelled")
            raise

    async def _ended(
        self, record: ports.Record, asked: Asked, walk: Coroutine[Any, Any, Reply | ReplyError]
    ) -> Reply | ReplyError:
        """Sees to it that whatever ends the walk is in the record before anybody hears of it.

        Who waits for a call that runs is never told `no`: that one is the same call.
        """
        try:
            return await walk
        except Refused as refused:
            refusal = refused.refusal
            told = refusal.unsure() if asked.awaits is not None and refusal.ran == "no" else refusal
            await self.refuse(record, told)
            raise Refused.of(told) from None
        except Exception as error:
            _log.exception("call %s met a defect", record.call_id)
            defect = Refused(Reason.INTERNAL, f"The gateway failed while handling call {record.call_id}.")
            await self.refuse(record, defect.refusal)
            raise defect from error

    async def _walk(
        self, record: ports.Record, principal: Principal, asked: Asked, caller: Caller
    ) -> Reply | ReplyError:
        try:
            call, decision = self._gate.passed(record, principal, asked)
        except Refused as refused:
            raise self._turned_away(principal, asked, refused.refusal) from None
        tool = call.tool
        if asked.awaits is None:
            self._relieve(principal.agent, tool.effect)
        upstream = self._upstreams[tool.upstream]
        record.note(address=upstream.address)
        leg = make_leg(record, principal, asked, call, decision, upstream, self._clock.monotonic(), self._hold_s)
        if leg.call.tool.effect is Effect.READ:
            return await self._read(leg)
        caller.followed = True
        ended = await asyncio.shield(self._tasks.start(self._detached(leg, caller), "call"))
        if isinstance(ended, Refusal):
            raise Refused.of(told_whom_to_ask(ended, tool))
        return ended

    def _turned_away(self, principal: Principal, asked: Asked, refusal: Refusal) -> Refused:
        """The same refusal; an agent that walks into it again and again is told so."""
        hint = self._ledger.denied(principal, asked)
        return Refused.of(refusal if hint is None else replace(refusal, detail=f"{refusal.detail} {hint}"))

    async def _detached(self, leg: Leg, caller: Caller) -> Reply | ReplyError | Refusal:
        """A call that ends in its record without its caller; so a refusal is an answer here, and no failure of the task."""
        try:
            return await self._ended(leg.record, leg.asked, self._crossing.once(leg, caller))
        except Refused as refused:
            return refused.refusal
        except asyncio.CancelledError:  # this process ends; of what may have departed the next one finds out
            if not caller.departing:
                await leg.record.seal(AuditOutcome.CANCELLED, reason=Reason.CANCELLED.value, executed="no")
            raise

    async def _read(self, leg: Leg) -> Reply | ReplyError:
        """A declared read; where its upstream fails, what the operator wants served instead."""
        try:
            concluded, hint = await self._crossing.read(leg)
        except Refused as failed:
            if failed.refusal.reason not in ANSWERED:
                raise
            return await self._fallen_back(leg, failed.refusal)
        if concluded.good and leg.asked.input_responses is None:  # what came of a caller's answers is this caller's now
            self._last_good.keep(leg.principal, leg.call, leg.decision.version, concluded.kept)
        return await _told(leg, concluded, hint)

    async def _fallen_back(self, leg: Leg, failed: Refusal) -> Reply | ReplyError:
        """Another tool, else the last good result. Raises Refused: what failed, with whom to ask."""
        record = leg.record
        if (other := self._other(leg)) is not None:
            try:
                concluded, hint = await self._crossing.read(other)
            except Refused:
                pass  # told is what became of the tool that was asked for
            else:
                record.note(fallback={"tool": other.call.tool.id, "reason": failed.reason.value})
                return await _told(other, concluded, hint)
        stale = self._last_good.stale(leg.principal, leg.call, leg.decision.version, failed, record.call_id)
        if stale is None:
            raise Refused.of(told_whom_to_ask(failed, leg.call.tool))
        at = stale.result["_meta"][f"{NS}/stale"]["at"]
        record.note(fallback={"stale_at": at, "reason": failed.reason.value})
        await sealed(record, AuditOutcome.ANSWERED, executed=failed.ran)
        return stale

    def _other(self, leg: Leg) -> Leg | None:
        """The leg of the fallback tool, seen and permitted like any call; None where it is not to be had."""
        wanted, view, asked = leg.call.tool.fallback.tool, self._gate.view(leg.principal), leg.asked
        if wanted is None or (name := view.name_of(wanted)) is None:
            return None
        try:
            call = view.resolve(name, asked.arguments)
        except Refused:
            return None
        decision = self._policy.decide(leg.principal, wanted, "call", call.arguments)
        if decision.verdict is not Verdict.ALLOW or call.tool.effect is not Effect.READ:
            return None
        now, upstream = self._clock.monotonic(), self._upstreams[call.tool.upstream]
        if asked.deadline_ms is not None:
            asked = replace(asked, deadline_ms=max(1, round((leg.deadline - now) * 1000)))
        return make_leg(leg.record, leg.principal, asked, call, decision, upstream, now, self._hold_s)


def _note_asked(record: ports.Record, principal: Principal, asked: Asked) -> None:
    record.note(
        kind="call",
        asked=asked.name,
        era=asked.era,
        version=asked.version,
        session=session_name(asked.dialogue),
        run=principal.run or asked.run_label,
        trace=asked.trace.noted,
    )


async def _told(leg: Leg, concluded: Conclusion, hint: str | None) -> Reply | ReplyError:
    """Seals the record of a read that was answered, and answers."""
    await sealed(leg.record, concluded.outcome, **concluded.facts)
    assert not isinstance(concluded.ends, Refusal)
    return hinted(concluded.ends, hint if leg.call.tool.kind == "tool" else None)  # only its content is for the model
