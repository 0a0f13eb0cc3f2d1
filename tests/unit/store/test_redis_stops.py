"""Rows of the kill switch in Redis: with modes, from before there were any, and ones that nobody can read."""

import json
from dataclasses import replace

import pytest
import redis_kit

from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable
from gateway.store.redis_names import STOPS
from gateway.store.redis_sessions import RedisEndedSessions
from gateway.store.redis_stops import RedisStops
from gateway.store.redis_watch import RedisWatch

BOT = Stop("agent", "support-bot", "sends nonsense", "ops", 2.5)


async def test_a_row_keeps_its_mode_and_one_without_stops(tmp_path):
    async with redis_kit.opened(tmp_path, redis_kit.Ticking(), redis_kit.Writing()) as gateway:
        stops = RedisStops(gateway.guard)
        await stops.put(replace(BOT, mode="pause"))
        assert await stops.all() == [replace(BOT, mode="pause")]
        older = {"kind": "agent", "target": "support-bot", "why": "sends nonsense", "by": "ops", "at": 2.5}
        await gateway.link.command("HSET", STOPS, "agent:support-bot", json.dumps(older))
        assert await stops.all() == [BOT]


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b'{"kind": "agent"}',
        b'{"kind": "user", "target": "alice", "why": "", "by": "", "at": 1}',
        b'{"kind": "agent", "target": "x:y", "why": "", "by": "", "at": 1, "mode": "slower"}',
        b'{"kind": "agent", "target": "x:y", "why": "", "by": "", "at": "noon", "mode": "pause"}',
        b'{"kind": "agent", "target": "x:y", "why": "", "by": "", "at": 1, "until": 2}',
    ],
)
async def test_a_row_nobody_can_read_stops_what_it_is_named_after_and_can_be_lifted(tmp_path, row):
    async with redis_kit.opened(tmp_path, redis_kit.Ticking(), redis_kit.Writing()) as gateway:
        stops = RedisStops(gateway.guard)
        await gateway.link.command("HSET", STOPS, "agent:x:y", row)
        (found,) = await stops.all()
        assert (found.kind, found.target, found.mode) == ("agent", "x:y", "stop")
        assert await stops.lift("agent", "x:y")
        assert await stops.all() == []


async def test_a_look_confirms_what_stood_when_it_began_and_only_once_the_rows_were_read(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as gateway:
        sessions = RedisEndedSessions(gateway.link, clock, gateway.tasks)
        stops = RedisStops(gateway.guard)
        watch = RedisWatch(gateway.guard, gateway.ears, stops, sessions, clock)

        async def slowly():
            clock.advance(3)

        async def not_now():
            raise StoreUnavailable("not now")

        watch.on_stops = slowly
        before = clock.monotonic()
        await watch.tick()
        assert watch.confirmed_at == before
        watch.on_stops = not_now
        await stops.put(BOT)
        with pytest.raises(StoreUnavailable):
            await watch.tick()
        assert watch.confirmed_at == before
