"""Loop detection: the last attempts of every caller, and what an agent that goes round in circles is told.

Lives only here: who counts as one caller, what is remembered of an attempt, and the sentences. Every attempt counts,
refused ones included, except joins and replays under an explicit key, which the room takes back. A sighting is a proposal:
it moves the caller on the ladder once `told` says that the agent heard of it, for a derived replay is served whatever was
seen. Must not know claims or stores, nor which row pauses a caller. Called by brakes.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from gateway.config.loops import RING
from gateway.config.loops import Loops as Limits
from gateway.ledger.case import Case
from gateway.ledger.loop_ladder import COOL_S, Level, Reach, Rung, calmed, climbed, doubted
from gateway.ledger.loop_rules import Attempt, Finding, RuleId, found, hurried_s
from gateway.ledger.loop_shapes import brought as shape_of
from gateway.ledger.loop_shapes import core
from gateway.model.outcome import Brought, Looped, RungName
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Effect
from gateway.ports import Clock

_CALLERS: Final = 2_000
_CHANGES: Final = frozenset({Effect.MUTATING, Effect.IDEMPOTENT})
"""Numbers in the answers of other tools are news, for all that is known; what is unset is mostly a read."""
_RUNGS: Final = 32
"""Repetitions of one caller that are remembered at once."""

Pauses = Callable[[Principal, str], None]
"""Pauses a caller, narrowly, and says why."""
_Caller = tuple[str, str, str | None, str | None]


@dataclass(slots=True)
class _Course:
    """What one caller did lately."""

    ring: deque[Attempt] = field(default_factory=lambda: deque(maxlen=RING))
    rungs: dict[Hashable, Rung] = field(default_factory=dict)
    steps: int = 0


@dataclass(slots=True, eq=False)
class Sighting:
    """One attempt as it was counted, and what is to be done about it."""

    attempt: Attempt
    hint: str | None = None
    refused: Refusal | None = None
    asks: str | None = None
    """Why a person must say yes first."""
    rung: Rung | None = None
    """Where the caller stands once it was told."""
    before: Rung | None = None
    looped: Looped | None = None
    """For the record."""


class Loops:
    """The courses of all callers."""

    def __init__(self, limits: Limits, clock: Clock, pauses: Pauses) -> None:
        self._limits = limits
        self._window_s = limits.window.total_seconds()
        self._clock = clock
        self._pauses = pauses
        self._courses: OrderedDict[_Caller, _Course] = OrderedDict()

    def note(self, case: Case) -> Sighting:
        """Counts an attempt, and says what is to be made of it."""
        tool, terms = case.call.tool, case.call.tool.terms
        changes = tool.effect.leaves_traces
        attempt = Attempt(
            case.call.published_name,
            case.fingerprint,
            core(case.call.published_name, case.call.arguments, terms.volatile, changes=changes),
            self._clock.monotonic(),
            polled=terms.poll_s is not None,
        )
        course = self._counted(case.principal, attempt)
        if terms.poll_s is not None and (wait_s := hurried_s(list(course.ring), terms.poll_s, self._limits)) > 0:
            return _hurried(
                attempt, f"{tool.label} may be polled every {terms.poll_s:g} s and was polled faster.", wait_s
            )
        seen = _open(course, _question(case, attempt)) or self._found(case.principal, course, case.call.occurrence)
        if seen is None:
            if course.rungs:
                _calm(course, attempt.at - self._window_s)
            return Sighting(attempt)
        return self._sighting(case, course, attempt, seen)

    def told(self, case: Case, sighting: Sighting) -> None:
        """The caller hears of it: its rung moves, and the last one pauses it."""
        rung, course = sighting.rung, self._courses.get(_caller(case.principal))
        sighting.attempt.barred = sighting.refused is not None
        if rung is None or course is None:
            return
        if rung.level is Level.PAUSE:
            del self._courses[_caller(case.principal)]  # whoever is let on again begins anew
            self._pauses(case.principal, f"{rung.finding.rule}: {case.call.tool.label} {rung.finding.told}")
            return
        course.rungs.pop(rung.finding.key, None)
        course.rungs[rung.finding.key] = rung
        if len(course.rungs) > _RUNGS:
            del course.rungs[next(iter(course.rungs))]

    def ended(self, case: Case, sighting: Sighting, brought: Brought | None) -> None:
        """What came of an attempt; None: nothing did."""
        attempt = sighting.attempt
        attempt.failed = not attempt.barred and (brought is None or brought.is_error)
        course = self._courses.get(_caller(case.principal))
        if brought is None or course is None:
            return
        attempt.result = shape_of(brought.result, changes=case.call.tool.effect in _CHANGES)
        if not attempt.news:
            attempt.news = not any(
                one.result == attempt.result and one.core == attempt.core for one in course.ring if one is not attempt
            )

    def replayed(self, sighting: Sighting) -> None:
        """An earlier answer was served, with how to do it again on purpose."""
        sighting.attempt.replayed = True

    def forget(self, case: Case, sighting: Sighting) -> None:
        """Takes an attempt back that turned out to be no repetition of the agent's own will.

        One that waits for a person's answer leaves its question open.
        """
        course, attempt, rung = self._courses.get(_caller(case.principal)), sighting.attempt, sighting.rung
        if course is None:
            return
        if attempt in course.ring:
            course.ring.remove(attempt)
            course.steps -= 1
        if rung is None or course.rungs.get(rung.finding.key) is not rung:
            return
        if sighting.asks is not None:
            course.rungs[rung.finding.key] = replace(rung, asked=_question(case, attempt))
        elif sighting.before is not None:
            course.rungs[rung.finding.key] = sighting.before
        else:
            del course.rungs[rung.finding.key]

    def denied(self, principal: Principal, name: str, arguments: Mapping[str, Any]) -> str | None:
        """Counts what was turned away before the ledger; a hint when that repeats. It is refused anyway."""
        alike = core(name, arguments, (), changes=True)
        attempt = Attempt(name, alike, alike, self._clock.monotonic(), denied=True, failed=True)
        seen = self._found(principal, self._counted(principal, attempt))
        return None if seen is None else f"It {seen.told}. {_ADVICE[seen.rule]}"

    def _counted(self, principal: Principal, attempt: Attempt) -> _Course:
        caller = _caller(principal)
        if (course := self._courses.get(caller)) is None:
            course = self._courses[caller] = _Course()
            if len(self._courses) > _CALLERS:
                self._courses.popitem(last=False)
        self._courses.move_to_end(caller)
        ring = course.ring
        while ring and principal.run is None and ring[0].at <= attempt.at - self._window_s:
            ring.popleft()
        attempt.news = attempt.core not in [one.core for one in ring]
        ring.append(attempt)
        course.steps += 1
        return course

    def _found(self, principal: Principal, course: _Course, occurrence: int = 1) -> Finding | None:
        """A repeat on purpose is not held against the replay that told the agent how to make it."""
        ring = list(course.ring) if occurrence == 1 else [one for one in course.ring if not one.replayed]
        return found(ring, self._limits, course.steps if principal.run is not None else 0)

    def _sighting(self, case: Case, course: _Course, attempt: Attempt, seen: Finding) -> Sighting:
        before, tool, refuses = course.rungs.get(seen.key), case.call.tool, self._limits.reads == "refuse"
        hint = f"{tool.label} {seen.told}. {_ADVICE[seen.rule]}"
        if not seen.certain:
            if before is not None and attempt.at < before.until:
                return Sighting(attempt)
            rung = doubted(seen, attempt.at) if before is None or before.level is Level.HINT else before
            return Sighting(attempt, hint, rung=rung, before=before, looped=Looped(seen.rule, "hint"))
        asks = tool.derived != "off" or case.asked.key is not None
        reach = Reach.of(tool.effect, gentle=seen.rule == "R6", refuses=refuses, asks=asks)
        rung = climbed(before, seen, attempt.at, reach, self._window_s)
        asked = before.asked if before is not None else None
        level, refused, why, name = rung.level, None, None, _RUNG_NAMES[rung.level]
        match level:
            case Level.HINT:
                rung = rung if before is None or reach.ceiling > Level.HINT else before
            case Level.REFUSE:
                refused = _refusal(hint, rung.until - attempt.at)
            case Level.ASK if before is not None and asked not in {None, _question(case, attempt)}:
                told = (
                    f"{hint} A person was asked about it already, under another key: make that call again, unchanged."
                )
                refused, rung, name = _refusal(told, COOL_S), before, "refuse"
            case Level.ASK:
                why = f"{tool.label} {seen.told}"
            case Level.PAUSE:
                told = f"{hint} It went on all the same, so this caller is paused until an operator lifts that."
                refused = _refusal(told, None)
            case _:
                assert_never(level)
        looped = Looped(seen.rule, name)
        if refused is not None:
            return Sighting(attempt, None, replace(refused, looped=looped), None, rung, before, looped)
        return Sighting(attempt, hint, None, why, rung, before, looped)


def _refusal(told: str, wait_s: float | None) -> Refusal:
    return Refusal(Reason.LOOP_DETECTED, told, retry_after_ms=None if wait_s is None else round(wait_s * 1000))


_RUNG_NAMES: Final[Mapping[Level, RungName]] = {
    Level.HINT: "hint",
    Level.REFUSE: "refuse",
    Level.ASK: "ask",
    Level.PAUSE: "pause",
}
_ADVICE: Final[Mapping[RuleId, str]] = {
    "R1": "Repeating it will not change the outcome: use the answer you have, change the arguments, or ask the user.",
    "R2": "Going round again will not change the outcome: decide with what you know, or ask the user.",
    "R3": "The answer will stay the same: use it, or find out elsewhere what you still miss.",
    "R4": "Small changes do not help: if this is a batch, go on; otherwise try another tool or ask the user.",
    "R5": "Should this call fail as well: read the error, change the arguments or the tool, or tell the user.",
    "R6": "Finish with what you have, or ask the user whether to go on.",
}


def _caller(principal: Principal) -> _Caller:
    return *principal.who, principal.run


def _question(case: Case, attempt: Attempt) -> Hashable:
    """What a person is asked about: the same call under another key would be another question."""
    return attempt.what, case.asked.key


def _open(course: _Course, question: Hashable) -> Finding | None:
    """A question about this very call that a person has yet to answer, or has answered."""
    return next((rung.finding for rung in course.rungs.values() if rung.asked == question), None)


def _calm(course: _Course, since: float) -> None:
    """Another course: everything the caller was told is worth one rung less; what is long over, nothing."""
    for key, rung in list(course.rungs.items()):
        after = calmed(rung) if rung.until > since else None
        if after is None:
            del course.rungs[key]
        else:
            course.rungs[key] = after


def _hurried(attempt: Attempt, told: str, wait_s: float) -> Sighting:
    looped = Looped("R3", "refuse")
    refused = Refusal(Reason.LOOP_DETECTED, told, retry_after_ms=max(1, round(wait_s * 1000)), looped=looped)
    return Sighting(attempt, refused=refused, looped=looped)
