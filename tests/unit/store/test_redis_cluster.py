"""A cluster node that has one slot and no other: a script that touched a second one would be refused."""

import asyncio

import pytest
import redis_kit

from gateway.identity.seen import Seen
from gateway.model.approval import Approval, Vote
from gateway.model.claim import NotDone, State
from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable
from gateway.store.redis_names import TAG
from gateway.store.redis_seen import RedisFirstSeen
from gateway.store.redis_sessions import RedisEndedSessions
from gateway.store.redis_stops import RedisStops


@pytest.fixture
async def gateway(tmp_path):
    server = redis_kit.server(
        **{
            "cluster-enabled": "yes",
            "cluster-require-full-coverage": "no",
            "cluster-port": 0,
            "cluster-allow-reads-when-down": "yes",
        }
    )
    clock = redis_kit.Ticking()
    made = redis_kit.gateway(server, tmp_path, clock, redis_kit.Writing(), at=clock.now)
    made.clock = clock
    await made.link.command("CLUSTER", "ADDSLOTS", await made.link.command("CLUSTER", "KEYSLOT", TAG))
    async with asyncio.timeout(10):
        while b"cluster_state:ok" not in await made.link.command("CLUSTER", "INFO"):
            await asyncio.sleep(0.02)
    await redis_kit.emptied(server)
    await made.guard.tick()
    yield made
    await made.close()
    server.stop()


def question(name, clock, binding):
    return Approval(
        name, redis_kit.RECORD.hex(), binding, "call-1", "t", "bot", "alice", "desk/refund", {}, "f", "d", "v1", (),
        clock.wall, clock.wall + 900,
    )  # fmt: skip


async def test_everything_lives_in_one_slot(gateway):
    with pytest.raises(StoreUnavailable):
        await gateway.link.command("SET", "elsewhere", 1)
    spends = (redis_kit.spend("agent", "bot", "minute", 9), redis_kit.spend("user", "alice", "day", 9))
    asked = redis_kit.claim(spends=spends)
    for ending in (NotDone(), redis_kit.done(keep_s=0), redis_kit.done()):
        token = await redis_kit.sent(gateway, asked)
        assert await gateway.claims.finish(asked, token, ending, None)
    gateway.claims.delivered(asked, token, 5)
    await gateway.told()
    assert await gateway.claims.fate(redis_kit.RECORD.hex(), "call-1") is State.DONE
    for name, binding in (("a-1", "b"), ("a-2", "c"), ("a-3", "b")):
        assert await gateway.approvals.ask(question(name, gateway.clock, binding)) is not None
    assert await gateway.approvals.decide("a-3", Vote(False, "user:carol", "", gateway.clock.wall)) is not None
    gateway.clock.advance(200_000)
    assert await gateway.approvals.ask(question("a-4", gateway.clock, "b")) is not None
    assert [one.id for one in await gateway.approvals.all()] == ["a-4"]
    stops = RedisStops(gateway.guard)
    await stops.put(Stop("all", "", "fire", "dave", 4.0))
    assert len(await stops.all()) == 1
    sessions = RedisEndedSessions(gateway.link, gateway.clock, gateway.tasks)
    sessions.add(b"key", gateway.clock.wall + 60)
    await sessions.refresh()
    assert await RedisFirstSeen(gateway.link, Seen(gateway.clock)).first("name", 60)
