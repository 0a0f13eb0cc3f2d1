"""Everything several gateways share through one Redis or Valkey server, opened and closed as one.

Lives only here: construction, and the two tasks of the watch. redis-py is imported when a home is built and not before:
a gateway that needs none starts without it. A server that is away keeps nothing from being opened: what leaves traces is
refused until it is back. Called by `app.py`.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.homes import ApprovalStore, BudgetStore, ClaimStore, EndedSessions, FirstSeen, StopStore, Writer
from gateway.model.work import StoreUnavailable
from gateway.ports import Clock, Reached
from gateway.tasks import Tasks

if TYPE_CHECKING:
    from gateway.store.redis_guard import Guard
    from gateway.store.redis_watch import RedisWatch

_LAST_WORDS_S: Final = 1.0
_FIRST_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class RedisHome:
    """The homes, and what an operator may ask and do."""

    claims: ClaimStore
    approvals: ApprovalStore
    stops: StopStore
    budgets: BudgetStore
    sessions: EndedSessions
    seen: FirstSeen
    watch: "RedisWatch"
    """Tells of a changed kill switch (`on_stops`) and since when that is certain (`confirmed_at`)."""
    guard: "Guard"
    background: Tasks
    loops: Tasks

    @property
    def fault(self) -> str | None:
        """What keeps calls that leave traces from being sent, in one sentence; for health."""
        return self.guard.fault

    async def accept_loss(self) -> bool:
        """An operator's word after the store lost its memory: calls of before may be made again. For every gateway.

        False when nothing was lost. Raises StoreUnavailable.
        """
        return await self.guard.accept_loss()

    async def start(self, witnessed: str) -> None:
        """Looks, and goes on looking; whether the server can be reached, `fault` says.

        `witnessed`: the last an earlier process wrote into its journal about the store's memory.

        A new server is taken into use first: the first calls after a start should not be refused for its newness. What is
        stopped is known before the first call, where the server can be reached.
        """
        from gateway.store.redis_watch import POLL_S

        self.guard.recall(witnessed)
        for _ in range(_FIRST_LOOKS):
            with suppress(StoreUnavailable):  # the watch goes on trying
                await self.watch.tick()
            if self.guard.known is not None or self.guard.lost or self.guard.link.fault is not None:
                break
            await asyncio.sleep(POLL_S)
        self.loops.start(self.watch.poll(), "redis-poll")
        self.loops.start(self.watch.listen(), "redis-listen")

    async def close(self) -> None:
        """Ends the watch, gives what is on its way a moment, closes the connections."""
        await self.loops.close()
        await self.background.drain(_LAST_WORDS_S)
        await self.background.close()
        self.guard.save()
        await self.guard.link.close()


def redis_stores(
    url: str,
    *,
    secret: bytes,
    approvals_secret: bytes,
    writer: Writer,
    clock: Clock,
    seen_here: FirstSeen,
    reached: Reached,
    generation_file: Path,
    assume_noeviction: bool = False,
) -> RedisHome:
    """Builds the home; `start` looks for its server. Raises ValueError for a URL that is none."""
    from gateway.store.redis_approvals import RedisApprovals
    from gateway.store.redis_budgets import RedisBudgets
    from gateway.store.redis_claims import RedisClaims
    from gateway.store.redis_ears import Ears
    from gateway.store.redis_generation import Remembered
    from gateway.store.redis_guard import Guard
    from gateway.store.redis_link import RedisLink
    from gateway.store.redis_seen import RedisFirstSeen
    from gateway.store.redis_sessions import RedisEndedSessions
    from gateway.store.redis_steps import Steps
    from gateway.store.redis_stops import RedisStops
    from gateway.store.redis_watch import RedisWatch

    background, loops, ears = Tasks(), Tasks(), Ears()
    link = RedisLink(url, assume_noeviction=assume_noeviction)
    guard = Guard(link, clock, Remembered(generation_file), secret)
    stops, sessions = RedisStops(guard), RedisEndedSessions(link, clock, background)
    watch = RedisWatch(guard, ears, stops, sessions, clock)
    return RedisHome(
        claims=RedisClaims(Steps(guard, clock, secret), writer, ears, background, reached),
        approvals=RedisApprovals(link, approvals_secret, ears),
        stops=stops,
        budgets=RedisBudgets(guard, background),
        sessions=sessions,
        seen=RedisFirstSeen(link, seen_here),
        watch=watch,
        guard=guard,
        background=background,
        loops=loops,
    )
