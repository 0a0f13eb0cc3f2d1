"""A token bucket: so many a second, and as many at once.

Lives only here: its arithmetic. Must not know what is taken, nor clocks. Used by the retry budget and by conversations.
"""


class Bucket:
    """Full at first; times are monotonic seconds."""

    __slots__ = ("_filled", "_per_s", "_tokens")

    def __init__(self, per_s: float, now: float) -> None:
        self._per_s = self._tokens = float(per_s)
        self._filled = now

    def take(self, now: float) -> bool:
        """Whether there was one."""
        self._tokens = min(self._per_s, self._tokens + (now - self._filled) * self._per_s)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
