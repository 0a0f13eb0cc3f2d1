"""How long a kill switch that cannot be read may be relied on: first for everything, then for reads, then for nothing.

Lives only here: the two bounds and their sentences. Somebody may have stopped something that this gateway has not heard
of. Must not know rows or stores; it is told when the store last confirmed them. Used by `stops.py`, where the store is one
that several gateways share: a file of this process alone needs no confirming.
"""

from collections.abc import Callable

from gateway.config.stops import KillSwitch
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Tool
from gateway.ports import Clock


class Staleness:
    """Whether what is known of the kill switch is too old."""

    def __init__(self, section: KillSwitch, clock: Clock, confirmed_at: Callable[[], float | None]) -> None:
        """`confirmed_at`: monotonic seconds; None while the store was never read, and then its rows are not known."""
        self._read_only_s = section.read_only_after.total_seconds()
        self._refuse_s = section.refuse_after.total_seconds()
        self._clock = clock
        self._confirmed_at = confirmed_at
        self._started = clock.monotonic()

    def bars(self, tool: Tool) -> Refusal | None:
        """What keeps the call from passing; None when it may."""
        confirmed = self._confirmed_at()
        unread_s = self._clock.monotonic() - (self._started if confirmed is None else confirmed)
        if unread_s >= self._refuse_s:
            return _refused(unread_s, "nothing passes")
        if tool.effect.leaves_traces and (confirmed is None or unread_s >= self._read_only_s):
            return _refused(unread_s, f"only declared reads pass, and {tool.label} is none")
        return None


def _refused(unread_s: float, what: str) -> Refusal:
    detail = f"The kill switch could not be read from the store for {unread_s:.0f} s, so {what} until it can."
    return Refusal(Reason.STORE_UNAVAILABLE, detail)
