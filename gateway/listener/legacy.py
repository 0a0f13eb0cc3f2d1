"""The legacy conversation (MCP 2024-11-05 to 2025-11-25): initialize, then requests of a session.

Lives only here: the methods a session may use, which of its requests are in flight, what DELETE and GET mean. Opening a
session does no work but sealing its id, and a plain call costs it nothing more. Must not know how an id is sealed, a stream
is written or a question is waited for. Called by `plane`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.listener import legacy_replay, older
from gateway.listener.asking import MAX_URI, asked, meta_of
from gateway.listener.caller import Caller
from gateway.listener.eras import CAPABILITIES
from gateway.listener.hub import Hub
from gateway.listener.legacy_dialogue import PRIMED_SINCE, Talk
from gateway.listener.legacy_table import Table
from gateway.listener.limits import Limits
from gateway.listener.render import ACCEPTED, Answer, Pen
from gateway.listener.sessions import Session, Sessions
from gateway.listener.streams import Open, Streams
from gateway.listener.visit import LISTS, WALKS, Listed, Visit, first_of_page, listed, page, walk
from gateway.model.call import Method, Reply, ReplyError
from gateway.model.dialogue import LEVELS, SILENT_IN_SESSION, Dialogue
from gateway.model.news import News, Updated
from gateway.model.outcome import INPUT_REQUIRED
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Clock, Record, Road
from gateway.wire import headers, jsonrpc


class Legacy:
    """Answers messages that belong to a session, or ask for one."""

    def __init__(
        self,
        road: Road,
        pen: Pen,
        sessions: Sessions,
        streams: Streams,
        hub: Hub,
        *,
        limits: Limits,
        clock: Clock,
        call_ids: Sequence[str],
    ) -> None:
        self._road = road
        self._pen = pen
        self._sessions = sessions
        self._streams = streams
        self._table = Table(limits, clock, hub)
        self._limits = limits
        self._clock = clock
        self._call_ids = call_ids
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
            case jsonrpc.Result() | jsonrpc.Error():
                # Only what this very session was asked can be found; that a response was wanted is told to nobody.
                if (held := self._table.find(session)) is not None:
                    held.questions.answer(frame)
            case _:
                pass  # other notifications: nothing of ours waits for one
        self._road.forget(visit.record)
        return ACCEPTED

    def session(self, text: str | None, principal: Principal) -> Session:
        """The session a request names. Raises Refused: session-missing, session-ended."""
        if text is None:
            raise Refused(Reason.SESSION_MISSING, "The request names no session.")
        return self._sessions.read(text, principal)

    def end(self, record: Record, session: Session) -> Answer:
        """DELETE: ends the session, its streams, questions and subscriptions."""
        self._sessions.end(session)
        self._table.drop(session.key)
        self._road.forget(record)
        return Answer(204)

    def stream(self, record: Record, session: Session, principal: Principal, seen: str | None) -> Open:
        """GET: takes the stream of the event `seen` (`Last-Event-ID`), or the session's standalone one.

        Raises Refused: stream-taken, sessions-full, invalid-params.
        """
        opened = self._opened(session, principal, seen)
        self._streams.take(opened, principal)
        self._road.forget(record)
        return opened

    def close(self) -> None:
        """Gives up every open question, so that no call waits for an answer that could not be taken any more."""
        self._table.close()

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
        result = {"protocolVersion": version, "capabilities": CAPABILITIES, "serverInfo": self._pen.server}
        answer = self._pen.result(visit.voice, result)
        return Answer(200, answer.body, (*answer.headers, (headers.SESSION.encode(), session.encode())))

    async def _request(self, visit: Visit, request: jsonrpc.Request, session: Session) -> Answer:
        if (walks := WALKS.get(request.method)) is not None:
            return await self._walk(visit, request, session, walks)
        if (lists := LISTS.get(request.method)) is not None:
            return await self._list(visit, request, session, lists)
        match request.method:
            case "ping":
                pass
            case "logging/setLevel":
                if (level := request.params.get("level")) not in LEVELS:
                    raise Refused(Reason.INVALID_PARAMS, "params.level is no level of the standard.")
                self._table.of(session).level = level
            case "resources/subscribe":
                self._subscribe(visit.principal, session, _uri(request.params))
            case "resources/unsubscribe":
                self._unsubscribe(session, _uri(request.params))
            case _:
                raise Refused(Reason.UNKNOWN_METHOD, "This method is not served.")
        self._road.forget(visit.record)
        return self._pen.result(visit.voice, {})

    async def _list(self, visit: Visit, request: jsonrpc.Request, session: Session, kind: Listed) -> Answer:
        first = first_of_page(request.params)
        seen = await listed(self._road, visit, request.params, kind)
        if isinstance(seen, Refusal):
            return self._pen.refusal(visit.voice, seen, visit.record.call_id)
        if kind == "tools":
            seen = older.tools(seen, session.version)
        return self._pen.result(visit.voice, page(kind, seen, first))

    async def _walk(self, visit: Visit, request: jsonrpc.Request, session: Session, method: Method) -> Answer:
        talk = self._dialogue(visit, request.params, session)
        wanted = asked(request.params, visit.head, "legacy", session.version, method, talk, self._call_ids)
        place = (session.key, request.id)
        self._in_flight[place] = visit.caller
        try:
            ending = await walk(self._road, visit, wanted)
        finally:
            if self._in_flight.get(place) is visit.caller:
                del self._in_flight[place]
            line = talk.end() if isinstance(talk, Talk) else None
        answer = self._pen.ending(visit.voice, _older(ending, session.version, method), visit.record.call_id)
        if line is not None:
            line.delivered = answer.delivered
        return answer

    def _dialogue(self, visit: Visit, params: Mapping[str, Any], session: Session) -> Dialogue:
        """Silent for a client that can neither hear nor be asked: its call stays one plain answer."""
        if not visit.outlet.streams:
            return SILENT_IN_SESSION
        token = meta_of(params).get("progressToken")
        if not isinstance(token, str | int) or isinstance(token, bool):
            token = None
        can = older.capabilities(session.capabilities, session.version)
        held = self._table.find(session)
        if token is None and not can and (held is None or held.level is None):
            return SILENT_IN_SESSION
        return Talk(
            visit, session, held or self._table.of(session), self._limits, capabilities=can, progress_token=token
        )

    def _cancel(self, session: Session, request_id: Any) -> None:
        if isinstance(request_id, str | int) and (caller := self._in_flight.get((session.key, request_id))) is not None:
            caller.cancel()

    def _subscribe(self, principal: Principal, session: Session, uri: str) -> None:
        upstream = self._road.readable(principal, uri)
        if upstream is None:
            raise Refused(Reason.UNKNOWN_RESOURCE, "There is no such resource.", data={"uri": uri})
        ear = self._table.of(session).ear
        resources = ear.resources | {Updated(upstream, uri)}
        if len(resources) > self._limits.subscriptions:
            raise Refused(
                Reason.INVALID_PARAMS, f"This session is subscribed to {self._limits.subscriptions} resources already."
            )
        if sum(len(one.uri) for one in resources) > self._limits.subscribed_chars:
            raise Refused(
                Reason.INVALID_PARAMS,
                f"The URIs this session is subscribed to hold over {self._limits.subscribed_chars} characters.",
            )
        ear.listen_to(resources)

    def _unsubscribe(self, session: Session, uri: str) -> None:
        if (held := self._table.find(session)) is not None:
            held.ear.listen_to(one for one in held.ear.resources if one.uri != uri)

    def _opened(self, session: Session, principal: Principal, seen: str | None) -> Open:
        expires = principal.expires_at

        def over() -> bool:
            return self._sessions.over(session) or (expires is not None and expires <= self._clock.now())

        def may_hear(news: News) -> bool:
            return not isinstance(news, Updated) or self._road.readable(principal, news.uri) == news.upstream

        held = self._table.of(session)
        last = None if seen is None else legacy_replay.place(seen)
        here = last is not None and last.entry == held.lines.entry
        if last is not None and last.stream != legacy_replay.STANDALONE:
            line = held.lines.find(last.stream) if here else None
            if line is None:
                raise _not_kept()
            return Open(line, last.event, over)
        if seen is not None and last is None:
            raise _not_kept()
        line = held.lines.standalone()
        if seen is None and line.heard:
            raise Refused(Reason.STREAM_TAKEN, "This session has a GET stream already.")
        after = last.event if last is not None and here else line.last
        return Open(line, after, over, held.ear, may_hear, session.version >= PRIMED_SINCE)


def _uri(params: Mapping[str, Any]) -> str:
    uri = params.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= MAX_URI:
        raise Refused(Reason.INVALID_PARAMS, f"params.uri is not a string of 1 to {MAX_URI} characters.")
    return uri


def _older(ending: Reply | ReplyError | Refusal, version: str, method: Method) -> Reply | ReplyError | Refusal:
    match ending:
        case Reply(result={"resultType": wanted}) if wanted == INPUT_REQUIRED:
            # A server that asks a client which declared that it cannot be asked; there is no such result before 2026.
            why = "The server wants input that this client cannot give."
            return ReplyError(jsonrpc.INVALID_REQUEST, why, delivered=ending.delivered)
        case Reply():
            return Reply(older.result(ending.result, version, method), ending.delivered)
        case ReplyError():
            return older.error(ending, method)
        case Refusal():
            return ending


def _not_kept() -> Refused:
    return Refused(Reason.INVALID_PARAMS, "Last-Event-ID names no stream that can be taken up again.")
