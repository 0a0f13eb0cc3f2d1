"""The dialogue of one request of a legacy session: what its client hears and is asked, on that request's own stream.

Lives only here: which notifications go out, how a question goes out under an id of ours and how long its answer is waited
for (MCP 2025-11-25, basic/transports; SEP-2260: only on the stream of the request it belongs to). Must not know the road,
upstreams or HTTP. Made by the legacy conversation for a request whose client can hear or be asked; the upstream leg talks.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

from gateway.listener import older
from gateway.listener.legacy_replay import Line
from gateway.listener.legacy_table import Held, Waiting, close
from gateway.listener.limits import Limits
from gateway.listener.sessions import Session
from gateway.listener.visit import Visit
from gateway.model.dialogue import MESSAGE, PROGRESS, ProgressToken, Unanswered, is_wanted
from gateway.wire import jsonrpc
from gateway.wire.strict_json import dump

PRIMED_SINCE: Final = "2025-11-25"
"""Streams of this revision begin with an event that has a name and nothing else (SEP-1699)."""
_TURNED_DOWN: Final = "The client answered with an error"
_GONE: Final = (jsonrpc.INTERNAL_ERROR, "The client is not there to be asked")
_TOO_MANY: Final = (jsonrpc.INTERNAL_ERROR, "The client has too many questions open")
_TOO_LATE: Final = (jsonrpc.INTERNAL_ERROR, "The client gave no answer in time")
_OVER: Final = (jsonrpc.INTERNAL_ERROR, "The request or its session has ended")
_NO_SUCH_KIND: Final = (jsonrpc.INVALID_PARAMS, "This client cannot be asked in this way")


class Talk:
    """Implements Dialogue."""

    stateless = False

    def __init__(
        self,
        visit: Visit,
        session: Session,
        held: Held,
        limits: Limits,
        *,
        capabilities: Mapping[str, Any],
        progress_token: ProgressToken | None,
    ) -> None:
        self.session = session.key
        self.capabilities = capabilities
        self.log_level = held.level
        self.progress_token = progress_token
        self._version = session.version
        self._held = held
        self._limits = limits
        self._outlet = visit.outlet
        self._caller = visit.caller
        self._line: Line | None = None
        self._waiting: dict[str, Waiting] = {}
        self._over = False

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        if method == PROGRESS and self.progress_token is not None:
            self._say(jsonrpc.notification(method, {**params, "progressToken": self.progress_token}))
        elif method == MESSAGE and is_wanted(params.get("level"), self.log_level):
            self._say(jsonrpc.notification(method, params))

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = older.question(method, params, self.capabilities, self._version, secrets.token_hex(16))
        if wanted is None:
            raise Unanswered(*_NO_SUCH_KIND)
        if (question := self._held.questions.put()) is None:
            raise Unanswered(*_TOO_MANY)
        name, waiting = question
        self._waiting[name] = waiting
        try:
            if self._left or not self._say(jsonrpc.request(name, method, wanted)):
                close(waiting)
                raise Unanswered(*_GONE)
            return _result(await self._answer(waiting))
        finally:
            self._take_back(name)

    def end(self) -> Line | None:
        """Nothing can be told or asked any more; what is written next is the last event. The stream, if one began."""
        for name in tuple(self._waiting):
            self._take_back(name)
        self._over = True
        if self._line is not None:
            self._line.closing = True
        return self._line

    @property
    def _left(self) -> bool:
        """Whether the client heard something on the stream and has gone away from it."""
        return self._line is not None and not self._line.heard

    def _take_back(self, name: str) -> None:
        """Nobody waits for this answer any more; a client that was still asked is told so."""
        if (waiting := self._waiting.pop(name, None)) is None:
            return
        self._held.questions.take_back(name)
        if not waiting.done():
            self._say(jsonrpc.notification("notifications/cancelled", {"requestId": name}))
            close(waiting)

    def _say(self, message: Mapping[str, Any]) -> bool:
        """Whether it is on its way to the client, or kept until it comes back."""
        if self._over or (self._line is None and not self._begun()):
            return False
        return self._outlet.say(dump(message))

    def _begun(self) -> bool:
        """Begins the stream. Of one that never began nobody knows a name, so nobody comes back for it."""
        if self._caller.gone or not self._outlet.streams:
            return False
        self._line = self._held.lines.begin(self._caller)
        self._outlet.remember = self._line.keep
        if self._version >= PRIMED_SINCE:
            self._outlet.say(b"")
        return True

    async def _answer(self, waiting: Waiting) -> jsonrpc.Response | None:
        """Waits as long as a client may take. Raises Unanswered when it stays away or is too slow."""
        looks, away = max(1, round(self._limits.answer_s / self._limits.away_s)), False
        for _ in range(looks):
            done, _ = await asyncio.wait({waiting}, timeout=self._limits.away_s)
            if done:
                return waiting.result()
            if away and self._left:
                raise Unanswered(*_GONE)
            away = self._left
        raise Unanswered(*_TOO_LATE)


def _result(response: jsonrpc.Response | None) -> Mapping[str, Any]:
    match response:
        case jsonrpc.Result(result=result):
            return result
        case jsonrpc.Error(code=code):
            raise Unanswered(code, _TURNED_DOWN)
        case None:
            raise Unanswered(*_OVER)
