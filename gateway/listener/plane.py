"""The agent plane: a raw ASGI application that turns HTTP requests into visits, and endings into responses.

Lives only here: the order in which a request is looked at, the one place where refusals are sealed and rendered, and the
sending of bytes. A response goes out only after its record was sealed or forgotten. Must not know what a method does, or
anything behind the road. Built by `app.py`, run by an HTTP server.
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from gateway.listener import door, eras, http_answers, resource
from gateway.listener.body import json_body
from gateway.listener.caller import Caller, Receive, Send
from gateway.listener.head import read
from gateway.listener.http_calls import HttpCalls
from gateway.listener.hub import Hub
from gateway.listener.knock import Knock
from gateway.listener.legacy import Legacy
from gateway.listener.limits import Intake, Limits, Seats, Slot
from gateway.listener.listening import Listener
from gateway.listener.modern import Modern
from gateway.listener.outlet import Outlet
from gateway.listener.render import UNHEARD, Answer, Pen, Voice
from gateway.listener.request_state import RequestStates
from gateway.listener.sessions import Sessions
from gateway.listener.streams import Open, Streams
from gateway.listener.visit import Visit, passed
from gateway.model.call import Arrival
from gateway.model.operation import HttpTools
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Clock, Road
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

_log = logging.getLogger("sallyport")


class AgentPlane:
    """`/mcp` in both eras, `/http/{upstream}/…`, both below `/agents/{agent}` too, and their RFC 9728 documents.

    The ladder, and why each rung stands where it does (first failure answers):

    1. Door (`door.ladder`): Host, Origin, path, method, header caps. Costs nothing, tells nothing.
    2. Room: beyond so many requests in flight, honest refusal is better than slow service to all.
    3. Identity: nobody unproven gets a byte of their body looked at. A plain HTTP call goes its own way from here, over the
       rungs 4 and 5 (`HttpCalls`).
    4. Content type and encoding, then the body: size, deadline.
    5. Parse: the one parse; whatever is ambiguous as JSON dies here.
    6. One message, unambiguous headers (`eras.readable`): only now there is an id to answer to.
    7. Era, from the body first (`eras.voice`), then that conversation's own rungs: agreement of headers and body, version
       (`eras.modern_request`) or session (`Legacy.session`), method, parameters.
    """

    def __init__(
        self,
        road: Road,
        sessions: Sessions,
        *,
        allowed: door.Door,
        issuers: Sequence[str],
        clock: Clock,
        new_call_id: Callable[[], str],
        version: str,
        state_key: bytes,
        interviews: Tasks,
        http: HttpTools | None = None,
        call_ids: Sequence[str] = (),
        limits: Limits = Limits(),  # noqa: B008  frozen
    ) -> None:
        """`state_key`: 32 bytes that seal what stateless clients carry from round to round, the same in every process that
        may meet the next round. `interviews` takes walks that may outlive their request; whoever stops the process waits
        for them. `call_ids`: members of `_meta` that may name one call of a model.
        """
        self._road = road
        self._door = allowed
        self._issuers = issuers
        self._new_call_id = new_call_id
        self._limits = limits
        self._intake = Intake(limits)
        self._tasks = Tasks()
        self._pen = Pen({"name": "sallyport", "version": version})
        self.hub = Hub()
        """Brings news to agents."""
        self._seats = Seats(limits)
        self._streams = Streams(limits, self._seats, self._tasks)
        states = RequestStates(state_key, clock)
        self._modern = Modern(
            road, self._pen, states, self.hub, self._seats, interviews, limits=limits, clock=clock, call_ids=call_ids
        )
        self._legacy = Legacy(
            road, self._pen, sessions, self._streams, self.hub, limits=limits, clock=clock, call_ids=call_ids
        )
        self._http_calls = HttpCalls(road, http)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close"})
            case "lifespan":
                await self._lifespan(receive, send)
            case unknown:
                raise ValueError(f"the agent plane serves no {unknown!r}")

    def close(self) -> None:
        """Ends streams and open questions.

        Call it when a stop was asked for: the server waits for open responses before it stops.
        """
        self._streams.close()
        self._legacy.close()
        self._modern.close()

    async def _http(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        head = read(scope)
        found = door.place(head.path, head.target)
        credential = resource.credential(head)
        arrival = Arrival(
            call_id=self._new_call_id(),
            credential=credential if isinstance(credential, str) else None,
            endpoint_agent=None if found is None or isinstance(found, door.Metadata) else found.agent,
            peer=head.peer,
            assertion=head.get("sallyport-user"),
        )
        caller, breath_s = Caller(receive, self._tasks, scope.get("extensions")), self._limits.keep_alive_s
        outlet = Outlet(send, caller, self._tasks, streams=head.takes_events, keep_alive_s=breath_s)
        knock = Knock(self._road.open(arrival), arrival, head, found, caller, Slot(self._intake), outlet)
        try:
            answer = await self._answer(knock, credential if isinstance(credential, Refusal) else None)
            if isinstance(answer, Listener):  # here, where nothing of a body is held any more: it may last for days
                answer = await self._modern.hold(answer)
            if isinstance(answer, Open):
                knock.slot.leave()  # a stream waits; it is no request in flight
                await self._streams.hold(answer, caller, send)
            else:
                await knock.outlet.end(answer, bodiless=head.method == "HEAD")
        finally:
            knock.slot.leave()
            knock.caller.release()

    async def _answer(self, knock: Knock, unusable: Refusal | None) -> Answer | Open | Listener:
        """Climbs the ladder. The one place where refusals are caught, sealed and rendered."""
        record, head, voice = knock.record, knock.head, UNHEARD
        try:
            if isinstance(knock.found, door.Service):
                record.note(method=head.method)
            passed(door.ladder(head, knock.found, self._door, self._limits))
            if isinstance(knock.found, door.Metadata):
                answer = resource.document(head, knock.found, self._issuers)
                self._road.forget(record)
                return answer
            knock.slot.enter()
            passed(unusable)
            principal = await self._road.identify(record, knock.arrival)
            knock.slot.belongs_to(principal)
            if isinstance(knock.found, door.Service):
                visit = Visit(record, principal, head, knock.caller, voice, knock.outlet, knock.slot)
                return await self._http_calls.answer(visit, knock.found, knock.slot)
            if head.method != "POST":
                return self._beside(knock, principal)
            frame = jsonrpc.classify(await json_body(head, knock.slot, knock.caller.receive))
            voice = eras.voice(frame, head)
            passed(eras.readable(frame, head))
            visit = Visit(record, principal, head, knock.caller, voice, knock.outlet, knock.slot)
            return await (self._modern if voice.era == "modern" else self._legacy).answer(visit, frame)
        except Refused as refused:
            refusal = refused.refusal
        except Exception:  # noqa: BLE001  the outermost frame of ours: whatever is left over becomes `internal`
            refusal = _defect(record.call_id)
        return await self._turn_away(knock, refusal, voice)

    def _beside(self, knock: Knock, principal: Principal) -> Answer | Open:
        """GET and DELETE: what a legacy session does beside posting messages."""
        session = self._legacy.session(knock.head.session, principal)
        if knock.head.method == "DELETE":
            return self._legacy.end(knock.record, session)
        return self._legacy.stream(knock.record, session, principal, knock.head.get("last-event-id"))

    async def _turn_away(self, knock: Knock, refusal: Refusal, voice: Voice) -> Answer:
        try:
            await self._road.refuse(knock.record, refusal)
        except Refused as unwritten:
            refusal = unwritten.refusal
        except Exception:  # noqa: BLE001  a record that cannot be sealed must not leave the caller without an answer
            refusal = _defect(knock.record.call_id)
        headers = knock.refused_with(refusal, self._issuers)
        if isinstance(knock.found, door.Service):
            return http_answers.problem(refusal, knock.record.call_id, headers)
        return self._pen.refusal(voice, refusal, knock.record.call_id, headers)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                self.close()
                await self._tasks.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return


def _defect(call_id: str) -> Refusal:
    """Called while an exception is handled: its text goes to the log and nowhere else."""
    _log.exception("call %s met a defect in the listener", call_id)
    return Refusal(Reason.INTERNAL, f"The gateway failed while handling call {call_id}.")
