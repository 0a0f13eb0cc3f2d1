"""A session of the oldest transport, HTTP+SSE (MCP 2024-11-05): one stream for everything the server says, and an endpoint
that takes what is said to it.

Lives only here: the `endpoint` event, which must stay on the server's own origin, and answers matched to requests by id. The
stream's end loses what is in flight, and nothing is ever sent again. Must not know sessions' pools or what a message means.
Called by `http_session.py` where Streamable HTTP was not understood.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from yarl import URL

from gateway.model.outcome import Lost, Unsent
from gateway.ports import Clock, Reached
from gateway.tasks import Tasks
from gateway.upstream.answer import Other, Trail, Unusable, parsed
from gateway.upstream.channel import Channel, Sleep
from gateway.upstream.deadline import Deadline
from gateway.upstream.exchange import HttpExchange
from gateway.upstream.link import NoLink
from gateway.upstream.verdict import Exchanged, Heard
from gateway.wire import jsonrpc
from gateway.wire.sse import Event

_ENDED: Final = "its stream ended before the answer"
_LONGEST_ENDPOINT: Final = 4096


class SseLegacy:
    """One stream, and so one session."""

    def __init__(self, exchange: HttpExchange, url: URL, clock: Clock, tasks: Tasks, sleep: Sleep) -> None:
        self._exchange = exchange
        self._sleep = sleep
        self._clock = clock
        self._tasks = tasks
        self._url = url
        self._messages: Channel | None = None
        """The endpoint, once it is known."""
        self._named = asyncio.Event()
        self._flying: dict[jsonrpc.Id, asyncio.Future[Exchanged]] = {}
        self.hear: Other = _ignore
        """Takes what the server says that answers nothing."""
        self.on_end: Callable[[], None] = _nothing
        self._reading: asyncio.Task[None] | None = None
        self._retired = False

    async def open(self, deadline: Deadline) -> None:
        """Opens the stream and waits for its endpoint. Raises NoLink."""
        self._reading = self._tasks.start(self._read(), "stream of an HTTP+SSE server")
        named = self._tasks.start(self._named.wait(), "endpoint of an HTTP+SSE server")
        try:
            async with deadline.timer():
                await asyncio.wait((self._reading, named), return_when=asyncio.FIRST_COMPLETED)
        except BaseException as fault:
            self.close()
            if isinstance(fault, TimeoutError):
                raise NoLink("it named no endpoint in time") from None
            raise
        finally:
            named.cancel()
        if self._messages is None:
            self.close()
            raise NoLink("it offers neither Streamable HTTP nor a stream with an endpoint")

    @property
    def endpoint(self) -> URL | None:
        """Where messages go."""
        return None if self._messages is None else self._messages.url

    @property
    def ended(self) -> bool:
        """Whether its stream is over: then it is good for nothing."""
        return self._reading is None or self._reading.done()

    async def post(
        self, message: Mapping[str, Any], headers: Mapping[str, str], deadline: Deadline, reached: Reached
    ) -> Exchanged:
        """Sends once; a request's answer comes on the stream."""
        if self._messages is None or self.ended:
            return Unsent("its stream has ended", cause="unreached")
        own = message.get("id") if "method" in message else None
        if own is None:
            return await self._messages.post(message, headers, deadline, reached, _ignore, answered=False)
        answer: asyncio.Future[Exchanged] = asyncio.get_running_loop().create_future()
        self._flying[own] = answer
        try:
            taken = await self._messages.post(message, headers, deadline, reached, _ignore, answered=False)
            if not isinstance(taken, Heard) or taken.status >= 400:
                # An answer may be there all the same; then it counts for more than how its request was taken.
                if answer.done():
                    return answer.result()
                return (
                    taken
                    if isinstance(taken, Unsent | Lost)
                    else replace(taken, why=f"HTTP {taken.status} without an answer")
                )
            async with deadline.timer():
                return await answer
        except TimeoutError:
            return Lost("no answer in time", timed_out=True)
        finally:
            del self._flying[own]
            self._let_go()

    def retire(self) -> None:
        """Nothing new is asked here: the stream is closed once what is in flight has its answer."""
        self._retired = True
        self._let_go()

    def close(self) -> None:
        """Ends the session: the server sees its stream closed."""
        if self._reading is not None:
            self._reading.cancel()

    def _let_go(self) -> None:
        if self._retired and not self._flying:
            self.close()

    async def _read(self) -> None:
        stream = Channel(self._exchange, self._url, self._sleep)
        try:
            await stream.listen({}, self._take, Trail(), Deadline(None, self._clock))
        finally:
            for answer in tuple(self._flying.values()):
                _resolve(answer, Lost(_ENDED))
            self.on_end()

    def _take(self, event: Event) -> bool:
        """False: there is never enough. Raises Unusable."""
        if event.event == "endpoint":
            self._name(event.data)
        elif event.data and self._messages is not None:
            match frame := jsonrpc.classify(parsed(event.data)):
                case jsonrpc.Result(id=own) | jsonrpc.Error(id=str() | int() as own) if own in self._flying:
                    _resolve(self._flying[own], Heard(frame))
                case jsonrpc.Request() | jsonrpc.Notification():
                    self.hear(frame)
                case _:
                    pass  # answers that came too late, and what is no JSON-RPC
        return False

    def _name(self, data: bytes) -> None:
        """Raises Unusable for an endpoint elsewhere: our credentials would follow it."""
        if self._messages is not None:
            return
        try:
            text = data.decode()
            endpoint = self._url.join(URL(text))
            at_home = len(text) <= _LONGEST_ENDPOINT and endpoint.origin() == self._url.origin()
        except ValueError:
            at_home = False
        if not at_home:
            raise Unusable("an endpoint on another origin")
        self._messages = Channel(self._exchange, endpoint, self._sleep)
        self._named.set()


def _resolve(answer: "asyncio.Future[Exchanged]", exchanged: Exchanged) -> None:
    if not answer.done():
        answer.set_result(exchanged)


def _ignore(_frame: jsonrpc.Request | jsonrpc.Notification) -> None:
    """An answer of the endpoint holds nothing; what is said before the session is open is for nobody."""


def _nothing() -> None:
    """Nobody has to know."""
