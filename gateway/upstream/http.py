"""An MCP server over Streamable HTTP, of either era.

Lives only here: the one link shared by all calls, when it is opened again, and the headers of a request. Must not know who
calls, what a tool may do, how bytes travel (exchange) or what an answer proves (verdict). Called by the pipeline and the
catalog's refresh.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from yarl import URL

from gateway.config.upstreams import McpHttp
from gateway.model.news import Hear
from gateway.model.outbound import Outbound
from gateway.model.outcome import Carried, Unsent
from gateway.model.tool import Beside
from gateway.ports import Clock, Permit, Reached
from gateway.tasks import Tasks
from gateway.upstream import envelope
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.link import MODERN, Link, NoLink, open_link
from gateway.upstream.listing import all_tools
from gateway.upstream.permits import Permits
from gateway.upstream.verdict import Exchanged, carried, era_in_doubt
from gateway.wire import headers, jsonrpc
from gateway.wire.strict_json import dump

_FAREWELL_S: Final = 1.0
_ANSWER_S: Final = 5.0
_ANSWERS_AT_ONCE: Final = 16

_Said = Callable[[Link], tuple[dict[str, Any], Mapping[str, str]]]
"""Parameters and headers of a request, which differ by era."""


class McpHttpUpstream:
    """One server; implements `ports.Upstream`."""

    def __init__(self, id: str, config: McpHttp, clock: Clock, tasks: Tasks, reached: Reached) -> None:  # noqa: A002
        self.id: Final = id
        self.address: Final = str(URL(config.url).with_user(None).with_query(None).with_fragment(None))
        self._pinned = config.era
        self._clock = clock
        self._tasks = tasks
        self._reached = reached
        credentials = {name: value.get_secret_value() for name, value in config.headers.items()}
        self._exchange = HttpExchange(config.url, credentials, config.max_result, clock)
        self._permits = Permits(id, config.max_in_flight, config.queue, clock)
        self._link: Link | None = MODERN if config.era == "modern" else None
        self._opening = asyncio.Lock()
        self._ids = itertools.count(1)
        self._answering = 0
        self.dropped = 0
        """Messages of the server before its answers, which went nowhere."""

    def try_permit(self) -> Permit | None:
        return self._permits.try_permit()

    async def permit(self, deadline: float) -> Permit:
        return await self._permits.permit(deadline)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        extra = envelope.trace_headers(call.meta)
        if call.idempotency_key is not None:
            extra["Idempotency-Key"] = call.idempotency_key

        def said(link: Link) -> tuple[dict[str, Any], Mapping[str, str]]:
            params = envelope.call_params(link.era, call)
            if link.era == "legacy":
                return params, extra
            schema = call.tool.definition.get("inputSchema")
            return params, extra | headers.mcp_headers("tools/call", call.tool.name, schema, call.arguments)

        return await self._ask("tools/call", said, deadline, self._reached)

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        async def page(members: Mapping[str, Any]) -> Carried:
            def said(link: Link) -> tuple[dict[str, Any], Mapping[str, str]]:
                found = headers.mcp_headers("tools/list", None, None, {}) if link.era == "modern" else {}
                return envelope.params(link.era, members), found

            return await self._ask("tools/list", said, deadline, _unnoticed)

        return await all_tools(self.id, page)

    async def list_beside(self, deadline: float) -> Beside:
        return Beside()

    async def follow(self, hear: Hear) -> None:
        await asyncio.Event().wait()

    def want(self, uris: frozenset[str]) -> None:
        """Nothing is told."""

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None and link.in_session:
            await self._exchange.delete(link.headers, _FAREWELL_S)
        await self._exchange.close()

    async def _ask(self, method: str, said: _Said, deadline: float, reached: Reached) -> Carried:
        """Asks once; once more only when the server proved that it did not act, and our belief about it has changed."""
        try:
            link = await self._linked(deadline)
        except NoLink as none:
            return none.unsent
        outcome = await self._ask_over(link, method, said, deadline, reached)
        if self._link is link or not isinstance(outcome, Unsent):
            return outcome
        try:
            fresh = await self._linked(deadline)
        except NoLink:
            return outcome
        return outcome if fresh == link else await self._ask_over(fresh, method, said, deadline, reached)

    async def _ask_over(self, link: Link, method: str, said: _Said, deadline: float, reached: Reached) -> Carried:
        params, extra = said(link)
        message = jsonrpc.request(next(self._ids), method, params)
        exchanged = await self._post(link, message, {**link.headers, **extra}, deadline, reached)
        if era_in_doubt(link.era, exchanged) and self._link is link:
            self._link = None
        return carried(exchanged, in_session=link.in_session)

    async def _linked(self, deadline: float) -> Link:
        """The link, opened by one caller while the others wait. Raises NoLink."""
        if self._link is not None:
            return self._link
        try:
            async with asyncio.timeout(deadline - self._clock.monotonic()), self._opening:
                if self._link is None:
                    talk = partial(self._talk, deadline)
                    self._link = await open_link(talk, self._ids, self._pinned)
                return self._link
        except TimeoutError:
            raise NoLink("it was not opened in time") from None

    async def _talk(self, deadline: float, message: Mapping[str, Any], extra: Mapping[str, str]) -> Exchanged:
        return await self._post(None, message, extra, deadline, _unnoticed)

    async def _post(
        self, link: Link | None, message: Mapping[str, Any], extra: Mapping[str, str], deadline: float, reached: Reached
    ) -> Exchanged:
        try:
            body = dump(message)
        except (TypeError, ValueError):
            return Unsent("it has no JSON form", cause="unfit")
        return await self._exchange.post(body, extra, message.get("id"), deadline, reached, partial(self._other, link))

    def _other(self, link: Link | None, frame: jsonrpc.Request | jsonrpc.Notification) -> None:
        self.dropped += 1
        if link is None or link.era == "modern" or self._answering >= _ANSWERS_AT_ONCE:
            return  # a modern server must not ask here (2026-07-28, streamable HTTP); a legacy one waits for its answer
        if isinstance(frame, jsonrpc.Request):
            self._answering += 1
            self._tasks.start(self._answer(link, frame), f"answer to {self.id}")

    async def _answer(self, link: Link, asked: jsonrpc.Request) -> None:
        deadline = self._clock.monotonic() + _ANSWER_S
        try:
            body = dump(envelope.answer_to(asked))
            await self._exchange.post(body, link.headers, None, deadline, _unnoticed, _ignore)
        finally:
            self._answering -= 1


def _unnoticed(_point: str) -> None:
    """Openings and listings are no crash points of the road."""


def _ignore(_frame: jsonrpc.Request | jsonrpc.Notification) -> None:
    """An answer to a server's question has no answer."""
