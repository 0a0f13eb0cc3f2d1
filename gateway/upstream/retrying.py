"""Whether a call is sent again, and when: the decision and the budget that bounds it.

Lives only here: what is safe to send again (ledger §2), how long to wait before it, and the share of load that retries may
add. Must not know breakers, transports or what a call carries. Used by `resilient.py`.
"""

from collections import deque
from typing import Final, assert_never

from gateway.config.upstreams import Retries
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.tool import Effect
from gateway.ports import Clock
from gateway.upstream.bucket import Bucket

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
WINDOW_S: Final = 10
"""Over which calls and retries are compared."""
RESENDABLE: Final = frozenset({Effect.READ, Effect.IDEMPOTENT})
"""Effects of which a second time does no harm. `unset` is not among them: nobody said so."""


def harmless(call: Outbound, since_s: float) -> bool:
    """Whether the same send once more does no harm, `since_s` seconds after the first: it has no effect of its own, or the
    operator vouches that the server still knows the key that travels with it.
    """
    terms = call.tool.terms
    recognised = terms.in_doubt == "forward_key" and call.idempotency_key is not None and since_s < terms.dedupes_s
    return recognised or call.tool.effect in RESENDABLE


def pause_s(carried: Carried, resent: int, left_s: float, most: int, chance: float, *, again: bool) -> float | None:
    """Seconds to wait before the call is sent again; None: this outcome stands.

    `again`: whether what may have arrived may arrive once more. `resent` counts the retries so far, `left_s` is the time to the deadline, `chance` comes from [0, 1): full jitter, for
    callers that failed together must not come back together.
    """
    if resent >= most or not _safe(carried, again=again):
        return None
    pause = chance * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**resent)
    if isinstance(carried, Unsent) and carried.retry_after_ms is not None:
        pause += carried.retry_after_ms / 1000
    return pause if pause < left_s else None


def _safe(carried: Carried, *, again: bool) -> bool:
    match carried:
        case Answered() | AnsweredError():
            return False
        case Unsent(cause=cause):
            return cause in {"unreached", "later"}
        case Lost():
            return again
        case _:
            assert_never(carried)


class Budget:
    """Retries as a share of the calls of the last 10 s, and beside it a few each second, so that quiet upstreams have some."""

    def __init__(self, rule: Retries, clock: Clock) -> None:
        self._share = rule.budget
        self._clock = clock
        self._seconds: deque[list[int]] = deque()
        """[second, calls, retries paid by the share], oldest first."""
        self._floor = Bucket(rule.floor, clock.monotonic())

    def called(self) -> None:
        """A call came; its first send costs nothing."""
        self._second()[1] += 1

    def take(self) -> bool:
        """Pays for one retry, if there is anything to pay with."""
        second = self._second()
        if sum(one[2] for one in self._seconds) + 1 <= self._share * sum(one[1] for one in self._seconds):
            second[2] += 1
            return True
        return self._floor.take(self._clock.monotonic())

    def _second(self) -> list[int]:
        number = int(self._clock.monotonic())
        while self._seconds and self._seconds[0][0] <= number - WINDOW_S:
            self._seconds.popleft()
        if not self._seconds or self._seconds[-1][0] != number:
            self._seconds.append([number, 0, 0])
        return self._seconds[-1]
