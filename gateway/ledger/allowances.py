"""Which budgets a call is paid from, and what is said of them.

Lives only here: from the configured rules and one call to counters, limits and amounts, and the wording of warnings and
refusals. Pure but for a memo; must not know what was used. Called by the budgets of either home.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, assert_never

from gateway.config.budgets import Budget, BudgetScope
from gateway.ledger.case import Case
from gateway.model.dialogue import session_name
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.spend import UNITS, Bill, Cost, Counter, Scope, Spend, Unit, Who, Window, shown
from gateway.model.terms import MICROS
from gateway.replies import NS

_KEPT: Final = 50_000
_GUESSED: Final = frozenset[Unit]({"bytes", "tokens"})


@dataclass(frozen=True, slots=True)
class _Rule:
    limit: int
    warns_at: int


@dataclass(frozen=True, slots=True)
class Owed:
    """What one call may use, and whom it owes that."""

    cost: Cost
    spends: tuple[Spend, ...]
    by_claim: bool = False
    """It is counted where the call is claimed."""


class Allowances:
    """The configured rules. Of several for the same scope, unit and window the strictest holds; `of` goes before."""

    def __init__(self, rules: Iterable[Budget]) -> None:
        self._rules: dict[tuple[Scope, Unit, Window | None], dict[str | None, _Rule]] = {}
        self._single: dict[Unit, int] = {}
        """Limits of one call."""
        for said in rules:
            whole = int(said.limit * MICROS) if said.unit == "money" else int(said.limit)
            if (scope := said.scope) == "call":
                self._single[said.unit] = min(whole, self._single.get(said.unit, whole))
                continue
            rule = _Rule(whole, max(1, int(whole * said.soft)))
            named = self._rules.setdefault((scope, said.unit, said.window), {})
            known = named.get(said.of, rule)
            named[said.of] = _Rule(min(rule.limit, known.limit), min(rule.warns_at, known.warns_at))
        self._known: dict[tuple[Any, ...], tuple[Spend, ...]] = {}
        """A memo, for callers and tools come again."""

    def owed(self, case: Case, cost: Cost, *, by_claim: bool = False) -> Owed:
        """Every counter the call is paid from, and how much.

        A guessed size is never more than a whole budget: a first call of an unused budget always fits.
        Raises Refused: budget-exhausted, where one call alone would be more than a single one may be.
        """
        guessed = case.call.tool.terms.at_most_bytes is None
        for unit, limit in self._single.items():
            if cost.of(unit) > limit and (unit == "money" or not guessed):  # only a declared size is believed
                raise Refused.of(_too_dear(case, unit, limit, cost.of(unit)))
        if not self._rules:
            return Owed(cost, (), by_claim)
        spends = [
            Spend(
                spend.counter,
                spend.limit,
                min(amount, spend.limit) if guessed and unit in _GUESSED else amount,
                spend.warns_at,
            )
            for spend in self._touching(case)
            if (amount := cost.of(unit := spend.counter.unit)) > 0
        ]
        return Owed(cost, tuple(spends), by_claim)

    def oversized(self, cost: Cost) -> Iterator[dict[str, Any]]:
        """Warnings of an answer that is larger than that of a single call should be."""
        for unit, limit in self._single.items():
            if cost.of(unit) > limit:
                yield _told("call", unit, None, limit, cost.of(unit), None)

    def rule_of(self, counter: Counter) -> int | None:
        """The limit in force for a counter; None when no rule is about it."""
        window = None if counter.window == "quarter" else counter.window
        named = self._rules.get((counter.scope, counter.unit, window), {})
        rule = named.get(counter.name, named.get(None))
        return rule.limit if rule is not None else None

    def windows(self) -> Iterator[tuple[Scope, Unit, Window | None]]:
        """What is limited."""
        yield from self._rules

    def _touching(self, case: Case) -> tuple[Spend, ...]:
        who, session = case.principal, case.asked.dialogue.session
        memo = *who.who, who.run, case.call.tool.id, session
        if (found := self._known.get(memo)) is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[memo] = tuple(self._found(case))
        return found

    def _found(self, case: Case) -> Iterator[Spend]:
        for (scope, unit, window), named in self._rules.items():
            who = facts(case, scope)
            if who is None:
                continue
            unproven = len(who) > 1
            lasts: Window | None = "quarter" if unproven and window is None else window
            counter = Counter(case.principal.tenant, scope, who, unit, lasts)
            rule = named.get(None) if unproven else named.get(counter.name, named.get(None))
            if rule is not None:
                yield Spend(counter, rule.limit, 0, rule.warns_at)


def facts(case: Case, scope: Scope) -> Who | None:  # noqa: PLR0911  one for each scope
    """What names the id that a call has in a scope; None when it has none there.

    A run that nobody proved is its agent and user together: a label in the request must not open a fresh budget.
    """
    principal, session = case.principal, session_name(case.asked.dialogue)
    match scope:
        case "session" if session is not None:
            return (("session", session),)
        case "session" | "run" if principal.run is not None:
            return (("run", principal.run),)
        case "session" | "run":
            return (("agent", principal.agent), ("user", principal.user))
        case "user":
            return None if principal.user is None else (("user", principal.user),)
        case "agent":
            return (("agent", principal.agent),)
        case "tool":
            return (("tool", case.call.tool.id),)
        case "tenant":
            return ()
        case _:
            assert_never(scope)


def exhausted(spend: Spend, left: int, resets_at: float | None, now: float) -> Refusal:
    """What a caller is told whose budget has no room for the call."""
    counter, unit = spend.counter, spend.counter.unit
    budget = f"The budget of {counter.scope} {counter.name}, {shown(unit, spend.limit)} {_named(counter)}"
    left = max(0, left)
    state = (
        "is spent" if left < 1 else f"has {shown(unit, left)} left, and this call may use {shown(unit, spend.amount)}"
    )
    told = _told(counter.scope, unit, counter.window, spend.limit, spend.limit - left, resets_at)
    if resets_at is None:
        detail = f"{budget}, {state}; it does not reset."
        remedy = (
            f"Waiting does not help: this {counter.scope} has used what it may. Finish without such calls, or ask an "
            "operator for a larger budget."
        )
        return Refusal(Reason.BUDGET_EXHAUSTED, detail, retry="never", remedy=remedy, budget=told)
    return Refusal(
        Reason.BUDGET_EXHAUSTED,
        f"{budget}, {state}; it resets at {_moment(resets_at)}.",
        retry_after_ms=max(0, round((resets_at - now) * 1000)),
        budget=told,
    )


def warnings(spends: Sequence[Spend], levels: Sequence[tuple[int, float | None]]) -> list[dict[str, Any]]:
    """What a reply says of budgets that are nearly spent; of each: how much is used and held, and when it resets."""
    return [
        _told(spend.counter.scope, spend.counter.unit, spend.counter.window, spend.limit, level, resets_at)
        for spend, (level, resets_at) in zip(spends, levels, strict=True)
        if level >= spend.warns_at
    ]


def bill(cost: Cost, told: Sequence[dict[str, Any]]) -> Bill:
    """With warnings in their place in `_meta`."""
    return Bill(cost, {f"{NS}/budget": list(told)} if told else {})


def _too_dear(case: Case, unit: Unit, limit: int, wanted: int) -> Refusal:
    return Refusal(
        Reason.BUDGET_EXHAUSTED,
        f"One call may use at most {shown(unit, limit)} {_WORDS[unit]}; this one of {case.call.tool.id} may use "
        f"{shown(unit, wanted)}. Nothing was sent.",
        retry="never",
        remedy="Waiting does not help: ask for less in one call, or ask an operator for a larger limit.",
        budget=_told("call", unit, None, limit, 0, None),
    )


def _told(
    scope: BudgetScope, unit: Unit, window: Window | None, limit: int, used: int, resets_at: float | None
) -> dict[str, Any]:
    told: dict[str, Any] = {"scope": scope, "unit": unit}
    if window is not None:
        told["window"] = window
    told |= {"limit": shown(unit, limit), "used": shown(unit, used), "left": shown(unit, max(0, limit - used))}
    if resets_at is not None:
        told["resets_at"] = _moment(resets_at)
    return told


def _named(counter: Counter) -> str:
    per = {"quarter": " per quarter of an hour", None: " in all"}.get(counter.window, f" per {counter.window}")
    return f"{_WORDS[counter.unit]}{per}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_WORDS: Final[dict[Unit, str]] = {
    **dict(zip(UNITS, UNITS, strict=True)),
    "mutating": "mutating calls",
    "money": "of money",
}
