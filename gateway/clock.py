"""The operating system's clock, behind the port.

Lives only here: the two calls that ask the time. Made by `app.py` and the command line; everything else is handed one.
"""

import time


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> float:
        """Unix seconds, UTC."""
        return time.time()  # noqa: TID251  the one place

    def monotonic(self) -> float:
        """Seconds that only move forward."""
        return time.monotonic()
