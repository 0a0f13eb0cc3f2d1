"""How long an answer guards against being given twice (ledger §1.3, §9; house §5).

Lives only here: the table key source × effect × `derived` → seconds. Delivery-aware: an answer that never reached its
caller is what a lost-response retry looks for, so it stays for a day; one that arrived means that a later identical call
is probably meant. Must not know stores or clocks. Called by the room and by settlement.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from gateway.model.claim import KeySource
from gateway.model.tool import Effect, Tool

DAY_S: Final = 86_400.0
TWICE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Keeps:
    """Seconds for which the configuration keeps what somebody named."""

    explicit_s: float = DAY_S
    once_s: float = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Windows:
    """Seconds from the end of the call, and from the delivery of its answer."""

    kept_s: float
    """0: forgotten at once."""
    delivered_s: float | None = None
    """Replaces the window when the answer was delivered; None where delivery changes nothing."""
    failed_s: float = 0.0
    """Instead of `kept_s` where the tool answered with an error. An error under a key that nobody chose is forgotten at
    once: whoever saw the failure decides anew. Where somebody named the call it may have happened all the same."""
    also_s: float = 0.0
    """Of the second record (`Claim.also`), whatever the answer and its delivery: only the same call finds it."""

    def ended_s(self, *, is_error: bool) -> float:
        """Seconds from the end of a call."""
        return self.failed_s if is_error else self.kept_s


def windows(tool: Tool, source: KeySource, keeps: Keeps = Keeps()) -> Windows:
    """Only a written `effect: mutating` is deduplicated after delivery, unless somebody named the call."""
    match source:
        case "header" | "meta":
            return Windows(keeps.explicit_s, failed_s=keeps.explicit_s)
        case "once":
            return Windows(keeps.once_s, failed_s=min(keeps.once_s, keeps.explicit_s))
        case "call-id" if tool.derived == "off":  # the call has no other record
            return Windows(keeps.explicit_s, failed_s=keeps.explicit_s)
        case "derived" | "call-id":
            kept_s, delivered_s = _derived(tool)
            return Windows(kept_s, delivered_s, also_s=keeps.explicit_s)
        case _:
            assert_never(source)


def _derived(tool: Tool) -> tuple[float, float | None]:
    """Kept, and kept once delivered. An answer that got lost is never forgotten before one that arrived.

    For every effect but `mutating` a second identical call may rightly want a new answer once it has the first: a read
    nobody declared, or a PUT of the old value after another value was set in between.
    """
    terms = tool.terms
    undelivered_s = DAY_S if terms.undelivered_s is None else terms.undelivered_s
    match tool.derived:
        case "off":
            return 0.0, None
        case "on" if tool.effect is Effect.MUTATING:
            delivered_s = TWICE_S if terms.delivered_s is None else terms.delivered_s
            return max(undelivered_s, delivered_s), delivered_s
        case "on" | "in_flight_only":
            return undelivered_s, 0.0
        case _:
            assert_never(tool.derived)
