"""What a loop is: rules R1 to R6 over the last attempts of one caller.

Lives only here: when each rule sees a repetition, and whether it is certain of it. What is not certain may be honest
work, such as a batch, a pager or a retry, and only ever leads to a hint. Pure functions over a ring whose last attempt
is the one that is asked about. Must not know callers, clocks or what is done about a loop. Called by loops.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, takewhile
from typing import Final, Literal

from gateway.config.loops import Loops as Limits

RuleId = Literal["R1", "R2", "R3", "R4", "R5", "R6"]
_RECENT: Final = 20
_PERIODS: Final = range(2, 7)
_TOLERATED: Final = 0.9
"""Of the least interval: a poller's timer is not exact."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One call as it was asked for, and what came of it."""

    tool: str
    """Its published name, which is all that is known of a tool that does not exist."""
    what: Hashable
    """Equal for identical calls."""
    core: int
    """Equal for calls that differ in nothing that matters (`loop_shapes.core`)."""
    at: float
    polled: bool = False
    """The tool is made to be polled."""
    denied: bool = False
    news: bool = False
    """It asked something or brought something that was not there before."""
    result: int | None = None
    """Equal for results that say the same; None while nobody knows."""
    failed: bool = False
    replayed: bool = False
    """It was answered from what an earlier call left."""
    barred: bool = False
    """It was refused as a loop."""


Ring = Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule saw."""

    rule: RuleId
    key: Hashable
    """What the ladder is climbed with."""
    told: str
    """What repeats, to follow the name of the tool."""
    certain: bool


def found(ring: Ring, limits: Limits, steps: int) -> Finding | None:
    """What is certain before what is not. `steps`: calls of the proven run so far; 0 without one."""
    doubtful = None
    for rule in _about(ring[-1]):
        if (seen := rule(ring, limits)) is not None:
            if seen.certain:
                return seen
            doubtful = doubtful or seen
    return over(steps, limits) or doubtful


def _about(now: Attempt) -> Iterable[Callable[[Ring, Limits], Finding | None]]:
    """The rules that may have something to say. What was not asked before repeats nothing."""
    if now.polled:
        return (failing,)
    return (failing, alike) if now.news else (repeated, stuck, circling, failing, alike)


def repeated(ring: Ring, limits: Limits) -> Finding | None:
    """R1: the same call several times in a row, or often among the last twenty."""
    now = ring[-1]
    row = list(takewhile(lambda one: one.what == now.what, reversed(ring)))
    if len(row) >= limits.in_a_row:
        certain = not _excused(row[1:], limits)
        return Finding("R1", now.what, f"was called {len(row)} times in a row with the same arguments", certain)
    recent = ring[-_RECENT:]
    same = [one for one in recent if one.what == now.what]
    if len(same) < limits.in_twenty:
        return None
    certain = not _excused(same[:-1], limits) and not _moved_on(recent[recent.index(same[0]) :])
    told = f"was called {len(same)} times with the same arguments within the last {len(recent)} calls"
    return Finding("R1", now.what, told, certain)


def circling(ring: Ring, limits: Limits) -> Finding | None:
    """R2: the last calls are a short cycle, several times over; found by the failure function of KMP, newest call first."""
    newest = [one.core for one in reversed(ring[-_PERIODS[-1] * limits.rounds :])]
    borders = [0] * (len(newest) + 1)
    matched = 0
    for length in range(2, len(newest) + 1):
        while matched and newest[matched] != newest[length - 1]:
            matched = borders[matched]
        matched += newest[matched] == newest[length - 1]
        borders[length] = matched
        period = length - matched
        if period in _PERIODS and length >= period * limits.rounds:
            calls = ring[-length:]
            if any(one.polled for one in calls):
                return None
            pairs = zip(calls, calls[period:], strict=False)
            certain = all(a.result == b.result for a, b in pairs if a.result is not None and b.result is not None)
            told = f"is one of {period} calls that came round {limits.rounds} times in the same order"
            return Finding("R2", ("cycle", frozenset(newest[:period])), told, certain)
    return None


def stuck(ring: Ring, limits: Limits) -> Finding | None:
    """R3: the same call brought the same result several times, at whatever distance."""
    now = ring[-1]
    known = [one for one in ring[:-1] if one.core == now.core and one.result is not None]
    if len(known) < limits.same_result:
        return None
    result, times = Counter(one.result for one in known).most_common(1)[0]
    if times < limits.same_result:
        return None
    same = [one for one in known if one.result == result]
    certain = (
        all(one.what == now.what and not one.failed for one in same)
        and not _varied(known)
        and not _moved_on(ring[ring.index(same[-limits.same_result]) :])
    )
    return Finding("R3", now.what, f"brought the same result {times} times for the same arguments", certain)


def alike(ring: Ring, limits: Limits) -> Finding | None:
    """R4: one tool many times in a row without anything new; certain where the arguments hardly differ.

    Where they differ in more it may be a batch whose every call answers `ok`.
    """
    now, last = ring[-1], ring[-limits.alike :]
    if len(last) < limits.alike or any(one.tool != now.tool for one in last):
        return None
    row = takewhile(lambda one: one.tool == now.tool, reversed(ring[:-1]))
    known = [*islice((one.result for one in row if one.result is not None), limits.alike - 1)]
    if len(known) * 2 < limits.alike - 1 or len(set(known)) * 3 > len(known):
        return None
    times = next((n for n, one in enumerate(reversed(ring)) if one.tool != now.tool), len(ring))
    if certain := len({one.core for one in last}) == 1:
        told = f"was called {times} times in a row with arguments that hardly differ, and brings nothing new"
    else:
        told = f"was called {times} times in a row and brings the same result whatever the arguments"
    return Finding("R4", ("alike", now.tool), told, certain)


def failing(ring: Ring, limits: Limits) -> Finding | None:
    """R5: one tool fails again and again; certain where the same few calls fail, or twice as many different ones."""
    now = ring[-1]
    known = ring if now.denied else ring[:-1]
    row = takewhile(lambda one: one.tool == now.tool and (one.failed or one.barred), reversed(known))
    failed = [one for one in row if not one.barred]
    if len(failed) < limits.failures:
        return None
    certain = not any(one.denied for one in failed) and (
        len({one.core for one in failed}) * 2 <= len(failed) or len(failed) >= 2 * limits.failures
    )
    return Finding("R5", ("failing", now.tool), f"failed {len(failed)} times in a row before", certain)


def over(steps: int, limits: Limits) -> Finding | None:
    """R6: a run that goes on and on."""
    if steps <= limits.steps:
        return None
    return Finding("R6", "steps", f"is call {steps} of this run, which may make {limits.steps}", certain=True)


def hurried_s(ring: Ring, poll_s: float, limits: Limits) -> float:
    """Seconds until a tool that is made to be polled may be polled again: R3 for pollers. 0: now."""
    now, before = ring[-1], limits.same_result - 1
    polls = [one.at for one in ring[:-1] if one.core == now.core and not one.barred][-before:]
    if len(polls) < before or now.at - polls[0] >= before * poll_s * _TOLERATED:
        return 0.0
    return polls[0] + before * poll_s - now.at


def _excused(earlier: Ring, limits: Limits) -> bool:
    """A retry of what failed is R5's to judge; a call that brings something else each time has twice the patience."""
    if all(one.failed for one in earlier):
        return len(earlier) < limits.failures
    return len(earlier) < 2 * limits.in_twenty and _varied(earlier)


def _varied(attempts: Ring) -> bool:
    results = [one.result for one in attempts if one.result is not None and not one.failed]
    return len(results) > 1 and len(set(results)) * 2 > len(results)


def _moved_on(span: Ring) -> bool:
    """Whether work went on between the calls that are the same as the last: news in at least half of the gaps.

    Where the answers come in pairs, a look after one change and a look before the next are one look.
    """
    what, gaps, fresh = span[-1].what, 0, 0
    results = [one.result for one in span if one.what == what and one.result is not None]
    in_pairs = len(set(results)) > 1 and len(set(results)) * 2 >= len(results)
    for same, calls in groupby(span, lambda one: one.what == what):
        if not same:
            gaps += 1
            fresh += any((one.news or one.polled) and not (one.failed or one.barred) for one in calls)
        elif not in_pairs:
            gaps += len(list(calls)) - 1
    return 0 < gaps <= fresh * 2
