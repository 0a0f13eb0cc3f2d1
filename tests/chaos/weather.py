"""How hard a storm blows, and the one clock by which everybody in it writes down times."""

from dataclasses import dataclass

from gateway.clock import SystemClock


@dataclass(frozen=True)
class Weather:
    """Times of a storm, in seconds."""

    rate: float
    """Operations begun in a second."""
    every_s: tuple[float, float]
    """From one blow to the next."""
    longest_pause_s: float
    """Longer than a lease: a tool's timeout and five seconds."""
    settles_s: int
    """Longer than anybody stands still: a probe that finds nothing after it means that nothing will come."""


FULL = Weather(rate=80, every_s=(1, 3), longest_pause_s=8, settles_s=12)
SMALL = Weather(rate=40, every_s=(0.7, 1.5), longest_pause_s=6.5, settles_s=9)
TIMEOUT_S = 1.0
"""Of the tools."""
now = SystemClock().now
