"""How often unknown keys may send us to a key server: enough for any rotation, never enough to hammer it.

Lives only here: the allowance and the silence of key ids that were asked for in vain. Pure; must not know HTTP or keys.
Called by `jwks`, one for each source.

All key ids share `BURST` fetches, one more every `EVERY_S`. A key id that a fetch did not help causes none for 1 s, then
for 4, 16, 64 and 256 s, so that a client that goes on with a withdrawn key spends nothing that a rotation needs, while a
key server that publishes a little late is asked again soon. Whoever forges key ids can use it all up: then, and only then,
a new key may have to wait for up to `EVERY_S`.
"""

from typing import Final

BURST: Final = 5
EVERY_S: Final = 10.0
_FIRST_SILENCE_S: Final = 1.0
_LONGEST_SILENCE_S: Final = 256.0
_GROWTH: Final = 4
_MOST: Final = 256


class Allowance:
    """Counts fetches. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._whole_at = 0.0
        """When all of `BURST` is there again (the generic cell rate algorithm)."""
        self._silent: dict[str | None, tuple[float, float]] = {}
        """Key id → until when it causes no fetch, and how long that silence is."""

    def take(self, kid: str | None, now: float) -> bool:
        """Whether this key id may cause a fetch now; if so, it is counted."""
        until, _ = self._silent.get(kid, (now, 0.0))
        if until > now or self._whole_at - now > (BURST - 1) * EVERY_S:
            return False
        self._whole_at = max(self._whole_at, now) + EVERY_S
        return True

    def in_vain(self, kid: str | None, now: float) -> None:
        """A fetch did not bring this key; callers who shared it count once."""
        until, length = self._silent.pop(kid, (now, 0.0))
        if until <= now:
            length = min(length * _GROWTH or _FIRST_SILENCE_S, _LONGEST_SILENCE_S)
            until = now + length
        self._silent[kid] = until, length
        if len(self._silent) > _MOST:
            del self._silent[next(iter(self._silent))]

    def changed(self) -> None:
        """The set is another one: what was in vain before need not be so now."""
        self._silent.clear()
