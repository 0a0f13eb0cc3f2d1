"""The cap on identical repeated calls.

Lives only here: what counts as a repetition, and when it becomes a hint or a refusal. Counted per tenant, agent and user
over the last 64 calls within the window: every attempt, refused ones included, except joins and replays under an
explicit key, which the room takes back. Must not know claims or stores. Called by brakes; refusals of the rooms before
the ledger come in by name, and only ever lead to a hint: their arguments are unknown here, the next ones may be right.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from gateway.config.loops import Loops as Rule
from gateway.ledger.case import Case
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Effect
from gateway.ports import Clock

_CALLERS: Final = 2_000
_RING: Final = 64

_Caller = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    what: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """One attempt as it was counted."""

    attempt: _Attempt
    hint: str | None = None
    refused: Refusal | None = None
    asks: str | None = None
    """Why a person must say yes first."""


class Loops:
    """The last calls of every caller."""

    def __init__(self, rule: Rule, clock: Clock) -> None:
        self._rule = rule
        self._window_s = rule.window.total_seconds()
        self._clock = clock
        self._callers: OrderedDict[_Caller, deque[_Attempt]] = OrderedDict()

    def note(self, case: Case) -> Sighting:
        """Counts an attempt, and says what the brake makes of it."""
        principal, call, fingerprint = case.principal, case.call, case.fingerprint
        attempt = self._count(principal, fingerprint)
        same = self._times(principal, fingerprint)
        refusals = self._times(principal, _refusals(call.published_name))
        if len(same) + len(refusals) < self._rule.repeats:
            return Sighting(attempt)
        told = (
            f"{call.tool.label} was called {len(same)} times with the same arguments in the last {self._window_s:.0f} s"
        )
        if refusals:
            told += f" and {call.published_name} was refused {len(refusals)} times"
        if len(same) >= self._rule.repeats and self._refuses(call.tool.effect):
            # The call after the next pause passes when all but `repeats - 2` of the calls so far are out of the window.
            free_at = same[1 - self._rule.repeats] + self._window_s
            wait_ms = max(0, round((free_at - attempt.at) * 1000))
            return Sighting(attempt, refused=Refusal(Reason.LOOP_DETECTED, f"{told}.", retry_after_ms=wait_ms))
        return Sighting(attempt, hint=f"{told}. Repeating it will not change the outcome; try something else.")

    def ended(self, case: Case, sighting: Sighting, brought: Brought | None) -> None:
        """What came of an attempt; None: no answer."""

    def forget(self, case: Case, sighting: Sighting) -> None:
        """Takes an attempt back that turned out to be no repetition of the agent's own will."""
        ring = self._callers.get(_caller(case.principal))
        if ring is not None and sighting.attempt in ring:
            ring.remove(sighting.attempt)

    def note_refused(self, principal: Principal, name: str) -> None:
        """Counts a denial or an unknown tool under its published name."""
        self._count(principal, _refusals(name))

    def _refuses(self, effect: Effect) -> bool:
        return effect in {Effect.MUTATING, Effect.IDEMPOTENT} or self._rule.reads == "refuse"

    def _count(self, principal: Principal, what: bytes) -> _Attempt:
        caller = _caller(principal)
        if (ring := self._callers.get(caller)) is None:
            ring = self._callers[caller] = deque(maxlen=max(_RING, self._rule.repeats))
            if len(self._callers) > _CALLERS:
                self._callers.popitem(last=False)
        self._callers.move_to_end(caller)
        attempt = _Attempt(what, self._clock.monotonic())
        ring.append(attempt)
        return attempt

    def _times(self, principal: Principal, what: bytes) -> list[float]:
        since = self._clock.monotonic() - self._window_s
        return [one.at for one in self._callers[_caller(principal)] if one.what == what and one.at > since]


def _caller(principal: Principal) -> _Caller:
    return principal.tenant, principal.agent, principal.user


def _refusals(name: str) -> bytes:
    return b"refused " + name.encode(errors="replace")[:64]
