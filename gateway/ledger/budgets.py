"""Budgets: at most so many calls per minute, hour or day, for each agent and each user.

Lives only here: the counters, what a window is (UTC, from the round minute, hour, day) and the order check-all, then
count-all. Everything is synchronous, so on one event loop nobody gets between check and count. Strict where memory is
not sure: nothing is ever given back to a window that may not have paid. Must not know tools or stores. Called by
brakes; `used_since` asks the audit index what a window had seen before this process counted.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from gateway.config.budgets import Budget
from gateway.ledger.case import Case
from gateway.model.claim import Spend
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.ports import Clock

Scope = Literal["agent", "user"]
Window = Literal["minute", "hour", "day"]
UsedSince = Callable[[str, Scope, str, float], Awaitable[int]]
"""(tenant, scope, id, Unix seconds) → calls that were paid for since then."""

_COUNTERS: Final = 50_000


@dataclass(slots=True)
class _Counter:
    start: float
    used: int


class Limits:
    """The configured limits, the strictest for each scope and window."""

    def __init__(self, rules: Sequence[Budget]) -> None:
        self._limits: dict[tuple[Scope, Window], int] = {}
        for rule in rules:
            if rule.scope not in {"agent", "user"} or rule.window is None or rule.unit != "calls":
                continue
            known = self._limits.get((rule.scope, rule.window), int(rule.limit))
            self._limits[rule.scope, rule.window] = min(known, int(rule.limit))
        self._known: dict[tuple[str, str, str | None], tuple[Spend, ...]] = {}
        """A memo: every call asks several times."""

    def of(self, principal: Principal) -> tuple[Spend, ...]:
        """Every budget a call of this principal is paid from."""
        who = principal.tenant, principal.agent, principal.user
        if (found := self._known.get(who)) is None:
            if len(self._known) >= _COUNTERS:
                self._known.clear()
            ids = {"agent": principal.agent, "user": principal.user}
            found = self._known[who] = tuple(
                Spend(principal.tenant, scope, name, window, limit)
                for (scope, window), limit in self._limits.items()
                if (name := ids[scope]) is not None
            )
        return found


def spent(spend: Spend, resets: float, now: float) -> Refusal:
    """What a caller is told whose budget is used up."""
    return Refusal(
        Reason.BUDGET_EXHAUSTED,
        f"The budget of {spend.scope} {spend.name}, {spend.limit} calls per {spend.window}, is spent; "
        f"it resets at {_text(resets)}.",
        retry_after_ms=max(0, round((resets - now) * 1000)),
    )


class Budgets:
    """The counters of all budgets, in this process. Implements `brakes.Purse`."""

    def __init__(self, rules: Sequence[Budget], clock: Clock, used_since: UsedSince) -> None:
        self._limits = Limits(rules)
        self._clock = clock
        self._used_since = used_since
        self._counters: OrderedDict[Spend, _Counter] = OrderedDict()
        self._complete_since = clock.now()
        """Windows that began later are known from memory alone."""

    async def learn(self, case: Case) -> None:
        """Before `spend`, with nothing awaited in between: asks the index for windows that memory cannot know.

        Suspends only at the first call of an id after a start, in a window that is older than the start.
        """
        for spend in self._limits.of(case.principal):
            start = self._start(spend)
            if spend not in self._counters and start < self._complete_since:
                used = await self._used_since(spend.tenant, spend.scope, spend.name, start)
                if spend not in self._counters:  # somebody else learnt it meanwhile, and may have spent since
                    self._keep(spend, _Counter(start, used))

    def spend(self, case: Case) -> float:
        """Counts one call in every budget of the principal, or in none. Returns when, for `give_back`.

        Raises Refused: budget-exhausted.
        """
        now = self._clock.now()
        counters = [(spend, self._counter(spend)) for spend in self._limits.of(case.principal)]
        for spend, counter in counters:
            if counter.used >= spend.limit:
                raise Refused.of(spent(spend, counter.start + spend.window_s, now))
        for _, counter in counters:
            counter.used += 1
        return now

    def give_back(self, case: Case, paid_at: float) -> None:
        """Returns one call to the windows that had begun at `paid_at`; a window that began later did not pay."""
        for spend in self._limits.of(case.principal):
            counter = self._counters.get(spend)
            if counter is not None and counter.start <= paid_at:
                counter.used = max(0, counter.used - 1)

    def settle(self, case: Case, paid_at: float, brought: Brought | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Calls are paid in full when they begin."""
        return {}

    def spends(self, case: Case) -> tuple[Spend, ...]:  # noqa: ARG002
        """Nothing: it was paid here."""
        return ()

    def _counter(self, spend: Spend) -> _Counter:
        start = self._start(spend)
        counter = self._counters.get(spend)
        if counter is None or counter.start < start:  # never backwards: a clock that steps back opens no spent window
            counter = _Counter(start, 0)
        return self._keep(spend, counter)

    def _keep(self, spend: Spend, counter: _Counter) -> _Counter:
        self._counters[spend] = counter
        self._counters.move_to_end(spend)
        if len(self._counters) > _COUNTERS:
            self._counters.popitem(last=False)
            self._complete_since = self._clock.now()
        return counter

    def _start(self, spend: Spend) -> float:
        return self._clock.now() // spend.window_s * spend.window_s


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
