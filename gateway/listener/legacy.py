"""The legacy conversation (MCP 2024-11-05 to 2025-11-25): initialize, then requests of a session.

Lives only here: the methods a session may use, which of its requests are in flight, DELETE and the GET stream. Opening a
session does no work but sealing its id. Must not know how an id is sealed or a stream kept. Called by `plane`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.listener import older
from gateway.listener.asking import asked
from gateway.listener.caller import Caller
from gateway.listener.render import ACCEPTED, Answer, Pen
from gateway.listener.sessions import Session, Sessions
from gateway.listener.streams import Streams
from gateway.listener.visit import Visit, first_of_page, listed, page, walk
from gateway.model.call import Reply
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Record, Road
from gateway.wire import headers, jsonrpc

_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""A tuple: what is asked for may be a list or an object, which no set can be asked about."""


@dataclass(frozen=True, slots=True)
class Open:
    """Not an answer yet: a stream to be held open until Unix time `ends`."""

    session: Session
    ends: float


class Legacy:
    """Answers messages that belong to a session, or ask for one."""

    def __init__(self, road: Road, pen: Pen, sessions: Sessions, streams: Streams) -> None:
        self._road = road
        self._pen = pen
        self._sessions = sessions
        self._streams = streams
        self._in_flight: dict[tuple[bytes, jsonrpc.Id], Caller] = {}

    async def answer(self, visit: Visit, frame: jsonrpc.Frame) -> Answer:
        """Raises Refused with the record still open."""
        if isinstance(frame, jsonrpc.Request) and frame.method == "initialize":
            return self._initialize(visit, frame.params)
        session = self.session(visit.head.session, visit.principal)
        match frame:
            case jsonrpc.Request():
                return await self._request(visit, frame, session)
            case jsonrpc.Notification(method="notifications/cancelled", params=params):
                self._cancel(session, params.get("requestId"))
            case _:
                pass  # other notifications, and responses: nothing of ours waits for one
        self._road.forget(visit.record)
        return ACCEPTED

    def session(self, text: str | None, principal: Principal) -> Session:
        """The session a request names. Raises Refused: session-missing, session-ended."""
        if text is None:
            raise Refused(Reason.SESSION_MISSING, "The request names no session.")
        return self._sessions.read(text, principal)

    def end(self, record: Record, session: Session) -> Answer:
        """DELETE: ends the session and its stream."""
        self._sessions.end(session)
        self._streams.end(session)
        self._road.forget(record)
        return Answer(204)

    def stream(self, record: Record, session: Session, principal: Principal) -> Open:
        """GET: takes the session's one stream. Raises Refused: stream-taken, sessions-full."""
        self._streams.take(session)
        self._road.forget(record)
        expires = principal.expires_at
        return Open(session, session.ends if expires is None else min(session.ends, expires))

    def _initialize(self, visit: Visit, params: Mapping[str, Any]) -> Answer:
        wanted, client, capabilities = (
            params.get("protocolVersion"),
            params.get("clientInfo", {}),
            params.get("capabilities", {}),
        )
        if not isinstance(wanted, str) or not isinstance(client, dict) or not isinstance(capabilities, dict):
            raise Refused(Reason.INVALID_PARAMS, "initialize needs protocolVersion, clientInfo and capabilities.")
        version = wanted if wanted in jsonrpc.LEGACY else jsonrpc.LATEST_LEGACY
        session = self._sessions.start(visit.principal, version, client, capabilities)
        self._road.forget(visit.record)
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": self._pen.server,
        }
        answer = self._pen.result(visit.voice, result)
        return Answer(200, answer.body, (*answer.headers, (headers.SESSION.encode(), session.encode())))

    async def _request(self, visit: Visit, request: jsonrpc.Request, session: Session) -> Answer:
        match request.method:
            case "tools/call":
                return await self._call(visit, request, session)
            case "tools/list":
                return await self._list(visit, request, session)
            case "ping":
                result: dict[str, Any] = {}
            case "logging/setLevel":
                if request.params.get("level") not in _LEVELS:
                    raise Refused(Reason.INVALID_PARAMS, "params.level is no level of the standard.")
                result = {}
            case _:
                raise Refused(Reason.UNKNOWN_METHOD, "This method is not served.")
        self._road.forget(visit.record)
        return self._pen.result(visit.voice, result)

    async def _list(self, visit: Visit, request: jsonrpc.Request, session: Session) -> Answer:
        first = first_of_page(request.params)
        seen = await listed(self._road, visit, request.params, "tools")
        if isinstance(seen, Refusal):
            return self._pen.refusal(visit.voice, seen, visit.record.call_id)
        return self._pen.result(visit.voice, page("tools", older.tools(seen, session.version), first))

    async def _call(self, visit: Visit, request: jsonrpc.Request, session: Session) -> Answer:
        wanted = asked(request.params, visit.head, "legacy", session.version)
        place = (session.key, request.id)
        self._in_flight[place] = visit.caller
        try:
            ending = await walk(self._road, visit, wanted)
        finally:
            if self._in_flight.get(place) is visit.caller:
                del self._in_flight[place]
        if isinstance(ending, Reply):
            ending = Reply(older.result(ending.result, session.version), ending.delivered)
        return self._pen.ending(visit.voice, ending, visit.record.call_id)

    def _cancel(self, session: Session, request_id: Any) -> None:
        if isinstance(request_id, str | int) and (caller := self._in_flight.get((session.key, request_id))) is not None:
            caller.cancel()
