"""What gateways share beside claims: kill switch, ended sessions, names seen before."""

import asyncio

import pytest
import redis_kit

from gateway.identity.seen import Seen
from gateway.model.approval import Approval
from gateway.model.stop import Stop
from gateway.model.work import StoreUnavailable
from gateway.store.redis_approvals import RedisApprovals
from gateway.store.redis_link import RedisLink
from gateway.store.redis_seen import RedisFirstSeen
from gateway.store.redis_sessions import RedisEndedSessions
from gateway.store.redis_stops import RedisStops

STOP = Stop("agent", "bot", "it misbehaves", "carol", 5.0)
NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
async def gateway(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as made:
        made.clock = clock
        yield made


async def test_stops_are_put_once_read_by_all_and_lifted_once(gateway):
    one, two = RedisStops(gateway.guard), RedisStops(gateway.guard)
    everything = Stop("all", "", "fire", "dave", 4.0)
    await one.put(STOP)
    await one.put(Stop("agent", "bot", "still", "carol", 6.0))
    await two.put(everything)
    assert await one.all() == [everything, Stop("agent", "bot", "still", "carol", 6.0)]
    assert await two.lift("agent", "bot")
    assert not await one.lift("agent", "bot")
    assert await one.all() == [everything]


async def test_a_server_that_forgot_lifts_no_stop(gateway):
    stops = RedisStops(gateway.guard)
    await stops.put(STOP)
    assert await stops.all() == [STOP]
    await gateway.link.command("FLUSHALL")
    await gateway.guard.tick()
    everything = Stop("all", "", "fire", "dave", 4.0)
    await RedisStops(gateway.guard).put(everything)
    assert await stops.all() == [everything, STOP], "what is stopped meanwhile counts, too"
    assert await gateway.guard.accept_loss()
    await stops.restore()
    assert await RedisStops(gateway.guard).all() == [everything, STOP]


async def test_a_session_that_ended_here_is_ended_at_once_and_elsewhere_when_told(gateway):
    here = RedisEndedSessions(gateway.link, gateway.clock, gateway.tasks)
    there = RedisEndedSessions(gateway.link, gateway.clock, gateway.tasks)
    here.add(b"\x00\xffkey", gateway.clock.wall + 60)
    assert b"\x00\xffkey" in here
    assert b"\x00\xffkey" not in there
    await gateway.told()
    await there.refresh()
    assert b"\x00\xffkey" in there
    gateway.clock.advance(60)
    assert b"\x00\xffkey" not in there
    here.add(b"other", gateway.clock.wall + 60)
    await gateway.told()
    assert await gateway.link.command("ZCARD", "{sallyport}:ended-sessions") == 1


async def test_what_a_server_was_not_told_or_forgot_it_learns_again(gateway):
    here = RedisEndedSessions(gateway.link, gateway.clock, gateway.tasks)
    here.add(b"key", gateway.clock.wall + 60)
    await gateway.told()
    await gateway.link.command("FLUSHALL")
    await here.refresh()
    there = RedisEndedSessions(gateway.link, gateway.clock, gateway.tasks)
    await there.refresh()
    assert b"key" in there
    away = RedisEndedSessions(RedisLink(NOWHERE), gateway.clock, gateway.tasks)
    away.add(b"unheard", gateway.clock.wall + 60)
    await gateway.told()
    assert b"unheard" in away
    with pytest.raises(StoreUnavailable):
        await away.tell()


async def test_a_name_is_first_once_over_all_gateways(gateway):
    gates = [RedisFirstSeen(gateway.link, Seen(gateway.clock)) for _ in range(5)]
    told = await asyncio.gather(*(gate.first("peer:jti", 60) for gate in gates for _ in range(3)))
    assert sum(told) == 1
    assert await gates[0].first("peer:other", 60)


async def test_without_a_server_every_gateway_remembers_for_itself(gateway):
    alone = RedisFirstSeen(RedisLink(NOWHERE), Seen(gateway.clock))
    assert [await alone.first("name", 60), await alone.first("name", 60)] == [True, False]


async def test_a_question_sealed_with_an_earlier_secret_hides_no_other(gateway):
    def asked(name):
        return Approval(
            name, name, name, "call", "t", "bot", None, "desk/refund", {"order": 7}, "f", "d", "v1", (), 5.0, 9e9
        )

    earlier = RedisApprovals(gateway.link, b"earlier!" * 4, gateway.ears)
    await earlier.ask(asked("a-1"))
    await gateway.approvals.ask(asked("a-2"))
    assert await gateway.approvals.all() == [asked("a-2")]
    with pytest.raises(StoreUnavailable):
        await gateway.approvals.get("a-1")
