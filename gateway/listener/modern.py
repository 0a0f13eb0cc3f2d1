"""The modern conversation (MCP 2026-07-28): every request stands for itself.

Lives only here: the methods a stateless client may use, and what discovery and lists carry. Must not know sessions, HTTP
headers beyond what `Head` keeps, or rooms behind the road. Called by `plane`; `modern_calls` and `listening` take what
walks the road and what waits for news.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.listener import eras
from gateway.listener.hub import Hub
from gateway.listener.interview import Interview
from gateway.listener.limits import Limits, Seats
from gateway.listener.listening import Listener, Listening
from gateway.listener.modern_calls import Calls
from gateway.listener.parking import Parking
from gateway.listener.render import ACCEPTED, Answer, Pen
from gateway.listener.request_state import RequestStates
from gateway.listener.visit import LISTS, WALKS, Listed, Visit, first_of_page, listed, page, passed
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Clock, Road
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

_DISCOVERY_TTL_MS: Final = 60_000
_LIST_TTL_MS: Final = 10_000
"""Short: rights and tools change behind a list, and not every client listens for it."""


class Modern:
    """Answers messages that carry their own envelope."""

    def __init__(
        self,
        road: Road,
        pen: Pen,
        states: RequestStates,
        hub: Hub,
        seats: Seats,
        interviews: Tasks,
        *,
        limits: Limits,
        clock: Clock,
        call_ids: Sequence[str],
    ) -> None:
        """`interviews` takes walks that may outlive their request."""
        self._road = road
        self._pen = pen
        self._parking: Parking[Interview] = Parking(limits)
        self._calls = Calls(road, pen, states, self._parking, interviews, call_ids)
        self._listening = Listening(road, pen, hub, seats, limits, clock)

    async def answer(self, visit: Visit, frame: jsonrpc.Frame) -> Answer | Listener:
        """Raises Refused with the record still open."""
        match frame:
            case jsonrpc.Request():
                passed(eras.modern_request(frame, visit.head))
                return await self._request(visit, frame)
            case jsonrpc.Notification():
                passed(eras.modern_notification(frame, visit.head))
                self._road.forget(visit.record)
                return ACCEPTED
            case _:
                raise Refused(Reason.INVALID_REQUEST, "Nobody asked for this response.")

    async def hold(self, listener: Listener) -> Answer:
        """Holds a listen stream open; its last message."""
        return await self._listening.hold(listener)

    def close(self) -> None:
        """Ends every listen stream, and lets every question go."""
        self._listening.close()
        self._parking.close()

    async def _request(self, visit: Visit, request: jsonrpc.Request) -> Answer | Listener:
        if (walks := WALKS.get(request.method)) is not None:
            return await self._calls.answer(visit, request.params, walks)
        if (lists := LISTS.get(request.method)) is not None:
            return await self._list(visit, request.params, lists)
        match request.method:
            case "server/discover":
                self._road.forget(visit.record)
                return self._discovery(visit)
            case "subscriptions/listen":
                return self._listening.open(visit, request)
            case _:
                raise Refused(Reason.UNKNOWN_METHOD, "This method is not served.")

    def _discovery(self, visit: Visit) -> Answer:
        told = {"supportedVersions": list(eras.SUPPORTED), "capabilities": eras.CAPABILITIES}
        return self._pen.result(visit.voice, _cached(told, _DISCOVERY_TTL_MS))

    async def _list(self, visit: Visit, params: Mapping[str, Any], kind: Listed) -> Answer:
        first = first_of_page(params)
        seen = await listed(self._road, visit, params, kind)
        if isinstance(seen, Refusal):
            return self._pen.refusal(visit.voice, seen, visit.record.call_id)
        return self._pen.result(visit.voice, _cached(page(kind, seen, first), _LIST_TTL_MS))


def _cached(result: Mapping[str, Any], ttl_ms: int) -> dict[str, Any]:
    """How long the client may keep it (SEP-2549); it is a function of the caller, so for that caller alone."""
    return {**result, "ttlMs": ttl_ms, "cacheScope": "private"}
