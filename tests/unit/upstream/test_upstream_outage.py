"""Outages on real sockets: how much of the load of a failing server is ours, and how it is found again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from upstream_kit import OK, Peer, RealClock, Seen, nothing, outbound, peer, reply, result, tool

from gateway.config.upstreams import McpHttp
from gateway.model.outcome import Answered, Carried, Lost, Unsent
from gateway.model.tool import Effect
from gateway.tasks import Tasks
from gateway.upstream.http import McpHttpUpstream
from gateway.upstream.resilient import Resilient

OFFERED = 200


class LeapClock(RealClock):
    """Real time, in which a test can leap ahead."""

    leapt = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.leapt


class Reached:
    """A resilient upstream over a real server."""

    def __init__(self, url: str, **settings) -> None:
        config = McpHttp(kind="mcp-http", url=url, era="modern", **settings)
        self.clock, self.tasks = LeapClock(), Tasks()
        inner = McpHttpUpstream("helpdesk", config, self.clock, self.tasks, nothing)
        self.upstream = Resilient(inner, config, self.clock, lambda: 0.0)

    async def send(self, effect: Effect = Effect.READ, within_s: float = 5.0) -> Carried:
        call = outbound(tool=tool("ticket_get", effect=effect, timeout_s=within_s))
        return await self.upstream.send(call, self.clock.monotonic() + within_s)

    @property
    def breaker(self) -> str:
        return self.upstream.breakers()["helpdesk"]


@contextlib.asynccontextmanager
async def reached(url: str, **settings) -> AsyncIterator[Reached]:
    found = Reached(url, **settings)
    yield found
    await found.upstream.close()
    assert await found.tasks.drain(5) == 0


class Failing:
    """A server that answers only after so many failures."""

    def __init__(self, times: float, fail: Callable[[Seen, asyncio.StreamWriter], None]) -> None:
        self.times, self.fail = times, fail

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.times -= 1
        if self.times >= 0:
            self.fail(seen, writer)
        else:
            writer.write(reply(200, result(seen)))


def _reset(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _says_503(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(503, b"<html>"))


def _says_429(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(429, retry_after="0"))


def _says_401(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(401))


def _attempts(server: Peer) -> list[int]:
    return [seen.message["params"]["_meta"].get("io.sallyport/attempt", 0) for seen in server.calls("tools/call")]


@pytest.mark.parametrize("fail", [_reset, _says_503, _says_429])
async def test_a_read_gets_its_answer_from_a_server_that_fails_twice(fail) -> None:
    async with peer(Failing(2, fail)) as server, reached(server.url) as there:
        assert await there.send() == Answered(OK)
        assert _attempts(server) == [0, 1, 2]


@pytest.mark.parametrize("fail", [_reset, _says_503])
@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.UNSET])
async def test_a_call_that_leaves_traces_reaches_a_failing_server_once(fail, effect) -> None:
    async with peer(Failing(9, fail)) as server, reached(server.url) as there:
        assert isinstance(await there.send(effect), Lost)
        assert _attempts(server) == [0]


async def test_a_call_that_leaves_traces_is_sent_again_when_it_was_turned_away_unexecuted() -> None:
    async with peer(Failing(1, _says_429)) as server, reached(server.url) as there:
        assert await there.send(Effect.MUTATING) == Answered(OK)
        assert _attempts(server) == [0, 1]


async def test_what_a_server_turns_away_for_good_is_sent_once() -> None:
    async with peer(Failing(9, _says_401)) as server, reached(server.url) as there:
        assert isinstance(await there.send(), Unsent)
        assert _attempts(server) == [0]


async def test_a_server_that_hangs_has_used_up_the_time_for_another_try() -> None:
    async with peer(lambda seen, writer: server.hang()) as server, reached(server.url) as there:
        assert await there.send(within_s=0.2) == Lost("no answer in time", timed_out=True)
        assert _attempts(server) == [0]


async def test_a_retry_storm_stays_within_a_quarter_of_the_load_and_the_floor() -> None:
    async with peer(Failing(float("inf"), _says_503)) as server, reached(server.url, breaker="off") as there:
        began = there.clock.monotonic()
        await asyncio.gather(*(there.send(within_s=30) for _ in range(OFFERED)))
        seconds = there.clock.monotonic() - began
        assert OFFERED < len(_attempts(server)) <= 1.25 * OFFERED + 3 * (1 + seconds)


async def test_the_breaker_opens_on_a_failing_server_and_recovers_with_it() -> None:
    failing = Failing(float("inf"), _says_503)
    async with peer(failing) as server, reached(server.url) as there:
        for _ in range(OFFERED):
            await there.send()
        assert there.breaker == "open"
        assert len(_attempts(server)) <= 20  # as many as it takes to judge, retries among them

        failing.times = 0
        assert isinstance(await there.send(), Unsent)
        there.clock.leapt += 10
        assert await there.send() == Answered(OK)
        assert there.breaker == "closed"


async def test_a_server_that_is_gone_is_left_alone_and_found_when_it_is_back() -> None:
    async with peer(Failing(0, _reset)) as gone:
        url = gone.url
    async with reached(url) as there:
        for _ in range(3):
            assert isinstance(await there.send(Effect.MUTATING), Unsent)
        assert there.breaker == "open"
        back = Peer(Failing(0, _reset))
        server = await asyncio.start_server(back.serve, "127.0.0.1", int(url.split(":")[2].removesuffix("/mcp")))
        there.clock.leapt += 10
        assert await there.send(Effect.MUTATING) == Answered(OK)
        assert (there.breaker, _attempts(back)) == ("closed", [0])
        server.close()
        for writer in back.writers:
            writer.transport.abort()
        await server.wait_closed()
