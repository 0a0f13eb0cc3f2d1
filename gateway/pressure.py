"""How hard this process is pressed, and what it turns away for that: the least important first.

Lives only here: when load counts as load, and what is shed at which level. A judgement over numbers; the two probes behind it
are thin: the event loop's delay, measured by sleeping, and the share of the memory limit, read from the kernel. Never shed
are calls under way, what settles them, records, approvals, the kill switch and the whole operator plane. Must not know how a
call is carried. Made and started by `app.py`; the road asks `relieve` before anything is claimed, operators read `standing`.
"""

import asyncio
import random
import resource
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

from gateway.config.shedding import Shedding
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect
from gateway.ports import Clock

EVERY_S: Final = 0.05
_REMEMBERED: Final = 5
"""Delays of which the middle one counts: one pause of the collector, however long, sheds nothing."""
_MEMORY_EVERY: Final = 20
"""Delays between two looks at the memory: a second."""
_BATCH, _READS, _CALLS = 1, 2, 3
_TIMES_LAG: Final = {_BATCH: 1, _READS: 2, _CALLS: 4}
_OF_THE_REST: Final = {_BATCH: 0.0, _READS: 0.5, _CALLS: 0.75}
"""How much of the memory beyond the configured share is used when a level begins."""
_SHEDS: Final = {
    _BATCH: "lists and reads of batch agents",
    _READS: "lists and reads",
    _CALLS: "new calls of every kind",
}
_RETRY_AFTER_MS: Final = 1_000


def level(lag_s: float, memory: float, rule: Shedding) -> int:
    """0: nothing is shed; 1: what `_SHEDS` says of it; and so on. `memory` is a share of the limit."""
    late, rest = rule.lag.total_seconds(), 1 - rule.memory
    reached = (
        one
        for one in _SHEDS
        if lag_s > _TIMES_LAG[one] * late or memory > min(rule.memory + _OF_THE_REST[one] * rest, 1.0)
    )
    return max(reached, default=0)


def needed(effect: Effect | None, *, batch: bool) -> int:
    """The level from which such a call is shed; None is a list."""
    if effect is not None and effect.leaves_traces:
        return _CALLS
    return _BATCH if batch else _READS


class Pressure:
    """The load of one process."""

    def __init__(
        self,
        rule: Shedding | None,
        batch: frozenset[str],
        clock: Clock,
        memory: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`rule` None: nothing is shed. `batch`: agents that are shed first. `memory` tells the share of the limit in use."""
        self._rule = rule
        self._batch = batch
        self._clock = clock
        self._probe = memory
        self._sleep = sleep
        self._chance = chance
        self._delays: deque[float] = deque([0.0] * _REMEMBERED, maxlen=_REMEMBERED)
        self.memory = 0.0
        """Share of the limit."""
        self.level = 0

    @property
    def lag_s(self) -> float:
        """By how much the event loop is late."""
        return median(self._delays)

    @property
    def standing(self) -> str:
        """What operators read."""
        return f"ok, but under load: {_SHEDS[self.level]} are turned away" if self.level else "ok"

    def relieve(self, agent: str, effect: Effect | None) -> None:
        """Implements `ports.Relieve`. Raises Refused: overloaded."""
        if self.level and self.level >= needed(effect, batch=agent in self._batch):
            # Spread over as long again, for callers that were turned away together must not come back together.
            wait_ms = round(_RETRY_AFTER_MS * self.level * (1 + self._chance()))
            detail = f"The gateway is under load and takes no {_SHEDS[self.level]} now."
            raise Refused(Reason.OVERLOADED, detail, retry_after_ms=wait_ms)

    async def watch(self) -> None:
        """Forever: sleeps a little and sees how late it wakes."""
        while True:
            self.memory = self._probe()
            for _ in range(_MEMORY_EVERY):
                slept = self._clock.monotonic()
                await self._sleep(EVERY_S)
                self._delays.append(self._clock.monotonic() - slept - EVERY_S)
                self.level = 0 if self._rule is None else level(self.lag_s, self.memory, self._rule)


def memory_share(cgroups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self")) -> float:
    """The share of the tightest memory limit that is used: of the control groups this process is in (version 2, what the
    kernel can drop at once left out), or of its address space. 0.0 where there is none.
    """
    return max((*_of_groups(cgroups, process), _of_address_space(process)), default=0.0)


def _of_groups(cgroups: Path, process: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):
        lines = (process / "cgroup").read_text().splitlines()
        own = cgroups / next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
        for group in (own, *own.parents):
            if group.is_relative_to(cgroups):
                with suppress(OSError, ValueError):  # no limit, or none that can be seen from here
                    yield _used(group) / int((group / "memory.max").read_text())


def _used(group: Path) -> int:
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int((group / "memory.current").read_text()) - int(stat["inactive_file"])


def _of_address_space(process: Path) -> float:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return 0.0
    with suppress(OSError, ValueError):
        return int((process / "statm").read_text().split()[0]) * resource.getpagesize() / limit
    return 0.0
