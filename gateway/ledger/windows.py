"""How long an answer guards against being given twice (ledger §1.3, §9; house §5).

Lives only here: the table key source × effect × `derived` → seconds. Delivery-aware: an answer that never reached its
caller is what a lost-response retry looks for, so it stays for a day; one that arrived means that a later identical call
is probably meant. Must not know stores or clocks. Called by the room and by settlement.
"""

from dataclasses import dataclass
from typing import Final

from gateway.model.claim import KeySource
from gateway.model.tool import Effect, Tool

DAY_S: Final = 86_400.0
TWICE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Windows:
    """Seconds from the end of the call, and from the delivery of its answer."""

    kept_s: float
    """0: forgotten at once."""
    delivered_s: float | None
    """Replaces the window when the answer was delivered; None where delivery changes nothing."""


_EXPLICIT: Final = Windows(DAY_S, None)
_OFF: Final = Windows(0.0, None)
_UNDELIVERED: Final = Windows(DAY_S, 0.0)
_GUARDED: Final = Windows(DAY_S, TWICE_S)


def windows(tool: Tool, source: KeySource) -> Windows:
    """Only a written `effect: mutating` is deduplicated after delivery.

    For every other effect a second identical call may rightly want a new answer: a read nobody declared, or a PUT of the
    old value after another value was set in between.
    """
    if source != "derived":
        return _EXPLICIT
    match tool.derived:
        case "off":
            return _OFF
        case "on" if tool.effect is Effect.MUTATING:
            return _GUARDED
        case "on" | "in_flight_only":
            return _UNDELIVERED
