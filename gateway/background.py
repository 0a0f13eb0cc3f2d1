"""What goes on beside the calls: tool lists are read again, policy files are watched, the audit index keeps up.

Lives only here: when these happen and what a failure means (the old stays, and somebody can see it). Must not know how
a list, a policy or an index is made. Started by `app.py`; each upstream has its own loop, so a slow one delays nobody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from gateway.model.work import JournalUnavailable, StoreUnavailable
from gateway.ports import Catalog, Clock, Upstream, UpstreamFault

_log = logging.getLogger("sallyport")
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 30.0
_LISTING_S = 10.0


@dataclass(slots=True)
class Listed:
    """What is known of one upstream's list."""

    tried: bool = False
    tools: int = 0
    at: float | None = None
    """Unix seconds of the last list that was taken."""
    fault: str | None = None


class Learner:
    """Keeps the catalog's knowledge of one upstream fresh."""

    def __init__(self, upstream: Upstream, catalog: Catalog, refresh_s: float, clock: Clock) -> None:
        self.upstream = upstream
        self.state = Listed()
        self._catalog = catalog
        self._refresh_s = refresh_s
        self._clock = clock
        self._tried = asyncio.Event()

    async def tried(self) -> None:
        """Until the list was read once, with whatever result."""
        await self._tried.wait()

    async def run(self) -> None:
        """Forever; a fault keeps the last list and is retried with growing pauses."""
        pause = _FIRST_RETRY_S
        while True:
            if await self.learn():
                pause = _FIRST_RETRY_S
                await asyncio.sleep(self._refresh_s)
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_RETRY_S)

    async def learn(self) -> bool:
        """Reads the list once."""
        try:
            definitions = await self.upstream.list_tools(self._clock.monotonic() + _LISTING_S)
            # In a thread: an upstream of many tools must not hold up everybody's calls.
            await asyncio.to_thread(self._catalog.learn, self.upstream.id, definitions)
        except UpstreamFault as fault:
            if self.state.fault != str(fault):
                _log.warning("upstream %s: tools not listed: %s", self.upstream.id, fault)
            self.state.fault = str(fault)
            return False
        except Exception:  # noqa: BLE001  a list nobody foresaw must not keep every later one from being read
            _log.exception("upstream %s: its list could not be taken", self.upstream.id)
            self.state.fault = "its list could not be taken; the gateway's log says why"
            return False
        else:
            self.state.tools, self.state.at, self.state.fault = len(definitions), self._clock.now(), None
            return True
        finally:
            self.state.tried = True
            self._tried.set()


async def first_lists(learners: Iterable[Learner], within_s: float) -> None:
    """Until every list was read once, at most `within_s`.

    A gateway that was restarted is called at once, and its agents must not hear that their tools are unknown.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            for learner in learners:
                await learner.tried()


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


async def keep_up(catch_up: Callable[[], Awaitable[None]], every_s: float = 1.0) -> None:
    """Keeps the audit index near the journal, so that a question has little to wait for. Tells of an outage once."""
    told = False
    while True:
        await asyncio.sleep(every_s)
        try:
            await catch_up()
            told = False
        except StoreUnavailable as error:
            if not told:
                _log.warning("%s", error)
            told = True
        except Exception:  # noqa: BLE001  the index is disposable: whoever asks next gets the error
            _log.exception("the audit index could not be brought up to date")
