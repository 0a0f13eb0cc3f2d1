"""Requests of a stateless client that walk the road, round by round (2026-07-28): tools, prompts, resources, completion.

Three ways lead through here. A client that wishes for nothing is simply answered. One that can be asked is walked in a task
of its own (`Interview`), and where it is asked the answer is what is wanted of it. A request that carries a state goes on:
with the upstream, out of whose own state ours was made, or with the call that is parked here under it. The record of a parked
call stays open until its walk ends: the one response that goes out before its record is sealed.

Lives only here: which of the three it is, the states that hold the rounds together, and the record of a request that goes on
with a parked call. Must not know how a state is sealed or a question waits. Called by the modern conversation.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.listener import rounds
from gateway.listener.asking import asked
from gateway.listener.hearer import Hearer
from gateway.listener.interview import Ending, Interview
from gateway.listener.parking import Parking
from gateway.listener.render import Answer, Pen
from gateway.listener.request_state import Held, RequestStates
from gateway.listener.visit import Visit, passed, waited, walk
from gateway.model.call import Asked, Method, Reply, ReplyError
from gateway.model.outcome import INPUT_REQUIRED, AuditOutcome
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.work import JournalUnavailable
from gateway.ports import Record, Road
from gateway.tasks import Tasks
from gateway.wire import headers, jsonrpc

_ROUNDS: Final = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Methods that may ask for more."""
_MOST_WAITS: Final = 5
"""Common clients come again ten times for one call, its questions included, and then raise instead of telling the model."""


class Calls:
    """Answers them."""

    def __init__(
        self,
        road: Road,
        pen: Pen,
        states: RequestStates,
        parking: Parking[Interview],
        interviews: Tasks,
        call_ids: Sequence[str],
    ) -> None:
        """`interviews` are waited for when the process stops: a walk may outlive its request."""
        self._road = road
        self._pen = pen
        self._states = states
        self._parking = parking
        self._interviews = interviews
        self._call_ids = call_ids

    async def answer(self, visit: Visit, params: Mapping[str, Any], method: Method) -> Answer:
        """Raises Refused with the record still open."""
        wanted = asked(params, visit.head, "modern", jsonrpc.MODERN, method, call_ids=self._call_ids)
        if method == "tools/call":
            # An unknown tool has no schema and no headers to check; the road refuses it, in its own words.
            schema = self._road.schema(visit.principal, wanted.name)
            if schema is not None:
                passed(_disagreement(visit.head.mcp, schema, wanted.arguments))
        meta, held = params["_meta"], None
        hearer, capabilities = Hearer.of(meta, visit.outlet), rounds.can(meta[jsonrpc.META_CAPABILITIES])
        if method in _ROUNDS and ("requestState" in params or "inputResponses" in params):
            wanted, held = self._next(visit, wanted, params)
        visit.outlet.breathe()
        if held is not None and held.parked is not None:
            return await self._taken_up(visit, wanted, held, hearer)
        if capabilities and method in _ROUNDS:
            return await self._interviewed(visit, wanted, hearer, capabilities, held)
        if hearer is not None:
            wanted = replace(wanted, dialogue=hearer)
        return self._told(visit, wanted, await walk(self._road, visit, wanted), capabilities, held)

    def _next(self, visit: Visit, wanted: Asked, params: Mapping[str, Any]) -> tuple[Asked, Held | None]:
        """The request as a later round; answers without a state go along with the first one. Raises Refused."""
        state, responses = rounds.given(params)
        if state is None:
            return replace(wanted, input_responses=responses), None
        held = self._states.open(state, visit.principal, wanted)
        goes_on = replace(wanted, request_state=held.theirs, input_responses=responses, round=held.round)
        return replace(goes_on, awaits=held.awaits), held

    async def _interviewed(
        self,
        visit: Visit,
        wanted: Asked,
        hearer: Hearer | None,
        capabilities: Mapping[str, Any],
        held: Held | None,
    ) -> Answer:
        size = visit.slot.held
        interview = Interview(visit.record.call_id, visit.principal, capabilities, hearer, self._parking, size)
        wanted = replace(wanted, dialogue=interview)
        interview.begin(self._road.call(visit.record, visit.principal, wanted), self._interviews)
        ending = await waited(visit, interview.goes_on(), leaving_cancels=True)
        if ending is None:
            return self._asks(visit, wanted, interview)
        return self._told(visit, wanted, ending, capabilities, held)

    async def _taken_up(self, visit: Visit, wanted: Asked, held: Held, hearer: Hearer | None) -> Answer:
        """Goes on with a parked call; the record of this request says with which. Raises Refused."""
        record, name = visit.record, held.parked
        assert name is not None
        record.note(continues=held.call_id)
        self._road.recheck(record, visit.principal, wanted)
        interview = self._parking.find(name)
        if interview is None or not interview.questions:
            raise _expired(held)
        interview.answered(wanted.input_responses or {}, hearer)
        ending = await waited(visit, interview.goes_on(), leaving_cancels=True)
        if ending is None:
            questions = Counter(method for method, _ in interview.questions.values())
            answer = self._asks(visit, wanted, interview)  # now: while the record is written they may close
            await _sealed(record, AuditOutcome.ANSWERED, executed="unknown", asks=dict(questions))
            return answer
        if isinstance(ending, Refusal):
            await self._road.refuse(record, ending)
        else:
            failed = isinstance(ending, ReplyError) or ending.result.get("isError") is True
            await _sealed(record, AuditOutcome.ANSWERED_ERROR if failed else AuditOutcome.ANSWERED, executed="yes")
        return self._told(visit, wanted, ending, interview.capabilities, held)

    def _asks(self, visit: Visit, wanted: Asked, interview: Interview) -> Answer:
        """What a parked call is waiting for, and the state under which the answers reach it."""
        held = Held(parked=interview.parked(), call_id=interview.call_id, round=wanted.round)
        state = self._states.seal(visit.principal, wanted, held)
        return self._pen.result(visit.voice, {**rounds.asking(interview.questions), "requestState": state})

    def _told(
        self, visit: Visit, wanted: Asked, ending: Ending, capabilities: Mapping[str, Any], held: Held | None
    ) -> Answer:
        if isinstance(ending, Refusal):
            waits = 1 if held is None else held.waits + 1
            if capabilities and waits <= _MOST_WAITS and _comes_again(wanted, ending):
                return self._waits(visit, wanted, ending, waits)
        elif isinstance(ending, Reply):
            if ending.result.get("resultType") == INPUT_REQUIRED:
                ending = self._next_round(visit, wanted, ending, capabilities)
            elif wanted.method == "resources/read":
                ending = replace(ending, result=_cached(ending.result, wanted))
        return self._pen.ending(visit.voice, ending, visit.record.call_id)

    def _waits(self, visit: Visit, wanted: Asked, ending: Refusal, waits: int) -> Answer:
        """The same round once more: its client comes again by itself, and no model has to know (ledger §1.6)."""
        held = Held(wanted.request_state, round=wanted.round, awaits=ending.awaited, waits=waits)
        state = self._states.seal(visit.principal, wanted, held)
        told = rounds.waiting(ending.told(visit.record.call_id))
        return self._pen.result(visit.voice, {**told, "requestState": state})

    def _next_round(
        self, visit: Visit, wanted: Asked, reply: Reply, capabilities: Mapping[str, Any]
    ) -> Reply | Refusal:
        """What an upstream asks, under a state of ours around its own; always one, so that answers stay with their call."""
        if wanted.method not in _ROUNDS:
            return Refusal(Reason.UPSTREAM_INVALID, "The tool asked for input where none can be given.", executed="no")
        if (refusal := rounds.unanswerable(reply.result, capabilities)) is not None:
            return refusal
        held = Held(theirs=reply.result.get("requestState"), round=wanted.round + 1)
        state = self._states.seal(visit.principal, wanted, held)
        return replace(reply, result={**reply.result, "requestState": state})


def _comes_again(wanted: Asked, ending: Refusal) -> bool:
    """Not with answers in hand, which a client would leave behind; nor where it wants to hear something by a deadline."""
    waits = ending.awaited is not None and wanted.method in _ROUNDS
    return waits and wanted.input_responses is None and wanted.deadline_ms is None


def _cached(result: Mapping[str, Any], wanted: Asked) -> dict[str, Any]:
    """The upstream's own time, for this caller alone; what came of a caller's answers is never kept (SEP-2549)."""
    ttl = result.get("ttlMs")
    keeps = isinstance(ttl, int) and not isinstance(ttl, bool) and ttl >= 0 and wanted.input_responses is None
    return {**result, "ttlMs": ttl if keeps else 0, "cacheScope": "private"}


def _expired(held: Held) -> Refused:
    return Refused(
        Reason.INPUT_EXPIRED,
        f"Nothing waits for these answers any more; the record of call {held.call_id} says what became of it",
    )


async def _sealed(record: Record, outcome: AuditOutcome, **facts: Any) -> None:
    """Raises Refused: audit-unavailable; what was executed stays as it was."""
    try:
        await record.seal(outcome, **facts)
    except JournalUnavailable:
        detail = "The audit journal cannot be written."
        raise Refused(Reason.AUDIT_UNAVAILABLE, detail, executed=facts["executed"]) from None


def _disagreement(found: Mapping[str, str], schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> Refusal | None:
    """Why `Mcp-Param-*` headers that do not repeat the arguments are refused (SEP-2243), or None."""
    if (why := headers.param_mismatch(found, schema, arguments)) is None:
        return None
    return Refusal(Reason.HEADER_MISMATCH, f"Headers and arguments disagree: {why}.")
