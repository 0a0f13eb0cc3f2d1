"""One call whose stateless client can be asked in the middle of it: it is walked in a task of its own, so that it can wait.

A question that reaches `ask` parks the walk; the request that waits for it is answered with what is asked, and the next
one brings the answers to the same walk (wire §4, modern → legacy). The walk ends in its record whether or not anybody
comes back.

Lives only here: which questions are open, who hears the walk now, and when there is something to say to whoever waits.
Must not know seals, records or bytes. Made by the modern conversation's calls for a client that declared a capability.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.listener import rounds
from gateway.listener.hearer import Hearer
from gateway.listener.parking import Parking, Waiting, give
from gateway.model.call import Reply, ReplyError
from gateway.model.dialogue import Level, ProgressToken, Unanswered
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.tasks import Tasks
from gateway.wire import jsonrpc

Ending = Reply | ReplyError | Refusal
_STOPPED: Final = Refusal(Reason.OUTCOME_UNKNOWN, "The gateway was stopped before the answer came.")


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    params: Mapping[str, Any]
    waiting: Waiting


class Interview:
    """Implements Dialogue."""

    session: bytes | None = None
    stateless = True

    def __init__(
        self,
        call_id: str,
        principal: Principal,
        capabilities: Mapping[str, Any],
        hearer: Hearer | None,
        parking: "Parking[Interview]",
        size: int,
    ) -> None:
        """`size`: bytes of the request, which are held as long as the walk waits."""
        self.call_id = call_id
        self.capabilities = capabilities
        self.progress_token: ProgressToken | None = None if hearer is None else hearer.progress_token
        self.log_level: Level | None = None if hearer is None else hearer.log_level
        self.hearer = hearer
        """Who hears the walk now; None while it is parked."""
        self._principal = principal
        self._parking = parking
        self._size = size
        self._place: str | None = None
        self._open: dict[str, _Question] = {}
        self._put = 0
        self._left = False
        self._changed = asyncio.Event()
        self._walk: asyncio.Task[Ending] | None = None

    def begin(self, work: Awaitable[Reply | ReplyError], tasks: Tasks) -> None:
        """Starts the walk. `tasks` are waited for when the process stops."""
        self._walk = tasks.start(_ended(work), "interview")
        self._walk.add_done_callback(self._over)

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        if self.hearer is not None:
            self.hearer.tell(method, params)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._left:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, "The client went away")
        if rounds.lacking(self.capabilities, method, params):
            raise Unanswered(jsonrpc.INVALID_PARAMS, "This client cannot be asked in this way")
        waiting = self._parking.waiting(self._principal, self._size)
        self._put += 1
        key = f"question-{self._put}"
        self._open[key] = _Question(method, params, waiting)
        self._changed.set()
        try:
            return await self._parking.answer(waiting, self._principal)
        finally:
            del self._open[key]

    @property
    def questions(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """What is asked now and not answered: method and params by key."""
        return {key: (one.method, one.params) for key, one in self._open.items() if not one.waiting.done()}

    async def goes_on(self) -> Ending | None:
        """Waits for the walk's end, or for a question (None). Cancelling this says that the client went away."""
        assert self._walk is not None
        try:
            while not self._walk.done():
                if self.questions:
                    return None
                self._changed.clear()
                await self._changed.wait()
        except asyncio.CancelledError:
            self._leave()
            raise
        return _STOPPED if self._walk.cancelled() else self._walk.result()

    def parked(self) -> str:
        """The name under which the next request finds it."""
        self.hearer = None
        if self._place is None:
            self._place = self._parking.park(self)
        return self._place

    def answered(self, responses: Mapping[str, Any], hearer: Hearer | None) -> None:
        """Takes answers by key; whoever brings one waits from now on, and nobody else can answer under the same name."""
        fed = [give(self._open[key].waiting, answer) for key, answer in responses.items() if key in self._open]
        if any(fed):
            self._leave_place()
            self.hearer = hearer

    def _leave(self) -> None:
        """What can be cancelled is; what goes on to its record asks nobody any more."""
        self._left, self.hearer = True, None
        for one in self._open.values():
            give(one.waiting, None)
        assert self._walk is not None
        self._walk.cancel()

    def _leave_place(self) -> None:
        if self._place is not None:
            self._parking.forget(self._place)
            self._place = None

    def _over(self, _walk: asyncio.Task[Ending]) -> None:
        self._leave_place()
        self._changed.set()


async def _ended(work: Awaitable[Reply | ReplyError]) -> Ending:
    """A refusal is an answer here, and no failure of the task."""
    try:
        return await work
    except Refused as refused:
        return refused.refusal
