"""What pulls the kill switch by itself: too many errors, refusals or doubts, or too much money, by one of a scope.

Lives only here: what counts, for whom, within which window, and that what is stopped already counts nothing, so that the
count starts anew once a person has lifted it. Counts what ended in this process. Must not know how records are written;
the trail shows it every request that has ended. Memory is bounded: of the ids of one scope the `MOST_IDS` seen last are
counted.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from gateway.config.stops import Trip
from gateway.config.values import duration
from gateway.ledger.stops import Name, Stops
from gateway.model.ended import Ended
from gateway.model.outcome import AuditOutcome
from gateway.model.principal import Principal
from gateway.model.reason import Reason
from gateway.model.stop import LOOPS, STRICTNESS, TRIP, Stop, StopKind
from gateway.model.terms import MICROS
from gateway.model.work import StoreUnavailable
from gateway.ports import AuditTrail, Clock
from gateway.tasks import Tasks

MOST_IDS: Final = 4096
SLOTS: Final = 60
"""A window is counted in so many parts; the one that is leaving counts as a whole."""
_ERRORS: Final = frozenset({AuditOutcome.ANSWERED_ERROR, AuditOutcome.FAILED})
_OURS: Final = frozenset(
    {
        Reason.STOPPED,
        Reason.PAUSED,
        Reason.OVERLOADED,
        Reason.STORE_UNAVAILABLE,
        Reason.AUDIT_UNAVAILABLE,
        Reason.KEY_IN_FLIGHT,
    }
)
"""Refusals that say nothing of who called: an outage must not stop everybody for good, nor waiting whoever waits."""
_log = logging.getLogger("sallyport")


class Trips:
    """All trips of one process."""

    def __init__(self, trips: Sequence[Trip], stops: Stops, trail: AuditTrail, clock: Clock, tasks: Tasks) -> None:
        self._trips = [_Counted(trip) for trip in trips]
        self._stops = stops
        self._trail = trail
        self._clock = clock
        self._tasks = tasks
        self._pulling: dict[Name, Stop] = {}
        """What tripped and is being written down."""

    def ended(self, ended: Ended) -> None:
        """Counts one request; called on the event loop."""
        for counted in self._trips:
            trip = counted.trip
            target, amount = _id(trip, ended.facts), _amount(trip, ended.facts)
            if target is None or not amount:
                continue
            row = self._pulling.get((trip.scope, target)) or self._stops.row(trip.scope, target)
            if row is not None and STRICTNESS[row.mode] >= STRICTNESS[trip.mode]:
                counted.forget(target)
            elif (total := counted.add(target, amount, self._clock.monotonic())) > _over(trip):
                counted.forget(target)
                why = f"{_said(trip, total)} within {duration(trip.window)}, more than {trip.over:f}"
                stop = Stop(trip.scope, target, why, TRIP, self._clock.now(), trip.mode)
                self._pulling[stop.name] = stop
                self._tasks.start(self._pull(stop), "trip")

    def pause(self, principal: Principal, why: str) -> None:
        """Pauses a caller that goes round in circles, by the narrowest row that names it; called on the event loop."""
        kind: StopKind = "run" if principal.run else "user" if principal.user else "agent"
        target = principal.run or principal.user or principal.agent
        self._tasks.start(self._pull(Stop(kind, target, why, LOOPS, self._clock.now(), "pause")), "pause")

    async def _pull(self, stop: Stop) -> None:
        _log.error("%s: %s %s is stopped (%s): %s", stop.by, stop.kind, stop.target, stop.mode, stop.why)
        facts = {"kind": stop.kind, "target": stop.target, "mode": stop.mode, "why": stop.why}
        try:
            await self._trail.operator(stop.by, "kill", facts)
            await self._stops.tighten(stop)  # a person may have stopped it meanwhile
        except StoreUnavailable as error:
            _log.error("%s: stopped here and now, but a restart would lift it: %s", stop.by, error)
        finally:
            if self._pulling.get(stop.name) is stop:
                del self._pulling[stop.name]


class _Counted:
    """One trip, and the sum of each id within its window."""

    def __init__(self, trip: Trip) -> None:
        self.trip = trip
        self._slot_s = trip.window.total_seconds() / SLOTS
        self._ids: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()
        """[(slot, sum), …] of each, oldest first; the id that was seen last stands last."""

    def add(self, target: str, amount: int, now: float) -> int:
        slot = int(now / self._slot_s)
        sums = self._ids.setdefault(target, deque())
        self._ids.move_to_end(target)
        if len(self._ids) > MOST_IDS:
            self._ids.popitem(last=False)
        while sums and sums[0][0] < slot - SLOTS:
            sums.popleft()
        if sums and sums[-1][0] == slot:
            amount += sums.pop()[1]
        sums.append((slot, amount))
        return sum(one for _, one in sums)

    def forget(self, target: str) -> None:
        self._ids.pop(target, None)


def _id(trip: Trip, facts: Mapping[str, Any]) -> str | None:
    """The one of the scope, where there is a proven one: a label or a URI is the caller's own word."""
    if trip.scope == "run" and facts.get("run_proof") is None:
        return None
    if trip.scope == "tool" and facts.get("method") == "resources/read":
        return None
    found = facts.get(trip.scope)
    return None if found is None else str(found)


def _amount(trip: Trip, facts: Mapping[str, Any]) -> int:
    outcome = facts["outcome"]
    match trip.on:
        case "errors":
            return int(outcome in _ERRORS)
        case "refusals":
            return int(outcome == AuditOutcome.REFUSED and facts.get("reason") not in _OURS)
        case "doubts":
            return int(outcome == AuditOutcome.IN_DOUBT)
        case "spend":
            return int(facts.get("cost", {}).get("money", 0))
        case _:
            assert_never(trip.on)


def _over(trip: Trip) -> float:
    return float(trip.over * MICROS) if trip.on == "spend" else float(trip.over)


def _said(trip: Trip, total: int) -> str:
    return f"{total / MICROS:.2f} of money spent" if trip.on == "spend" else f"{total} {trip.on}"
