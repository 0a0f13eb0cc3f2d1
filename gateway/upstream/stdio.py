"""An MCP server as a child process: started when first needed, started again when it died, shared by all calls.

Lives only here: when a process is started, opened, believed and given up, and how long to wait after failures. Must not know
who calls or how lines travel (child). Called by the pipeline and the catalog's refresh.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from gateway.config.upstreams import McpStdio
from gateway.model.call import Era
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried
from gateway.model.tool import Beside
from gateway.ports import Clock, Permit, Reached
from gateway.tasks import Tasks
from gateway.upstream import envelope
from gateway.upstream.child import Child
from gateway.upstream.link import Link, NoLink, open_link
from gateway.upstream.listing import all_tools
from gateway.upstream.permits import Permits
from gateway.upstream.verdict import Exchanged, carried
from gateway.wire import jsonrpc

PROBE_S: Final = 3.0
"""Longest wait for `server/discover`, which old servers may leave unanswered."""
START_S: Final = 60.0
"""Longest start: package runners may install first."""
_LONGEST_PAUSE_S: Final = 30.0


_Started = tuple[Child, Link]


class McpStdioUpstream:
    """One command; implements `ports.Upstream`."""

    def __init__(self, id: str, config: McpStdio, clock: Clock, tasks: Tasks, reached: Reached) -> None:  # noqa: A002
        self.id: Final = id
        self.address: Final = config.command
        self._config = config
        self._clock = clock
        self._tasks = tasks
        self._reached = reached
        self._permits = Permits(id, config.max_in_flight, config.queue, clock)
        self._ids = itertools.count(1)
        self._starting: asyncio.Task[_Started | NoLink] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    def try_permit(self) -> Permit | None:
        return self._permits.try_permit()

    async def permit(self, deadline: float) -> Permit:
        return await self._permits.permit(deadline)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        try:
            child, link = await self._running(deadline)
        except NoLink as none:
            return none.unsent
        message = jsonrpc.request(next(self._ids), "tools/call", envelope.call_params(link.era, call))
        outcome = carried(await child.ask(message, deadline - self._clock.monotonic(), self._reached))
        if isinstance(outcome, Answered | AnsweredError):
            self._failures = 0
        return outcome

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        async def page(members: Mapping[str, Any]) -> Carried:
            try:
                child, link = await self._running(deadline)
            except NoLink as none:
                return none.unsent
            message = jsonrpc.request(next(self._ids), "tools/list", envelope.params(link.era, members))
            return carried(await child.ask(message, deadline - self._clock.monotonic(), _unnoticed))

        return await all_tools(self.id, page)

    async def list_beside(self, deadline: float) -> Beside:
        return Beside()

    async def follow(self, hear: Hear) -> None:
        await asyncio.Event().wait()

    def want(self, uris: frozenset[str]) -> None:
        """Nothing is told."""

    async def close(self) -> None:
        self._closed = True
        if (starting := self._starting) is not None:
            starting.cancel()
            await asyncio.wait((starting,))
            if not starting.cancelled() and not isinstance(started := starting.result(), NoLink):
                await started[0].stop()
                await asyncio.wait((started[0].ended,))

    async def _running(self, deadline: float) -> _Started:
        """The process, opened. A start outlives the callers who wait for it. Raises NoLink."""
        now = self._clock.monotonic()
        if (starting := self._starting) is None:
            if self._closed:
                raise NoLink("it was closed", cause="never")
            if now < self._not_before:
                raise NoLink("it ended and is started again soon", round((self._not_before - now) * 1000), "later")
            starting = self._starting = self._tasks.start(self._start(), f"start of {self.id}")
        if not starting.done():
            await asyncio.wait((starting,), timeout=max(0.0, deadline - now))
        if not starting.done():
            raise NoLink("it is still starting", 1000, "later")
        if starting.cancelled():
            raise NoLink("it was closed", cause="never")
        if isinstance(started := starting.result(), NoLink):
            raise started
        return started

    async def _start(self) -> _Started | NoLink:
        started, died = await self._open(self._config.era)
        if isinstance(started, NoLink) and died and self._config.era == "auto":
            # Some servers end when anything but `initialize` comes first.
            started, _ = await self._open("legacy")
        if isinstance(started, NoLink):
            self._ended()
        else:
            started[0].ended.add_done_callback(self._ended)
        return started

    async def _open(self, era: Era | Literal["auto"]) -> tuple[_Started | NoLink, bool]:
        """A process with a link, or why not and whether the process ended by itself."""
        try:
            child = await Child.start(self.id, self._config, self._tasks)
        except (OSError, ValueError):
            return NoLink("its command cannot be started"), False
        try:
            return (child, await open_link(partial(_talk, child), self._ids, era, silence="legacy")), False
        except NoLink as none:
            died = not child.alive
            await child.stop()
            return none, died
        except asyncio.CancelledError:
            await child.stop()
            raise

    def _ended(self, _reading: object = None) -> None:
        """The first end is followed by a start on demand, further ones without a good answer between by a pause."""
        self._starting = None
        self._failures += 1
        if self._failures > 1:
            pause = min(_LONGEST_PAUSE_S, 0.25 * 2 ** min(self._failures, 10))
            self._not_before = self._clock.monotonic() + pause


async def _talk(child: Child, message: Mapping[str, Any], _headers: Mapping[str, str]) -> Exchanged:
    return await child.ask(message, PROBE_S if message.get("method") == "server/discover" else START_S, _unnoticed)


def _unnoticed(_point: str) -> None:
    """Openings and listings are no crash points of the road."""
