"""The amnesia guard: whatever a server forgets, nobody goes on as if nothing had been (ledger §1.8)."""

import asyncio
from dataclasses import replace

import pytest
import redis_kit

from gateway.model.claim import Found, Won
from gateway.model.work import StoreUnavailable
from gateway.store.redis_generation import LOST, Generation, Remembered, Witness
from gateway.store.redis_guard import SETTLE_S
from gateway.store.redis_names import BEAT, GENERATION


class Fleet:
    """Gateways over one server, each with a state folder of its own."""

    def __init__(self, folder):
        self.folder, self.clock, self.all = folder, redis_kit.Ticking(), []

    def start(self, name, **more):
        (self.folder / name).mkdir(exist_ok=True)
        made = redis_kit.gateway(redis_kit.shared(), self.folder / name, self.clock, redis_kit.Writing(), **more)
        self.all.append(made)
        return made

    async def living(self, name, **more):
        made = self.start(name, **more)
        await made.guard.tick()
        return made


@pytest.fixture
async def fleet(tmp_path):
    await redis_kit.emptied(redis_kit.shared())
    made = Fleet(tmp_path)
    yield made
    for gateway in made.all:
        await gateway.close()


async def refused(gateway, why="lost its memory"):
    with pytest.raises(StoreUnavailable, match=why):
        await gateway.claims.claim(redis_kit.claim("later"), redis_kit.entry("intent"))


async def test_a_newcomer_takes_an_empty_server_into_use_only_after_nobody_objected(fleet):
    await redis_kit.emptied(redis_kit.shared(), generation="")
    gateway = fleet.start("a")
    for _ in range(5):
        await gateway.guard.tick()
        await refused(gateway, "is new")
    fleet.clock.advance(SETTLE_S)
    await gateway.guard.tick()
    await redis_kit.sent(gateway, redis_kit.claim())
    second = await fleet.living("b")
    assert second.guard.known == gateway.guard.known
    assert gateway.guard.fault is None


async def test_after_a_flush_nothing_is_sent_by_anybody_also_not_by_a_newcomer(fleet):
    old = await fleet.living("a")
    token = await redis_kit.sent(old, redis_kit.claim())
    await old.link.command("FLUSHALL")
    await refused(old, "does not remember")
    newcomer = fleet.start("b")
    await newcomer.guard.tick()
    await old.guard.tick()
    fleet.clock.advance(SETTLE_S)
    await newcomer.guard.tick()
    assert await old.link.command("GET", GENERATION) == LOST.encode()
    for gateway in (old, newcomer, await fleet.living("c")):
        await refused(gateway, "sallyport store accept-loss")
    with pytest.raises(StoreUnavailable):
        await old.claims.finish(redis_kit.claim(), token, redis_kit.done(), None)


async def test_a_newcomer_that_was_faster_than_every_objection_is_stopped_afterwards(fleet):
    old = await fleet.living("a")
    await old.link.command("FLUSHALL")
    newcomer = fleet.start("b")
    for _ in range(2):
        await newcomer.guard.tick()
        fleet.clock.advance(SETTLE_S)
    assert newcomer.guard.fault is None
    await old.guard.tick()
    await refused(newcomer, "does not remember")
    await newcomer.guard.tick()
    for gateway in (old, newcomer):
        await refused(gateway)


async def test_an_operator_who_accepts_the_loss_sets_everybody_free(fleet):
    one, two = await fleet.living("a"), await fleet.living("b")
    assert not await one.guard.accept_loss()
    await one.link.command("FLUSHALL")
    await one.guard.tick()
    assert await two.guard.accept_loss()
    await redis_kit.sent(two, redis_kit.claim())
    await one.guard.tick()
    found = await one.claims.claim(redis_kit.claim("call-2"), redis_kit.entry("intent"))
    assert isinstance(found, Found)
    assert one.guard.known == two.guard.known
    late = fleet.start("a")  # its folder was told, too
    await late.guard.tick()
    assert late.guard.fault is None


async def test_a_gateway_that_was_away_finds_by_its_folder_that_the_server_is_another(fleet):
    await fleet.living("a")
    await redis_kit.emptied(redis_kit.shared(), generation="first.another.5")
    back = await fleet.living("a")
    await refused(back)
    other = await fleet.living("b")
    assert other.guard.fault is None, "those who live with that server go on"
    assert await other.link.command("GET", GENERATION) == b"first.another.5"


async def test_a_gateway_that_was_away_objects_to_an_empty_server(fleet):
    await fleet.living("a")
    await redis_kit.emptied(redis_kit.shared(), generation="")
    await refused(await fleet.living("a"))
    await refused(await fleet.living("b"))


async def test_a_memory_that_went_back_is_noticed_by_the_very_next_step(fleet):
    one, two = await fleet.living("a"), await fleet.living("b")
    await redis_kit.sent(one, redis_kit.claim())
    await one.link.command("SET", BEAT, 0)
    await refused(one, "went back")
    await two.guard.tick()
    for gateway in (one, two):
        await refused(gateway, "lost its memory")


async def test_a_memory_that_went_back_while_everybody_was_away_is_noticed_by_the_folder(fleet):
    one = await fleet.living("a")
    await redis_kit.sent(one, redis_kit.claim())
    one.guard.save()
    await one.link.command("SET", BEAT, 0)
    back = await fleet.living("a")
    await refused(back, "went back")
    await refused(await fleet.living("b"))


async def test_an_older_accepted_generation_is_no_operators_word(fleet):
    await redis_kit.emptied(redis_kit.shared(), generation="accepted.young.200")
    one = await fleet.living("a")
    await one.link.command("SET", GENERATION, "accepted.old.100")
    await one.guard.tick()
    await refused(one)


async def test_keys_that_were_evicted_are_a_lost_memory(fleet):
    one = await fleet.living("a")
    one.link.server = replace(one.link.server, evicted=one.link.server.evicted + 1)
    await one.guard.tick()
    await refused(one, "evicted keys")


async def test_after_a_restart_everybody_has_a_moment_to_object(fleet):
    one = await fleet.living("a")
    beat = await one.link.command("GET", BEAT)
    one.link.server = replace(one.link.server, run="another", up_s=1e6)
    await refused(one, "was restarted")
    await one.guard.tick()
    with pytest.raises(StoreUnavailable, match="was restarted"):
        await one.claims.finish(redis_kit.claim(), 1, redis_kit.done(), None)
    assert await one.link.command("GET", BEAT) == beat, "whoever saw a higher one must find it lower"
    fleet.clock.advance(SETTLE_S)
    assert isinstance(await one.claims.claim(redis_kit.claim(), redis_kit.entry("intent")), Won)


async def test_whoever_starts_over_a_young_server_waits_with_the_others(fleet):
    one = fleet.start("a")
    one.guard._run = None
    await one.link.command("PING")
    one.link.server = replace(one.link.server, up_s=1.0)
    await one.guard.tick()
    fleet.clock.advance(SETTLE_S - 1.5)
    await refused(one, "was restarted")
    fleet.clock.advance(0.5)
    assert isinstance(await one.claims.claim(redis_kit.claim(), redis_kit.entry("intent")), Won)


async def test_a_step_that_is_answered_during_a_look_is_no_step_back(fleet, monkeypatch):
    one = await fleet.living("a")
    through = one.link.run

    async def overtaken(*asked):
        monkeypatch.setattr(one.link, "run", through)
        looked = await through(*asked)
        await redis_kit.sent(one, redis_kit.claim())
        return looked

    monkeypatch.setattr(one.link, "run", overtaken)
    await one.guard.tick()
    assert one.guard.fault is None


async def test_looks_and_steps_at_once_never_look_like_a_step_back(fleet):
    one, two = await fleet.living("a"), await fleet.living("b")
    for n in range(20):
        asked = [redis_kit.claim(f"call-{n}-{m}", bytes([n, m]) * 16) for m in range(4)]
        await asyncio.gather(
            *(gateway.claims.claim(claim, None) for claim in asked for gateway in (one, two)),
            one.guard.tick(),
            two.guard.tick(),
        )
    assert (one.guard.fault, two.guard.fault) == (None, None)


def test_what_the_folder_says_comes_back_whole(tmp_path):
    remembered = Remembered(tmp_path / "redis-generation")
    assert remembered.read() == Witness()
    for witness in (Witness(Generation("accepted", "abc", 12), 345, "run"), Witness(Generation("first", "abc", 1), 1)):
        remembered.write(witness)
        assert remembered.read() == witness
    Remembered(tmp_path / "missing" / "file").write(Witness(Generation("first", "abc", 1), 1))


OLD, NEW = Generation("first", "abc", 1), Generation("accepted", "xyz", 2)


@pytest.mark.parametrize(
    ("file", "journal", "together"),
    [
        (Witness(OLD, 5, "run"), Witness(OLD, 9), Witness(OLD, 9, "run")),
        (Witness(OLD, 9, "run"), Witness(OLD, 5), Witness(OLD, 9, "run")),
        (Witness(OLD, 9, "run"), Witness(NEW, 2), Witness(NEW, 2)),
        (Witness(NEW, 2, "run"), Witness(OLD, 9), Witness(NEW, 2, "run")),
        (Witness(), Witness(OLD, 9), Witness(OLD, 9)),
        (Witness(OLD, 9, "run"), Witness(), Witness(OLD, 9, "run")),
    ],
)
def test_file_and_journal_together_know_the_generation_in_force_and_the_most_of_it(file, journal, together):
    assert file.joined(Witness.of(str(journal))) == together


async def test_what_only_the_journal_knew_is_missed_in_a_server_that_was_set_back_and_told_to_everybody(fleet):
    await fleet.living("b")
    other = fleet.all[-1]
    first = fleet.start("a")
    seen = other.guard.witness.split()
    first.guard.recall(f"{seen[0]} {int(seen[1]) + 1}")
    await first.guard.tick()
    await refused(first, "lost its memory")
    await other.guard.tick()
    await refused(other, "does not remember|lost its memory")


async def test_what_the_journal_knew_and_the_server_knows_as_well_harms_nothing(fleet):
    first = await fleet.living("a")
    await redis_kit.sent(first, redis_kit.claim())
    again = fleet.start("a")
    again.guard.recall(first.guard.witness)
    await again.guard.tick()
    assert again.guard.fault is None


@pytest.mark.parametrize("text", ["", "lost", "first.abc", "first.abc.x", "other.abc.1", "first.a.b.1"])
def test_what_is_no_generation_is_none(text):
    assert Generation.of(text) is None


async def test_a_gateway_with_another_secret_sends_nothing_because_it_would_know_no_call_of_the_others(fleet):
    first = await fleet.living("a")
    stranger = await fleet.living("b", secret=b"another!" * 4)
    await refused(stranger, "state.secret_file")
    assert "state.secret_file" in stranger.guard.fault
    await redis_kit.sent(first, redis_kit.claim())
    assert await fleet.living("c") and fleet.all[-1].guard.fault is None


async def test_an_operator_may_take_the_store_over_for_a_new_secret(fleet):
    first = await fleet.living("a")
    stranger = await fleet.living("b", secret=b"another!" * 4)
    assert await stranger.guard.accept_loss()
    await stranger.guard.tick()
    await redis_kit.sent(stranger, redis_kit.claim())
    await first.guard.tick()
    await refused(first, "state.secret_file")
