"""What a server says while calls run, and whom it is for: progress, log messages, questions to the caller.

Lives only here: one call's side of it (`Conversation`) and that of a session or process, which many calls may share
(`Voices`). A word that cannot be given to exactly one call is given to nobody. Must not know eras, sockets or whose client
stands behind a dialogue. Called by whatever reads what a server sends.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_args

from gateway.model.dialogue import ASKED, MESSAGE, PROGRESS, QUESTION_S, Dialogue, Level, Unanswered
from gateway.tasks import Tasks
from gateway.upstream.bucket import Bucket
from gateway.upstream.deadline import Deadline
from gateway.wire import jsonrpc

MOST_QUESTIONS: Final = 32
"""Of one call: each may hold it up."""
REPORTS_PER_S: Final = 20
"""Of one call's progress, and as many at once; of a server that tells more often some are left out, as MCP foresees."""
_MOST_AT_ONCE: Final = 16
"""Answers that are made for one server at the same time; what it asks beyond is not heard."""
_CANCELLED: Final = "notifications/cancelled"
_LEVELS: Final[tuple[str, ...]] = get_args(Level)
_NO_CAPABILITY: Final = (jsonrpc.METHOD_NOT_FOUND, "This client declared no such capability")
_TOO_MANY: Final = (jsonrpc.INTERNAL_ERROR, f"More than {MOST_QUESTIONS} questions in one call")
_TOO_LATE: Final = (jsonrpc.INTERNAL_ERROR, "Nobody answered in time")
_log = logging.getLogger("sallyport.upstream")

Say = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Sends a message that has no answer; failures do not matter."""


def rank(level: Any) -> int:
    """How grave a log level is; -1 when it is none."""
    return _LEVELS.index(level) if level in _LEVELS else -1


class Conversation:
    """A call that runs, and its caller."""

    __slots__ = ("_asked", "_deadline", "_reports", "begun", "dialogue", "owner", "token")

    def __init__(self, dialogue: Dialogue, token: str, deadline: Deadline, owner: str = "") -> None:
        """`token` is what the server reports progress under: ours, so that no caller's can be mistaken for another's."""
        self.dialogue = dialogue
        self.owner = owner
        self.token = token
        self.begun = False
        """Whether the server showed that it is at work."""
        self._deadline = deadline
        self._asked = 0
        self._reports = Bucket(REPORTS_PER_S, deadline.now)

    def progressed(self, params: Mapping[str, Any]) -> None:
        """Progress under our token, passed on under the caller's."""
        self.begun = True
        mine, progress = self.dialogue.progress_token, params.get("progress")
        if mine is None or isinstance(progress, bool) or not isinstance(progress, int | float):
            return
        if self._reports.take(self._deadline.now):
            self.dialogue.tell(PROGRESS, {**params, "progressToken": mine})

    def logged(self, params: Mapping[str, Any]) -> None:
        """A log message, passed on when it is grave enough."""
        least = self.dialogue.log_level
        if least is not None and rank(params.get("level")) >= rank(least) and "data" in params:
            self.dialogue.tell(MESSAGE, params)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the caller answers; the call's time stands still meanwhile. Raises Unanswered."""
        self.begun = True
        if ASKED.get(method) not in self.dialogue.capabilities:
            raise Unanswered(*_NO_CAPABILITY)
        self._asked += 1
        if self._asked > MOST_QUESTIONS:
            raise Unanswered(*_TOO_MANY)
        with self._deadline.standing_still():
            try:
                async with asyncio.timeout(min(QUESTION_S, self._deadline.patience_s)):
                    return await self.dialogue.ask(method, params)
            except TimeoutError:
                raise Unanswered(*_TOO_LATE) from None


class Volume:
    """From which level on a server of sessions tells its log messages: from the least that anybody wanted."""

    def __init__(self, capabilities: Mapping[str, Any]) -> None:
        self._told: float = math.inf if "logging" in capabilities else -1

    def lowers(self, least: Level | None) -> bool:
        """Whether the server has to be told that somebody wants to hear more; then it counts as told."""
        wanted = rank(least)
        if 0 <= wanted < self._told:
            self._told = wanted
            return True
        return False


class Voices:
    """What one session or process says, and the calls that run there now."""

    def __init__(
        self,
        upstream: str,
        say: Say,
        news: Callable[[jsonrpc.Notification], None],
        tasks: Tasks,
        *,
        asks: bool = True,
    ) -> None:
        """`news` takes what is about no call; `asks`: the server was told that callers can be asked."""
        self._upstream = upstream
        self._say = say
        self._news = news
        self._tasks = tasks
        self._asks = asks
        self._running: dict[str, Conversation] = {}
        self._owner: str | None = None
        self._shared = False
        """Whether calls of more than one owner ever ran here."""
        self._answering: dict[jsonrpc.Id, tuple[Conversation | None, asyncio.Task[None]]] = {}

    @property
    def busy(self) -> bool:
        """Whether calls run."""
        return bool(self._running)

    def join(self, call: Conversation) -> None:
        """The call is under way."""
        self._shared = self._shared or self._owner not in {None, call.owner}
        self._owner = call.owner
        self._running[call.token] = call

    def leave(self, call: Conversation) -> None:
        """It is over; what was asked for it is taken back."""
        del self._running[call.token]
        for of, task in tuple(self._answering.values()):
            if of is call:
                task.cancel()

    def hear(self, frame: jsonrpc.Request | jsonrpc.Notification, of: Conversation | None = None) -> None:
        """Takes what the server says. `of` is the call on whose own stream it came."""
        match frame:
            case jsonrpc.Request():
                self._asked(frame, (of or self._only) if self._asks else None)
            case jsonrpc.Notification(method=method, params=params) if method == PROGRESS:
                if isinstance(token := params.get("progressToken"), str) and token in self._running:
                    self._running[token].progressed(params)
            case jsonrpc.Notification(method=method, params=params) if method == MESSAGE:
                if (call := of or self._only) is not None:
                    call.logged(params)
                else:
                    _log.debug("upstream %s logs: %.1000r", self._upstream, params)
            case jsonrpc.Notification(method=method, params=params) if method == _CANCELLED:
                self._taken_back(params.get("requestId"))
            case jsonrpc.Notification():
                self._news(frame)

    @property
    def _only(self) -> Conversation | None:
        """The one call that runs; None also when several do, because nobody can tell which one is meant.

        Where callers share the server it may speak of a call that is over, which was another's: then it is nobody's.
        """
        return next(iter(self._running.values())) if len(self._running) == 1 and not self._shared else None

    def _asked(self, asked: jsonrpc.Request, of: Conversation | None) -> None:
        if len(self._answering) >= _MOST_AT_ONCE or asked.id in self._answering:
            return
        task = self._tasks.start(self._answer(asked, of), f"answer to {self._upstream}")
        self._answering[asked.id] = (of, task)
        task.add_done_callback(lambda _: self._answering.pop(asked.id, None))

    async def _answer(self, asked: jsonrpc.Request, of: Conversation | None) -> None:
        await self._say(await _answered(asked, of))

    def _taken_back(self, asked: Any) -> None:
        if isinstance(asked, str | int) and asked in self._answering:
            self._answering[asked][1].cancel()


async def _answered(asked: jsonrpc.Request, of: Conversation | None) -> dict[str, Any]:
    if asked.method == "ping":
        return jsonrpc.result(asked.id, {})
    if of is None:
        return jsonrpc.error(asked.id, *_NO_CAPABILITY)
    try:
        return jsonrpc.result(asked.id, await of.ask(asked.method, asked.params))
    except Unanswered as unanswered:
        return jsonrpc.error(asked.id, unanswered.code, unanswered.message)
