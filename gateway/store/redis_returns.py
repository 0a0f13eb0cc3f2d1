"""Claims nothing was sent under, on their way back into the store.

Lives only here: the patience with a store that gave no answer. A script that timed out may have run, or may yet run when
a paused server wakes up: then its row would be taken for a call that was sent. So giving back goes on for a while even
after the store said that there is nothing to give back. Must not know journals or callers. Used by the claim store.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from gateway.model.claim import Claim, NotDone
from gateway.model.work import StoreUnavailable
from gateway.store.redis_steps import Steps
from gateway.tasks import Tasks

PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
AT_ONCE: Final = 1_000
_log = logging.getLogger("sallyport.store")


class Returns:
    """Gives back, in the background, a bounded number of times."""

    def __init__(self, steps: Steps, tasks: Tasks) -> None:
        self._steps = steps
        self._tasks = tasks
        self._owed = 0

    async def now(self, claim: Claim, token: int) -> None:
        """For a claim that is known to stand; goes on in the background when the store cannot be reached."""
        try:
            await self._steps.finish(claim, token, NotDone())
        except StoreUnavailable:
            self.later(claim, token)

    def later(self, claim: Claim, token: int) -> None:
        """For a claim that may stand. What is not given back in the end comes into doubt."""
        if self._owed >= AT_ONCE:
            _log.warning("call %s may be taken for sent: too many claims are being given back", claim.call_id)
            return
        self._owed += 1
        self._tasks.start(self._insist(claim, token), "redis-give-back")

    async def _insist(self, claim: Claim, token: int) -> None:
        try:
            for pause_s in PAUSES_S:
                await asyncio.sleep(pause_s)
                with suppress(StoreUnavailable):
                    if await self._steps.finish(claim, token, NotDone()):
                        return
        finally:
            self._owed -= 1
