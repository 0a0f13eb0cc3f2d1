"""Where calls wait while their stateless client answers with a new request: bounded, and only as long as the process lives.

Lives only here: how many questions may be open and how much their calls may hold, of one principal and in all, under which
name the next request finds its call, and that all are let go when a stop was asked for. A name is good for one answer. Must
not know what is asked, seals or the road. Interviews park here; the modern conversation's calls find them again;
`plane.close` ends it.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from gateway.listener.limits import Limits
from gateway.model.dialogue import Unanswered
from gateway.model.principal import Principal, Who
from gateway.wire import jsonrpc

T = TypeVar("T")
Waiting = asyncio.Future[Mapping[str, Any] | None]
"""For one answer; None: there will be none."""
_TOO_MANY: Final = "Too many questions wait for an answer already"
_TOO_LARGE: Final = "Too much waits for an answer already"
_TOO_LATE: Final = "The client gave no answer in time"
_OVER: Final = "The client is not there to be asked"


class Parking(Generic[T]):
    """Open questions, and the calls that wait for their answers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Waiting, int] = {}
        self._each: Counter[Who] = Counter()
        self._held = 0
        self._held_each: Counter[Who] = Counter()
        self._parked: dict[str, T] = {}
        self._closing = False

    def waiting(self, principal: Principal, size: int = 0) -> Waiting:
        """A question that is open from now on, until `answer` returns. Raises Unanswered when there are too many.

        `size`: bytes of the request whose call waits.
        """
        whose, limits = principal.who, self._limits
        if self._closing:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, _OVER)
        if len(self._open) >= limits.parked or self._each[whose] >= limits.parked_each:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, _TOO_MANY)
        if self._held + size > limits.parked_held_bytes or self._held_each[whose] + size > limits.parked_bytes:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, _TOO_LARGE)
        waiting: Waiting = asyncio.get_running_loop().create_future()
        self._open[waiting] = size
        self._each[whose] += 1
        self._held += size
        self._held_each[whose] += size
        return waiting

    async def answer(self, waiting: Waiting, principal: Principal) -> Mapping[str, Any]:
        """Waits for the answer, as long as a client may take. Raises Unanswered."""
        try:
            async with asyncio.timeout(self._limits.answer_s):
                answer = await waiting
        except TimeoutError:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, _TOO_LATE) from None
        finally:
            self._close(waiting, principal.who)
        if answer is None:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, _OVER)
        return answer

    def _close(self, waiting: Waiting, whose: Who) -> None:
        size = self._open.pop(waiting)
        self._each[whose] -= 1
        self._held -= size
        self._held_each[whose] -= size
        if not self._each[whose]:
            del self._each[whose], self._held_each[whose]

    def park(self, call: T) -> str:
        """A new name for a call that waits. Whoever parks it forgets the name when it is answered or over."""
        name = secrets.token_hex(16)
        self._parked[name] = call
        return name

    def find(self, name: str) -> T | None:
        """The call that waits under this name; None when it is answered, over, or waits in another process."""
        return self._parked.get(name)

    def forget(self, name: str) -> None:
        """The name is good for nothing any more."""
        self._parked.pop(name, None)

    def close(self) -> None:
        """Lets every question go, and takes no new one."""
        self._closing = True
        for waiting in self._open:
            give(waiting, None)


def give(waiting: Waiting, answer: Mapping[str, Any] | None) -> bool:
    """Whether it was still waited for."""
    if waiting.done():
        return False
    waiting.set_result(answer)
    return True
