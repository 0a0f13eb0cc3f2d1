"""Budgets: at most so many calls per minute, hour or day, for each agent and each user.

Lives only here: the counters, what a window is (UTC, from the round minute, hour, day) and the order check-all, then
count-all. Everything is synchronous, so on one event loop nobody gets between check and count. Strict where memory is
not sure: nothing is ever given back to a window that may not have paid. Must not know tools or stores. Called by
brakes; `used_since` asks the audit index what a window had seen before this process counted.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from gateway.config.schema import Budget
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock

Scope = Literal["agent", "user"]
Window = Literal["minute", "hour", "day"]
UsedSince = Callable[[str, Scope, str, float], Awaitable[int]]
"""(tenant, scope, id, Unix seconds) → calls that were paid for since then."""

_SECONDS: Final[dict[Window, float]] = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_COUNTERS: Final = 50_000
_Key = tuple[str, Scope, str, Window]


@dataclass(slots=True)
class _Counter:
    start: float
    used: int


class Budgets:
    """The counters of all budgets."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, used_since: UsedSince) -> None:
        self._limits: dict[tuple[Scope, Window], int] = {}
        for rule in rules:
            known = self._limits.get((rule.scope, rule.window), rule.limit)
            self._limits[rule.scope, rule.window] = min(known, rule.limit)
        self._clock = clock
        self._used_since = used_since
        self._counters: OrderedDict[_Key, _Counter] = OrderedDict()
        self._complete_since = clock.now()
        """Windows that began later are known from memory alone."""

    async def learn(self, principal: Principal) -> None:
        """Before `spend`, with nothing awaited in between: asks the index for windows that memory cannot know.

        Suspends only at the first call of an id after a start, in a window that is older than the start.
        """
        for key in self._keys(principal):
            tenant, scope, name, window = key
            start = self._start(window)
            if key not in self._counters and start < self._complete_since:
                used = await self._used_since(tenant, scope, name, start)
                if key not in self._counters:  # somebody else learnt it meanwhile, and may have spent since
                    self._keep(key, _Counter(start, used))

    def spend(self, principal: Principal) -> float:
        """Counts one call in every budget of the principal, or in none. Returns when, for `give_back`.

        Raises Refused: budget-exhausted.
        """
        now = self._clock.now()
        counters = [(key, self._counter(key)) for key in self._keys(principal)]
        for (_, scope, name, window), counter in counters:
            limit = self._limits[scope, window]
            if counter.used >= limit:
                resets = counter.start + _SECONDS[window]
                raise Refused(
                    Reason.BUDGET_EXHAUSTED,
                    f"The budget of {scope} {name}, {limit} calls per {window}, is spent; it resets at {_text(resets)}.",
                    retry_after_ms=max(0, round((resets - now) * 1000)),
                )
        for _, counter in counters:
            counter.used += 1
        return now

    def give_back(self, principal: Principal, paid_at: float) -> None:
        """Returns one call to the windows that had begun at `paid_at`; a window that began later did not pay."""
        for key in self._keys(principal):
            counter = self._counters.get(key)
            if counter is not None and counter.start <= paid_at:
                counter.used = max(0, counter.used - 1)

    def _keys(self, principal: Principal) -> list[_Key]:
        ids = {"agent": principal.agent, "user": principal.user}
        return [
            (principal.tenant, scope, name, window)
            for scope, window in self._limits
            if (name := ids[scope]) is not None
        ]

    def _counter(self, key: _Key) -> _Counter:
        start = self._start(key[3])
        counter = self._counters.get(key)
        if counter is None or counter.start < start:  # never backwards: a clock that steps back opens no spent window
            counter = _Counter(start, 0)
        return self._keep(key, counter)

    def _keep(self, key: _Key, counter: _Counter) -> _Counter:
        self._counters[key] = counter
        self._counters.move_to_end(key)
        if len(self._counters) > _COUNTERS:
            self._counters.popitem(last=False)
            self._complete_since = self._clock.now()
        return counter

    def _start(self, window: Window) -> float:
        return self._clock.now() // _SECONDS[window] * _SECONDS[window]


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
