"""What goes on beside the calls: policy files are watched, the audit index keeps up, what was left open is closed.

Lives only here: when these happen and what a failure means (the old stays, and somebody can see it). Must not know how
a policy or an index is made. Started by `app.py`; how lists are kept fresh is `learner.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from gateway.model.work import JournalUnavailable, StoreUnavailable

_log = logging.getLogger("sallyport")


async def watch_policy(files: Iterable[Path], reload: Callable[[], Awaitable[None]]) -> None:
    """Calls `reload` when a file changed. Watches folders: a ConfigMap swaps a link beside the files, not the files."""
    folders = {path.parent for path in files}
    async for _ in awatch(*folders, debounce=300, step=50, recursive=False, ignore_permission_denied=True):
        try:
            await reload()
        except Exception:  # noqa: BLE001  a change that could not be taken must not hide every later one
            _log.exception("the policy could not be loaded again")


async def until_done(work: Callable[[], Awaitable[None]], every_s: float = 1.0) -> None:
    """Does `work` once, as soon as store and journal can be written. Tells of an outage once."""
    told = False
    while True:
        try:
            return await work()
        except (StoreUnavailable, JournalUnavailable) as error:
            if not told:
                _log.warning("what the last process left open is closed later: %s", error)
            told = True
        await asyncio.sleep(every_s)


async def go_over(sweep: Callable[[], Awaitable[None]], every_s: float = 10.0) -> None:
    """Goes over everything in doubt, now and every few seconds."""
    work = _Work(sweep, "what is in doubt is looked at later", "what is in doubt could not be looked at")
    while True:
        await work.try_once()
        await asyncio.sleep(every_s)


async def keep_up(catch_up: Callable[[], Awaitable[None]], every_s: float = 1.0) -> None:
    """Keeps the audit index near the journal, so that a question has little to wait for."""
    work = _Work(catch_up, "the audit index falls behind", "the audit index could not be brought up to date")
    while True:
        await asyncio.sleep(every_s)
        await work.try_once()


@dataclass(slots=True)
class _Work:
    """What is done again and again, whatever came of it before. Tells of an outage once."""

    do: Callable[[], Awaitable[None]]
    away: str
    failed: str
    told: bool = False

    async def try_once(self) -> None:
        try:
            await self.do()
            self.told = False
        except StoreUnavailable as error:
            if not self.told:
                _log.warning("%s: %s", self.away, error)
            self.told = True
        except Exception:  # noqa: BLE001  what nobody foresaw must not end it for ever
            _log.exception(self.failed)
