"""The ledger's records in Redis, seen from the ledger: script and journal at the same time, and what is owed afterwards.

Lives only here: that the send waits for both. An intent without `sent` was not sent; a `sent` whose answer or intent did
not come is given back, because nothing left under it. Must not know scripts, windows or who waits for what. Called by the
ledger room through `homes.ClaimStore`, and by recovery (`fate`).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from gateway.homes import Writer
from gateway.model.claim import (
    DOUBTS,
    TOKEN_BITS,
    Claim,
    ClaimAnswer,
    Departure,
    Done,
    Doubted,
    Ending,
    NotDone,
    State,
    Won,
)
from gateway.model.work import Entry, StoreUnavailable, Work
from gateway.ports import Reached
from gateway.store.redis_ears import Ears
from gateway.store.redis_link import Unanswered
from gateway.store.redis_returns import Returns
from gateway.store.redis_steps import FIRST, Place, Steps
from gateway.tasks import Tasks

POLL_S: Final = 0.25
T = TypeVar("T", ClaimAnswer, Departure)
R = TypeVar("R")


class RedisClaims:
    """Implements `homes.ClaimStore`."""

    def __init__(self, steps: Steps, writer: Writer, ears: Ears, tasks: Tasks, reached: Reached) -> None:
        self._steps = steps
        self._writer = writer
        self._ears = ears
        self._tasks = tasks
        self._reached = reached
        self._returns = Returns(steps, tasks)
        self._fading: dict[bytes, asyncio.Task[None]] = {}

    async def claim(self, claim: Claim, intent: Entry | None) -> ClaimAnswer:
        """Raises StoreUnavailable; with an intent also JournalUnavailable. Then nothing is sent: what it may have
        claimed is given back.
        """
        token = secrets.randbits(TOKEN_BITS)
        if (fading := self._fading.get(claim.record)) is not None:
            await asyncio.wait((fading,))
        step = self._steps.claim(claim, token, departing=intent is not None)
        answer = await self._beside(step, intent, claim, token)
        self._reached("claims.claimed")
        return answer

    async def depart(self, claim: Claim, token: int, intent: Entry, approval: str | None = None) -> Departure:
        """Raises StoreUnavailable, JournalUnavailable; then nothing may be sent."""
        departure = await self._beside(self._steps.depart(claim, token, approval), intent, claim, token)
        self._reached("claims.departed")
        return departure

    async def finish(self, claim: Claim, token: int, ending: Ending, terminal: Entry | None) -> bool:
        """Writes the terminal entry even when the token was lost. Raises StoreUnavailable."""
        if terminal is None:
            return await self._steps.finish(claim, token, ending)
        entry = self._steps.witnessed(terminal)
        writing = self._writer.submit(Work(entries=lambda _: (entry,)))
        held = await _outcome(self._steps.finish(claim, token, ending))
        self._reached("claims.scripted")
        written = await _outcome(writing)
        if isinstance(held, StoreUnavailable):
            raise StoreUnavailable(str(held), journaled=not isinstance(written, Exception))
        self._reached("claims.finished")
        for outcome in (written, held):
            if isinstance(outcome, Exception):
                raise outcome
        return bool(held)

    def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        """In the background; the next claim of this process waits for it."""
        record = claim.record
        task = self._tasks.start(self._fade(claim, token, keep_s, self._fading.get(record)), "redis-delivered")
        self._fading[record] = task
        task.add_done_callback(lambda ended: self._faded(record, ended))

    async def changed(self, claim: Claim, within_s: float) -> bool:
        """A push ends the wait; a lost one delays it by `POLL_S`."""
        await self._ears.hear(claim.record.hex(), min(within_s, POLL_S))
        return True

    async def recover(self) -> tuple[str, ...]:
        """Nothing: what died processes left comes into doubt when its lease is over, or when its fate is asked."""
        return ()

    async def fate(self, record: str, call_id: str) -> State | None:
        """What became of the call; what this memory cannot know is in doubt. Raises StoreUnavailable."""
        return await self._steps.fate(record, call_id)

    async def renew(self, claim: Claim, token: int) -> None:
        """Raises StoreUnavailable."""
        await self._steps.renew(claim, token)

    async def doubts(self) -> Sequence[Doubted]:
        """Every call in doubt, oldest first; also what a dead gateway left. Raises StoreUnavailable."""
        found: dict[tuple[int, str], Doubted] = {}
        after: Place | None = FIRST
        while after is not None and len(found) < DOUBTS:
            page, after = await self._steps.doubts(after)
            for one in page:  # a call has one token for both its records; 0 is of rows that nobody can read
                found.setdefault((one.token, "" if one.token else one.record.hex()), one)
        return list(found.values())[:DOUBTS]

    async def resolve(self, record: bytes, token: int, verdict: Done | NotDone, entry: Entry) -> bool:
        """First looked at, then written down, then done: a gateway that dies between leaves a doubt that is settled anew.

        An answer that comes in that very moment wins over the word, of which the entry then is all that remains. Raises
        StoreUnavailable, JournalUnavailable; then it may be in doubt still.
        """
        doubt = await self._steps.doubted(record, token)
        if doubt is None:
            return False
        self._reached("claims.resolving")
        witnessed = self._steps.witnessed(entry)
        await self._writer.submit(Work(entries=lambda _: (witnessed,), durable=True, needs_journal=True))
        self._reached("claims.journaled")
        held = await self._steps.resolve(doubt, verdict)
        self._reached("claims.resolved")
        return held

    async def _beside(self, step: Coroutine[None, None, T], intent: Entry | None, claim: Claim, token: int) -> T:
        """A step and its intent at the same time: both stand, or nothing is sent under the token."""
        writing = None
        if intent is not None:
            entry = self._steps.witnessed(intent)
            writing = self._writer.submit(Work(entries=lambda _: (entry,), durable=True, needs_journal=True))
        said = await _outcome(step)
        self._reached("claims.scripted")
        written = await _outcome(writing) if writing is not None else None
        if isinstance(said, Unanswered):
            self._returns.later(claim, token)
        elif isinstance(written, Exception) and (isinstance(said, Won) or said is Departure.DEPARTED):
            await self._returns.now(claim, token)
        if isinstance(written, Exception):
            raise written
        if isinstance(said, Exception):
            raise said
        return said

    async def _fade(self, claim: Claim, token: int, keep_s: float, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait((before,))
        with suppress(StoreUnavailable):  # then the row ends later than it might
            await self._steps.delivered(claim, token, keep_s)

    def _faded(self, record: bytes, task: "asyncio.Task[None]") -> None:
        if self._fading.get(record) is task:
            del self._fading[record]


async def _outcome(under_way: Awaitable[R]) -> R | Exception:
    """What came of it, a failure as well: of two things under way both are waited for. Costs no task, as `gather` does."""
    try:
        return await under_way
    except Exception as failed:  # noqa: BLE001  the caller raises it
        return failed
