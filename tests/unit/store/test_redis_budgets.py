"""Budgets that gateways share on one server: never overshot, exact after every ending, nothing leaks from who died."""

import asyncio

import pytest
import redis_kit
from redis_kit import spend

from gateway.model.claim import Claim, Found, InDoubt, NotDone, Overspent, Won
from gateway.model.spend import Cost
from gateway.model.work import StoreUnavailable
from gateway.store.redis_budgets import RedisBudgets

MINUTE, DAY = spend("agent", "bot", "minute", 2), spend("user", "alice", "day", 3)
SPENDS = (MINUTE, DAY)
MONEY = spend("user", "alice", "day", 10_000_000, "money", 4_000_000)
BYTES = spend("agent", "bot", "hour", 1000, "bytes", 100)


@pytest.fixture
async def gateway(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as made:
        made.clock = clock
        made.budgets = RedisBudgets(made.guard, made.tasks)
        yield made


def paying(call_id: str, record: bytes, spends=SPENDS) -> Claim:
    return redis_kit.claim(call_id, record * 32, spends=spends)


async def won(gateway, claim: Claim, *, sent: bool = False) -> int:
    answer = await gateway.claims.claim(claim, redis_kit.entry("intent") if sent else None)
    assert isinstance(answer, Won), answer
    return answer.token


async def figures(gateway) -> dict[tuple[str, str], tuple[int, int]]:
    """Used and held, by scope and unit."""
    found = await gateway.budgets.usage()
    return {(counter.scope, counter.unit): (used, held) for counter, used, held, _ in found}


async def test_whoever_wins_reserves_everywhere_and_whoever_would_overspend_claims_nothing(gateway):
    tokens = [await won(gateway, paying("c", record)) for record in (b"1", b"2")]
    start = gateway.clock.wall // 60 * 60
    assert await gateway.claims.claim(paying("c", b"3"), None) == Overspent(MINUTE, start + 60, 0)
    assert await gateway.claims.fate((b"3" * 32).hex(), "c") is None
    assert isinstance(await gateway.claims.claim(paying("again", b"1"), None), Found), "a retry is served all the same"
    assert await gateway.claims.finish(paying("c", b"1"), tokens[0], NotDone(), None)
    assert not await gateway.claims.finish(paying("c", b"1"), tokens[0], NotDone(), None)
    await won(gateway, paying("c", b"3"))
    assert isinstance(await gateway.claims.claim(paying("c", b"4"), None), Overspent)
    gateway.clock.advance(60)
    await won(gateway, paying("c", b"4"), sent=True)
    assert await figures(gateway) == {("agent", "calls"): (0, 1), ("user", "calls"): (0, 1)}, "the dead gave back"


async def test_a_claim_tells_how_far_its_budgets_are_spent_with_it(gateway):
    first, second = [await gateway.claims.claim(paying("c", name, (MONEY, DAY)), None) for name in (b"1", b"2")]
    assert (first.levels, second.levels) == ((4_000_000, 1), (8_000_000, 2))
    assert await gateway.claims.claim(paying("c", b"3", (DAY, MONEY)), None) == Overspent(
        MONEY, gateway.clock.wall // 86_400 * 86_400 + 86_400, 2_000_000
    )


async def test_an_ending_replaces_what_was_reserved_by_what_was_used(gateway):
    spends = (MONEY, BYTES, DAY)
    used = Cost(1, 1, bytes=250, tokens=63, money=1_500_000)
    claims = [paying(f"c{n}", b"%d" % n, spends) for n in range(2)]
    tokens = [await won(gateway, one, sent=True) for one in claims]
    assert await figures(gateway) == {
        ("user", "money"): (0, 8_000_000), ("agent", "bytes"): (0, 200), ("user", "calls"): (0, 2),
    }  # fmt: skip
    done = redis_kit.done()
    assert await gateway.claims.finish(claims[0], tokens[0], type(done)(done.kept, 60.0, used=used), None)
    assert await gateway.claims.finish(claims[1], tokens[1], InDoubt(), None)
    settled = {("user", "money"): (1_500_000, 4_000_000), ("agent", "bytes"): (250, 100), ("user", "calls"): (1, 1)}
    assert await figures(gateway) == settled
    assert await gateway.claims.finish(claims[1], tokens[1], done, None), "a late answer of which nothing more is known"
    assert (await figures(gateway))[("user", "money")] == (5_500_000, 0)


async def test_a_doubt_that_is_claimed_anew_was_perhaps_carried_out_and_stays_charged(gateway):
    claim = redis_kit.claim(spends=(DAY,), resend_within_s=float("inf"))
    token = await won(gateway, claim, sent=True)
    await gateway.claims.finish(claim, token, InDoubt(), None)
    await won(gateway, claim, sent=True)
    assert await figures(gateway) == {("user", "calls"): (1, 1)}


async def test_a_budget_without_room_for_a_second_send_tells_of_the_first(gateway):
    last, claim = spend("agent", "busy", "day", 1), redis_kit.claim(resend_within_s=float("inf"))
    token = await won(gateway, claim, sent=True)
    await gateway.claims.finish(claim, token, InDoubt(), None)
    await won(gateway, paying("c", b"1", (last,)), sent=True)

    answer = await gateway.claims.claim(redis_kit.claim(spends=(last,), resend_within_s=float("inf")), None)

    assert isinstance(answer, Overspent)
    assert answer.resends


async def test_a_window_that_is_over_is_not_paid_back(gateway):
    claim = paying("c", b"1")
    token = await won(gateway, claim, sent=True)
    gateway.clock.advance(60)
    await won(gateway, paying("c", b"2"), sent=True)
    assert await gateway.claims.finish(claim, token, NotDone(), None)
    assert await figures(gateway) == {("agent", "calls"): (0, 1), ("user", "calls"): (0, 1)}


async def test_an_overtaken_claim_gets_back_once_even_if_nobody_can_pay(gateway):
    mine, common = DAY, spend("agent", "busy", "day", 1)
    await won(gateway, redis_kit.claim(spends=(mine,)))
    await won(gateway, redis_kit.claim("c", b"x" * 32, spends=(common,)), sent=True)
    gateway.clock.advance(30)
    for _ in range(3):
        answer = await gateway.claims.claim(redis_kit.claim("call-2", spends=(mine, common)), None)
        assert answer == Overspent(common, gateway.clock.wall // 86_400 * 86_400 + 86_400, 0)
    assert await figures(gateway) == {("user", "calls"): (0, 0), ("agent", "calls"): (0, 1)}


async def test_what_a_dead_gateway_reserved_and_never_sent_comes_back_without_its_call(gateway):
    for n in range(3):
        await won(gateway, paying("c", b"%d" % n, (DAY,)))
    assert isinstance(await gateway.claims.claim(paying("c", b"9", (DAY,)), None), Overspent)
    gateway.clock.advance(31)
    assert await figures(gateway) == {("user", "calls"): (0, 0)}
    for n in range(3, 6):
        await won(gateway, paying("c", b"%d" % n, (DAY,)), sent=True)
    gateway.clock.advance(31)
    assert await figures(gateway) == {("user", "calls"): (0, 3)}, "what was sent is in doubt, and keeps"


async def test_a_servers_clock_that_steps_back_opens_no_spent_window(gateway):
    for name in (b"1", b"2"):
        await won(gateway, paying("c", name, (MINUTE,)), sent=True)
    gateway.clock.wall -= 60
    assert isinstance(await gateway.claims.claim(paying("c", b"3", (MINUTE,)), None), Overspent)
    assert await gateway.budgets.take(MINUTE, 5, 0) == (0, 2)


async def test_a_whole_life_has_no_next_window(gateway):
    life = spend("run", "run-7", None, 1)
    await won(gateway, paying("c", b"1", (life,)), sent=True)
    gateway.clock.advance(86_400 * 3)
    assert await gateway.claims.claim(paying("c", b"2", (life,)), None) == Overspent(life, None, 0)


async def test_callers_at_once_never_overshoot(gateway):
    claims = [redis_kit.claim(f"c{n}", bytes([n]) * 32, spends=(DAY, MONEY)) for n in range(30)]
    answers = await asyncio.gather(*(gateway.claims.claim(claim, redis_kit.entry("intent")) for claim in claims))
    assert sum(isinstance(answer, Won) for answer in answers) == 2
    assert sum(isinstance(answer, Overspent) for answer in answers) == 28


async def test_what_is_taken_in_advance_and_what_claims_pay_is_one_counter(gateway):
    hour = spend("agent", "bot", "hour", 10)
    assert await gateway.budgets.take(hour, 4, 0) == (4, 4)
    await won(gateway, paying("c", b"1", (hour,)), sent=True)
    assert await gateway.budgets.take(hour, 4, 0) == (4, 9)
    assert await gateway.budgets.take(hour, 4, 0) == (1, 10)
    assert await gateway.budgets.take(hour, 4, 0) == (0, 10)


async def test_less_than_is_of_use_is_only_taken_by_whoever_owes(gateway):
    assert await gateway.budgets.take(BYTES, 950, 0) == (950, 950)
    assert await gateway.budgets.take(BYTES, 100, 0) == (0, 950)
    assert await gateway.budgets.take(BYTES, 100, 30) == (30, 980)
    assert await gateway.budgets.take(BYTES, 100, 300) == (20, 1000)


async def test_what_is_given_back_returns_to_the_window_it_came_from(gateway):
    await gateway.budgets.take(MONEY, 4_000_000, 0)
    start = gateway.clock.wall // 86_400 * 86_400
    for since in (start, start - 86_400):
        gateway.budgets.give_back(MONEY.counter, since, 1_000_000)
    await gateway.told()
    assert await figures(gateway) == {("user", "money"): (3_000_000, 0)}
    gateway.budgets.give_back(MONEY.counter, start, -500_000)
    await gateway.told()
    assert await figures(gateway) == {("user", "money"): (3_500_000, 0)}, "more was used than was taken"


async def test_takers_at_once_never_overshoot(gateway):
    day = spend("user", "alice", "day", 100)
    had = await asyncio.gather(*(gateway.budgets.take(day, 7, 0) for _ in range(40)))
    assert sum(taken for taken, _ in had) == 100


async def test_usage_names_every_counter_of_an_open_window_and_no_other(gateway, monkeypatch):
    monkeypatch.setattr("gateway.store.redis_budgets._PAGE", 2)
    for n in range(5):
        await gateway.budgets.take(spend("user", f"user {n}", "hour", 10), n + 1, 0)
    await gateway.budgets.take(MINUTE, 1, 0)
    gateway.clock.advance(60)
    found = sorted((counter.name, used) for counter, used, _, _ in await gateway.budgets.usage())
    assert found == [(f"user {n}", n + 1) for n in range(5)]


async def test_no_budget_is_taken_from_a_server_that_forgot(gateway):
    await gateway.link.command("FLUSHALL")
    with pytest.raises(StoreUnavailable):
        await gateway.budgets.take(DAY, 1, 0)
