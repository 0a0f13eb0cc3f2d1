"""Whether a server may keep a ledger: what its INFO says about version, eviction and identity.

Lives only here: the demands (ledger §1.8): version 7 or later, `maxmemory-policy noeviction`. INFO is asked and not CONFIG,
because managed servers hide CONFIG and show the same in INFO. Must not know connections. Called by the link.
"""

import math
from dataclasses import dataclass
from typing import Final

_OLDEST: Final = 7


@dataclass(frozen=True, slots=True)
class Server:
    """One server, as it described itself."""

    run: str
    """Random id of its process: another one is another memory, or the same one after a restart. Empty when hidden."""
    up_s: float
    """Seconds since it started."""
    evicted: int
    """Keys it threw away since then."""
    unfit: str | None
    """Why it may not keep a ledger; None when it may."""

    @classmethod
    def of(cls, info: str, *, assume_noeviction: bool) -> "Server":
        """Reads an INFO reply; an empty one says that the server hides it."""
        told = dict(line.split(":", 1) for line in info.splitlines() if ":" in line and not line.startswith("#"))
        return cls(
            told.get("run_id", ""),
            float(told.get("uptime_in_seconds", math.inf)),
            int(told.get("evicted_keys", 0)),
            _unfit(told, assume_noeviction),
        )


def _unfit(told: dict[str, str], assume_noeviction: bool) -> str | None:  # noqa: FBT001
    version = told.get("redis_version", f"{_OLDEST}")
    if int(version.partition(".")[0]) < _OLDEST:
        return f"the store is version {version}; it must be Redis or Valkey {_OLDEST} or later"
    policy = told.get("maxmemory_policy")
    if policy is None and not assume_noeviction:
        return "the store hides its maxmemory-policy; set state.assume_noeviction if you know that it is noeviction"
    if policy not in {None, "noeviction"}:
        return f"the store evicts keys (maxmemory-policy {policy}); set it to noeviction"
    return None
