"""`subscriptions/listen` (2026-07-28, SEP-2575): a request whose response is a stream of news, until somebody ends it.

Lives only here: what may be asked for, what is honoured of it, the frames of such a stream and its end. The stream is the
request's own outlet, so order, keep-alive and a client that does not read are seen to there. It waits, so it is no request
in flight. Must not know where news come from, nor the other era. Called by the modern conversation; `plane.close` ends all.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from gateway.listener.asking import MAX_NAME, MAX_URI
from gateway.listener.hub import Ear, Hub
from gateway.listener.limits import Limits, Seats
from gateway.listener.render import Answer, Pen
from gateway.listener.visit import Visit, waited
from gateway.model.news import Kind, ListChanged, News, Updated
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock, Road
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump

_KINDS: Final[Mapping[str, Kind]] = {
    "toolsListChanged": "tools",
    "promptsListChanged": "prompts",
    "resourcesListChanged": "resources",
}
_RESOURCES: Final = "resourceSubscriptions"


@dataclass(frozen=True, slots=True)
class Listener:
    """Not an answer yet: a stream to be held open, and all that is kept of the request that opened it."""

    visit: Visit
    name: jsonrpc.Id
    honoured: Mapping[str, Any]
    ear: Ear


class Listening:
    """Open listen streams."""

    def __init__(self, road: Road, pen: Pen, hub: Hub, seats: Seats, limits: Limits, clock: Clock) -> None:
        self._road = road
        self._pen = pen
        self._hub = hub
        self._seats = seats
        self._limits = limits
        self._clock = clock
        self._open: set[asyncio.Timeout] = set()
        self._closing = False

    def open(self, visit: Visit, request: jsonrpc.Request) -> Listener:
        """A stream to be held. Raises Refused with the record still open."""
        kinds, uris = self._filter(request.params)
        if isinstance(request.id, str) and len(request.id) > MAX_NAME:  # every message repeats it
            raise Refused(Reason.INVALID_REQUEST, f"The id of this request is longer than {MAX_NAME} characters.")
        if not visit.outlet.streams:
            raise Refused(Reason.INVALID_REQUEST, "Listening needs a client that accepts text/event-stream.")
        if self._closing or not self._seats.take(visit.principal.who):
            raise Refused(Reason.OVERLOADED, "The gateway opens no more streams now.", retry_after_ms=5_000)
        visit.slot.leave()
        self._road.forget(visit.record)
        sees = {} if uris is None else {uri: self._road.readable(visit.principal, uri) for uri in uris}
        ear = self._hub.ear(frozenset(kinds.values()), [Updated(where, uri) for uri, where in sees.items() if where])
        honoured: dict[str, Any] = dict.fromkeys(kinds, True)
        if uris is not None:
            honoured[_RESOURCES] = [uri for uri, where in sees.items() if where]
        return Listener(visit, request.id, honoured, ear)

    async def hold(self, listener: Listener) -> Answer:
        """The last message of the stream, once it is over."""
        try:
            await waited(listener.visit, self._tell(listener), leaving_cancels=True)
        finally:
            listener.ear.close()
            self._seats.leave(listener.visit.principal.who)
        return self._pen.result(listener.visit.voice, {"_meta": {jsonrpc.META_SUBSCRIPTION: listener.name}})

    def close(self) -> None:
        """Ends every stream with its last message."""
        self._closing = True
        now = asyncio.get_running_loop().time() if self._open else 0.0
        for stream in self._open:
            if not stream.expired():
                stream.reschedule(now)

    async def _tell(self, listener: Listener) -> None:
        """Until the credential proves nothing any more, or the gateway stops."""
        visit, meta = listener.visit, {"_meta": {jsonrpc.META_SUBSCRIPTION: listener.name}}
        _say(visit, "notifications/subscriptions/acknowledged", {"notifications": listener.honoured, **meta})
        ends = visit.principal.expires_at
        stream = asyncio.timeout(None if ends is None else ends - self._clock.now())
        try:
            async with stream:
                self._open.add(stream)
                while True:
                    for news in await listener.ear.heard():
                        self._pass_on(visit, news, meta)
        except TimeoutError:
            pass
        finally:
            self._open.discard(stream)

    def _pass_on(self, visit: Visit, news: News, meta: Mapping[str, Any]) -> None:
        match news:
            case ListChanged(kind=kind):
                _say(visit, f"notifications/{kind}/list_changed", meta)
            case Updated(upstream=upstream, uri=uri):
                if self._road.readable(visit.principal, uri) == upstream:  # rights may have gone since
                    _say(visit, "notifications/resources/updated", {"uri": uri, **meta})
            case _:
                assert_never(news)

    def _filter(self, params: Mapping[str, Any]) -> tuple[dict[str, Kind], list[str] | None]:
        """The lists by the standard's name, and resources; None when there is no word of any. Raises Refused."""
        wanted = params.get("notifications")
        if not isinstance(wanted, dict):
            raise Refused(Reason.INVALID_PARAMS, "params.notifications is not an object.")
        if not all(isinstance(wanted.get(name, False), bool) for name in _KINDS):
            raise Refused(Reason.INVALID_PARAMS, "params.notifications holds a member that is not a boolean.")
        kinds = {name: kind for name, kind in _KINDS.items() if wanted.get(name)}
        uris = wanted.get(_RESOURCES)
        if uris is None:
            return kinds, None
        most = self._limits.subscriptions
        if not isinstance(uris, list) or len(uris) > most or not all(_is_uri(uri) for uri in uris):
            raise Refused(Reason.INVALID_PARAMS, f"params.notifications.{_RESOURCES} is no list of up to {most} URIs.")
        if sum(map(len, uris)) > self._limits.subscribed_chars:
            raise Refused(
                Reason.INVALID_PARAMS,
                f"params.notifications.{_RESOURCES} holds over {self._limits.subscribed_chars} characters.",
            )
        return kinds, uris


def _is_uri(uri: Any) -> bool:
    return isinstance(uri, str) and 0 < len(uri) <= MAX_URI


def _say(visit: Visit, method: str, params: Mapping[str, Any]) -> None:
    visit.outlet.say(dump(jsonrpc.notification(method, params)))
