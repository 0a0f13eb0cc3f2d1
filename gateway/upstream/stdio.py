"""An MCP server as a child process: started when first needed, started again when it died, shared by all calls.

Lives only here: when a process is started, opened, believed and given up, and how long to wait after failures. Must not know
who calls or how lines travel (child). Called by the pipeline, the catalog's refresh and whoever follows its news.

One process serves every caller, so no capabilities are declared to it: what it asks in mid-call would have no one address.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

from gateway.config.upstreams import McpStdio
from gateway.model.call import Era
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried
from gateway.model.tool import Beside
from gateway.ports import Clock, Permit, Reached, UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream import envelope
from gateway.upstream.channel import Sleep, unnoticed
from gateway.upstream.child import Child
from gateway.upstream.conversation import Conversation, Voices, Volume
from gateway.upstream.deadline import Deadline
from gateway.upstream.following import Following
from gateway.upstream.link import Link, NoLink, open_link
from gateway.upstream.listing import all_beside, all_tools
from gateway.upstream.permits import Permits
from gateway.upstream.rounds import carried_through
from gateway.upstream.stdio_followed import StdioFollowed
from gateway.upstream.verdict import Exchanged, Heard, carried
from gateway.wire import jsonrpc

PROBE_S: Final = 3.0
"""Longest wait for `server/discover`, which old servers may leave unanswered."""
START_S: Final = 60.0
"""Longest start: package runners may install first."""
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Running:
    """A process that was opened."""

    child: Child
    link: Link
    voices: Voices
    volume: Volume


class McpStdioUpstream:
    """One command; implements `ports.Upstream`."""

    def __init__(
        self,
        id: str,  # noqa: A002
        config: McpStdio,
        clock: Clock,
        tasks: Tasks,
        reached: Reached,
        sleep: Sleep = asyncio.sleep,
        *,
        shared: bool = False,
    ) -> None:
        """`shared`: more than one agent may use it."""
        self.id: Final = id
        self.address: Final = config.command
        self._config = config
        self._clock = clock
        self._tasks = tasks
        self._reached = reached
        self._standing = Tasks()
        """What is followed."""
        self._permits = Permits(id, config.max_in_flight, config.queue, clock, shared=shared)
        self._ids = itertools.count(1)
        self._following = Following(id, self._standing, clock, sleep)
        self._starting: asyncio.Task[_Running | NoLink] | None = None
        self._awake = asyncio.Event()
        """Set while a process runs: only then is there something to follow."""
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    def try_permit(self, agent: str) -> Permit | None:
        return self._permits.try_permit(agent)

    async def permit(self, deadline: float, agent: str) -> Permit:
        return await self._permits.permit(deadline, agent)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        limit = Deadline(deadline, self._clock, self._permits.loan(call.agent))
        return await (self._send(call, limit) if call.dialogue.stateless else carried_through(call, limit, self._send))

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        limit = Deadline(deadline, self._clock)
        return await all_tools(self.id, partial(self._ask, limit, "tools/list"))

    async def list_beside(self, deadline: float) -> Beside:
        limit = Deadline(deadline, self._clock)
        try:
            running = await self._running(limit)
        except NoLink as none:
            raise UpstreamFault(f"Upstream {self.id} was not opened: {none.unsent.why}.") from None
        return await all_beside(self.id, await self._capabilities(running.link, limit), partial(self._ask, limit))

    async def follow(self, hear: Hear) -> None:
        await self._following.run(hear, self._followed)

    def want(self, uris: frozenset[str]) -> None:
        self._following.want(uris)

    async def close(self) -> None:
        self._closed = True
        await self._standing.close()
        if (starting := self._starting) is not None:
            starting.cancel()
            await asyncio.wait((starting,))
            if not starting.cancelled() and not isinstance(started := starting.result(), NoLink):
                await started.child.stop()
                await asyncio.wait((started.child.ended,))

    async def _send(self, call: Outbound, deadline: Deadline) -> Carried:
        try:
            running = await self._running(deadline)
        except NoLink as none:
            return none.unsent
        own = next(self._ids)
        said = envelope.call_params(running.link.era, call, envelope.timed(call, deadline.left_s), str(own))
        message = jsonrpc.request(own, call.method, said)
        conversation = Conversation(call.dialogue, str(own), deadline, call.owner)
        running.voices.join(conversation)
        try:
            if running.volume.lowers(call.dialogue.log_level):
                await self._ask(deadline, "logging/setLevel", {"level": call.dialogue.log_level})
            exchanged = await running.child.ask(message, deadline.left_s, self._reached)
        finally:
            running.voices.leave(conversation)
        outcome = carried(replace(exchanged, begun=conversation.begun) if isinstance(exchanged, Heard) else exchanged)
        if isinstance(outcome, Answered | AnsweredError):
            self._failures = 0
        return outcome

    async def _ask(self, deadline: Deadline, method: str, members: Mapping[str, Any]) -> Carried:
        """What the gateway asks for itself."""
        try:
            running = await self._running(deadline)
        except NoLink as none:
            return none.unsent
        message = jsonrpc.request(next(self._ids), method, envelope.params(running.link.era, members))
        return carried(await running.child.ask(message, deadline.left_s, unnoticed))

    async def _capabilities(self, link: Link, deadline: Deadline) -> Mapping[str, Any]:
        """What the server says it can do. Raises UpstreamFault."""
        if link.era == "legacy":
            return link.capabilities
        match await self._ask(deadline, "server/discover", {}):
            case Answered(result={"capabilities": Mapping() as said}):
                return said
            case _:
                raise UpstreamFault(f"Upstream {self.id} did not say what it can do.")

    async def _followed(self) -> StdioFollowed:
        """The process that runs, once there is one: following never starts it."""
        while True:
            await self._awake.wait()
            if (starting := self._starting) is not None and not isinstance(started := await starting, NoLink):
                able = partial(self._capabilities, started.link)
                return StdioFollowed(started.child, started.link.era, self._ids, self._clock, able)
            self._awake.clear()

    async def _running(self, deadline: Deadline) -> _Running:
        """The process, opened. A start outlives the callers who wait for it. Raises NoLink."""
        now = self._clock.monotonic()
        if (starting := self._starting) is None:
            if self._closed:
                raise NoLink("it was closed", cause="never")
            if now < self._not_before:
                raise NoLink("it ended and is started again soon", round((self._not_before - now) * 1000), "later")
            starting = self._starting = self._tasks.start(self._start(), f"start of {self.id}")
        if not starting.done():
            await asyncio.wait((starting,), timeout=max(0.0, deadline.left_s or 0.0))
        if not starting.done():
            raise NoLink("it is still starting", 1000, "later")
        if starting.cancelled():
            raise NoLink("it was closed", cause="never")
        if isinstance(started := starting.result(), NoLink):
            raise started
        return started

    async def _start(self) -> _Running | NoLink:
        started, died = await self._open(self._config.era)
        if isinstance(started, NoLink) and died and self._config.era == "auto":
            # Some servers end when anything but `initialize` comes first.
            started, _ = await self._open("legacy")
        if isinstance(started, NoLink):
            self._ended()
        else:
            started.child.ended.add_done_callback(self._ended)
            self._awake.set()
        return started

    async def _open(self, era: Era | Literal["auto"]) -> tuple[_Running | NoLink, bool]:
        """A process with a link, or why not and whether the process ended by itself."""
        said: list[Child] = []

        async def say(message: Mapping[str, Any]) -> None:
            await said[0].ask(message, None, unnoticed)

        voices = Voices(self.id, say, self._following.take, self._tasks, asks=False)
        try:
            child = await Child.start(self.id, self._config, self._tasks, voices.hear)
        except (OSError, ValueError):
            return NoLink("its command cannot be started"), False
        said.append(child)
        try:
            link = await open_link(partial(_talk, child), self._ids, era, silence="legacy")
            return _Running(child, link, voices, Volume(link.capabilities)), False
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
        self._awake.clear()
        self._failures += 1
        if self._failures > 1:
            pause = min(_LONGEST_PAUSE_S, 0.25 * 2 ** min(self._failures, 10))
            self._not_before = self._clock.monotonic() + pause


async def _talk(child: Child, message: Mapping[str, Any], _headers: Mapping[str, str]) -> Exchanged:
    return await child.ask(message, PROBE_S if message.get("method") == "server/discover" else START_S, unnoticed)
