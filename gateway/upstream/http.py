"""An MCP server over HTTP, of either era.

Lives only here: what a request of ours needs (its session, its conversation, its headers), and that it is sent again only
when the server proved that it did not act. Must not know who calls, what a tool may do, how bytes travel (channel) or what
an answer proves (verdict). Called by the pipeline, the catalog's refresh and whoever follows its news.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from yarl import URL

from gateway.config.upstreams import McpHttp
from gateway.model.call import Era
from gateway.model.news import Hear, ListChanged
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, Carried, Lost, Unsent
from gateway.model.tool import Beside
from gateway.ports import Clock, Permit, Reached, UpstreamFault
from gateway.tasks import Tasks
from gateway.upstream import envelope
from gateway.upstream.channel import Sleep, unnoticed
from gateway.upstream.conversation import Conversation
from gateway.upstream.deadline import Deadline
from gateway.upstream.door import Door
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.following import Followed, Following
from gateway.upstream.http_followed import HttpFollowed
from gateway.upstream.http_session import HttpSession, Site
from gateway.upstream.link import NOTHING, NoLink
from gateway.upstream.links import SHARED, Links, key_of
from gateway.upstream.listing import all_beside, all_tools
from gateway.upstream.permits import Permits
from gateway.upstream.rounds import carried_through
from gateway.upstream.verdict import Exchanged, Heard, carried, era_in_doubt, not_found, wrong_headers
from gateway.wire import headers, jsonrpc

_Said = tuple[dict[str, Any], Mapping[str, str]]
"""Parameters and headers of a request, which differ by era."""


@dataclass(frozen=True, slots=True)
class _Errand:
    """A request before it is known which session carries it."""

    method: str
    deadline: Deadline
    members: Mapping[str, Any]
    call: Outbound | None = None
    """The call it is for; None for what the gateway asks for itself."""

    def said(self, era: Era, token: str) -> _Said:
        if self.call is not None:
            call, meta = self.call, envelope.timed(self.call, self.deadline.left_s)
            return envelope.call_params(era, call, meta, token), envelope.call_headers(era, call, meta)
        found = headers.mcp_headers(self.method, None, None, {}) if era == "modern" else {}
        return envelope.params(era, self.members), found


class McpHttpUpstream:
    """One server; implements `ports.Upstream`."""

    def __init__(
        self,
        id: str,  # noqa: A002
        config: McpHttp,
        clock: Clock,
        tasks: Tasks,
        reached: Reached,
        sleep: Sleep = asyncio.sleep,
        *,
        shared: bool = False,
    ) -> None:
        """`shared`: more than one agent may use it."""
        self.id: Final = id
        self.address: Final = str(URL(config.url).with_user(None).with_query(None).with_fragment(None))
        self._clock = clock
        self._tasks = tasks
        self._reached = reached
        self._standing = Tasks()
        """What goes on as long as this server is known: its streams, what is followed, the aging of sessions."""
        credentials = {name: value.get_secret_value() for name, value in config.headers.items()}
        self._exchange = HttpExchange(config.url, credentials, config.max_result, clock)
        self._permits = Permits(id, config.max_in_flight, config.queue, clock, shared=shared)
        self._ids = itertools.count(1)
        self._following = Following(id, self._standing, clock, sleep)
        site = Site(id, self._exchange, clock, tasks, self._standing, self._following.take, sleep)
        self._links = Links(Door(URL(config.url), self._ids, site), config.era, clock, self._standing, sleep)
        self._awake = asyncio.Event()
        """Set while the server answers: only then is there something to follow."""

    def try_permit(self, agent: str) -> Permit | None:
        return self._permits.try_permit(agent)

    async def permit(self, deadline: float, agent: str) -> Permit:
        return await self._permits.permit(deadline, agent)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        limit = Deadline(deadline, self._clock, self._permits.loan(call.agent))
        return await (self._send(call, limit) if call.dialogue.stateless else carried_through(call, limit, self._send))

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        return await self._tools(Deadline(deadline, self._clock))

    async def list_beside(self, deadline: float) -> Beside:
        limit = Deadline(deadline, self._clock)
        return await all_beside(self.id, await self._capabilities(limit), partial(self._page, limit))

    async def follow(self, hear: Hear) -> None:
        await self._following.run(hear, self._followed)

    def want(self, uris: frozenset[str]) -> None:
        self._following.want(uris)

    async def close(self) -> None:
        await self._links.close()
        await self._standing.close()
        await self._exchange.close()

    async def _send(self, call: Outbound, deadline: Deadline) -> Carried:
        return await self._ask(_Errand(call.method, deadline, {}, call))

    async def _tools(self, deadline: Deadline) -> Sequence[Mapping[str, Any]]:
        return await all_tools(self.id, partial(self._page, deadline, "tools/list"))

    async def _page(self, deadline: Deadline, method: str, members: Mapping[str, Any]) -> Carried:
        return await self._ask(_Errand(method, deadline, members))

    async def _capabilities(self, deadline: Deadline) -> Mapping[str, Any]:
        """What the server says it can do. Raises UpstreamFault."""
        try:
            session = await self._links.get(SHARED, NOTHING, deadline)
        except NoLink as none:
            raise UpstreamFault(f"Upstream {self.id} was not opened: {none.unsent.why}.") from None
        if session.link.era == "legacy":
            return session.link.capabilities
        match await self._ask(_Errand("server/discover", deadline, {})):
            case Answered(result={"capabilities": Mapping() as said}):
                return said
            case _:
                raise UpstreamFault(f"Upstream {self.id} did not say what it can do.")

    async def _ask(self, errand: _Errand) -> Carried:
        """Asks once; once more only when the server proved that it did not act, and our belief about it has changed."""
        key, declared = (SHARED, NOTHING) if errand.call is None else key_of(errand.call)
        try:
            session = await self._links.get(key, declared, errand.deadline)
        except NoLink as none:
            return none.unsent
        in_use = session.in_use
        exchanged = await self._ask_over(session, errand)
        outcome = carried(exchanged, in_session=session.link.in_session and in_use)
        if not isinstance(outcome, Unsent) or not_found(exchanged):
            return outcome
        if session.live:
            again = await self._relearned(errand) if wrong_headers(exchanged) else None
            return outcome if again is None else carried(await self._ask_over(session, again))
        try:
            fresh = await self._links.get(key, declared, errand.deadline)
        except NoLink:
            return outcome
        if fresh.link == session.link:
            return outcome
        return carried(await self._ask_over(fresh, errand))

    async def _ask_over(self, session: HttpSession, errand: _Errand) -> Exchanged:
        own, session.in_use = next(self._ids), True
        params, extra = errand.said(session.link.era, str(own))
        message = jsonrpc.request(own, errand.method, params)
        if errand.call is None:
            exchanged = await session.ask(message, extra, errand.deadline, unnoticed, session.hearing())
        else:
            exchanged = await self._converse(session, errand.call, message, extra, errand.deadline)
        if isinstance(exchanged, Heard):
            self._awake.set()
        if session.live and era_in_doubt(session.link.era, exchanged):
            self._links.doubt(session)
        return exchanged

    async def _converse(
        self,
        session: HttpSession,
        call: Outbound,
        message: Mapping[str, Any],
        extra: Mapping[str, str],
        deadline: Deadline,
    ) -> Exchanged:
        """A call with whatever its server says meanwhile. A server that keeps sessions is told when nobody waits any more."""
        conversation = Conversation(call.dialogue, str(message["id"]), deadline, call.owner)
        session.voices.join(conversation)
        try:
            if session.volume.lowers(call.dialogue.log_level):
                level = jsonrpc.request(next(self._ids), "logging/setLevel", {"level": call.dialogue.log_level})
                await session.ask(level, {}, deadline, unnoticed, session.hearing())
            exchanged = await session.ask(message, extra, deadline, self._reached, session.hearing(conversation))
        except asyncio.CancelledError:
            self._gave_up(session, message)
            raise
        finally:
            session.voices.leave(conversation)
        if isinstance(exchanged, Lost) and exchanged.timed_out:
            self._gave_up(session, message)
        return replace(exchanged, begun=True) if conversation.begun and isinstance(exchanged, Heard) else exchanged

    def _gave_up(self, session: HttpSession, message: Mapping[str, Any]) -> None:
        """In a session a closed connection says nothing; a modern server understands it by itself."""
        if session.link.era == "legacy":
            told = {"requestId": message["id"], "reason": "the caller went away"}
            farewell = session.say(jsonrpc.notification("notifications/cancelled", told))
            self._tasks.start(farewell, f"cancellation to {self.id}")

    async def _relearned(self, errand: _Errand) -> _Errand | None:
        """The errand with headers of the tool as the server lists it now; None when they would be the same."""
        self._following.tell(ListChanged("tools"))
        if (call := errand.call) is None or call.method != "tools/call":
            return None
        try:
            tools = await self._tools(errand.deadline)
        except UpstreamFault:
            return None
        listed = next((tool for tool in tools if tool["name"] == call.tool.name), None)
        if listed is None:
            return None
        now = replace(call, tool=replace(call.tool, definition=listed))
        same = envelope.call_headers("modern", now, {}) == envelope.call_headers("modern", call, {})
        return None if same else replace(errand, call=now)

    async def _followed(self) -> Followed:
        """The session that is followed: the shared one, once the server has answered in it."""
        while True:
            await self._awake.wait()
            if (session := self._links.shared) is not None:
                return HttpFollowed(session, self._ids, self._clock, self._capabilities)
            self._awake.clear()
