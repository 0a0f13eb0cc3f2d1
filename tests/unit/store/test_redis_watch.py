"""What the watch puts into the log: each change of what is wrong with the store, once."""

import asyncio

import pytest
import redis_kit

from gateway.identity.seen import Seen
from gateway.model.work import StoreUnavailable
from gateway.store import redis_watch
from gateway.store.redis_home import redis_stores
from gateway.store.redis_sessions import RedisEndedSessions
from gateway.store.redis_stops import RedisStops
from gateway.store.redis_watch import RedisWatch

FULL = "the store cannot be written (memory full, or a read-only replica)"
EVICTS = "the store evicts keys (maxmemory-policy volatile-ttl); set it to noeviction"


class Counted(RedisWatch):
    """Counts its looks."""

    looks = 0

    async def tick(self):
        self.looks += 1
        await super().tick()


@pytest.fixture
def said(caplog):
    """What was logged, by the watch alone."""
    caplog.set_level("INFO", "sallyport.store")
    return lambda: [(one.levelname, one.message) for one in caplog.records if one.module == "redis_watch"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(redis_watch, "POLL_S", 0.01)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def looked(watch):
    """A few looks more, the first of which began after now."""
    seen = watch.looks
    await until(lambda: watch.looks > seen + 3)


async def test_each_change_is_logged_once_and_so_is_the_end(tmp_path, said):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as gateway:
        guard, link = gateway.guard, gateway.link
        watch = Counted(guard, gateway.ears, RedisStops(guard), RedisEndedSessions(link, clock, gateway.tasks), clock)
        gateway.tasks.start(watch.poll(), "poll")
        await looked(watch)
        assert said() == []
        back = ("INFO", f"the store {link.place} is usable again")
        try:
            await link.command("CONFIG", "SET", "maxmemory", 1)
            await looked(watch)
            assert said() == [("WARNING", FULL)]
            await link.command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
            await link.inspect()
            await looked(watch)
            assert said() == [("WARNING", FULL), ("WARNING", EVICTS)]
        finally:
            await link.command("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 0)
        await link.inspect()
        await looked(watch)
        assert said() == [("WARNING", FULL), ("WARNING", EVICTS), back]
        await link.command("FLUSHALL")
        await looked(watch)
        assert said()[3:] == [("WARNING", guard.fault)]


async def test_a_store_that_is_away_from_the_start_is_said_once_and_without_its_password(tmp_path, said):
    clock = redis_kit.Ticking()
    home = redis_stores(
        "redis://bob:hush@127.0.0.1:1/0",
        secret=b"s" * 32,
        approvals_secret=b"a" * 32,
        writer=redis_kit.Writing(),
        clock=clock,
        seen_here=Seen(clock),
        reached=lambda _: None,
        generation_file=tmp_path / "redis-generation",
    )
    home.watch.__class__ = Counted
    home.guard.link._command_s = redis_kit.UNHURRIED_S
    await home.start("")
    await until(said)
    await looked(home.watch)
    assert said() == [("WARNING", "the store 127.0.0.1:1 cannot be reached")]
    await home.close()


async def test_the_kill_switch_is_read_again_when_the_store_was_away(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as gateway:
        guard, link, reads = gateway.guard, gateway.link, []
        watch = Counted(guard, gateway.ears, RedisStops(guard), RedisEndedSessions(link, clock, gateway.tasks), clock)

        async def read():
            reads.append(watch.looks)

        watch.on_stops = read
        gateway.tasks.start(watch.poll(), "poll")
        await looked(watch)
        assert len(reads) == 1, "nothing changed since"
        tick, guard.tick = guard.tick, away
        await looked(watch)
        guard.tick = tick
        await looked(watch)
        assert len(reads) == 2


async def away():
    raise StoreUnavailable("away")
