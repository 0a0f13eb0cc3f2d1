"""Which row of the kill switch bars a call, and what its caller is told.

Lives only here: what each mode lets pass at which moment, which of several rows speaks, and the sentences. Pure. Must not
know where rows come from or how fresh they are. Used by `stops.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, assert_never

from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal
from gateway.model.stop import LOOPS, STRICTNESS, TRIP, Stop, StopKind
from gateway.model.tool import Tool

PAUSED_MS: Final = 15_000
"""When a paused agent is told to come back; nobody knows how long the pause is."""
_WRITERS: Final = {TRIP: "a trip of this gateway", LOOPS: "the loop brake of this gateway"}


def names(principal: Principal, tool: Tool) -> Sequence[tuple[StopKind, str]]:
    """The rows that would touch this call. A run is only one that was proven: a label is the agent's own word."""
    touching: list[tuple[StopKind, str]] = [
        ("all", ""),
        ("tenant", principal.tenant),
        ("agent", principal.agent),
        ("tool", tool.id),
        ("upstream", tool.upstream),
    ]
    if principal.user is not None:
        touching.append(("user", principal.user))
    if principal.run is not None:
        touching.append(("run", principal.run))
    return touching


def barred(touching: Iterable[Stop], tool: Tool, *, waiting: bool) -> Refusal | None:
    """The strictest row that bars the call now. Who is `waiting` already is not sent away by a pause."""
    barring = [stop for stop in touching if _bars(stop, tool, waiting=waiting)]
    return _told(max(barring, key=lambda stop: STRICTNESS[stop.mode]), tool) if barring else None


def _bars(stop: Stop, tool: Tool, *, waiting: bool) -> bool:
    match stop.mode:
        case "stop":
            return True
        case "pause":
            return not waiting
        case "read-only":
            return tool.effect.leaves_traces
        case _:
            assert_never(stop.mode)


def _told(stop: Stop, tool: Tool) -> Refusal:
    what = "Everything" if stop.kind == "all" else f"{stop.kind.capitalize()} {stop.target}"
    whose = _WRITERS.get(stop.by, "an operator")
    since = f"by {whose} since {datetime.fromtimestamp(stop.at, UTC).isoformat(timespec='seconds')}"
    match stop.mode:
        case "stop":
            return Refusal(Reason.STOPPED, f"{what} is stopped {since}: {stop.why}")
        case "pause":
            return Refusal(Reason.PAUSED, f"{what} is paused {since}: {stop.why}", retry_after_ms=PAUSED_MS)
        case "read-only":
            only = f"only declared reads pass, and {tool.label} is none"
            return Refusal(Reason.STOPPED, f"{what} is made read-only {since}, so {only}: {stop.why}")
        case _:
            assert_never(stop.mode)
