"""Rows and indexes in Redis: what dead gateways left is found, and a spoiled row is nobody's to claim."""

import pytest
import redis_kit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.claim import DOUBTS, Departure, Found, InDoubt, Mismatch, NotDone, State
from gateway.model.work import StoreUnavailable
from gateway.store.redis_names import key

ROW = key("claim", redis_kit.RECORD.hex())
INDEXES = (key("sent", "")[:-1], key("doubts", "")[:-1])
ALSO = b"a" * 32


@pytest.fixture
async def gateway(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as made:
        made.clock = clock
        yield made


async def members(gateway):
    return [await gateway.link.command("ZRANGE", index, 0, -1) for index in INDEXES]


async def test_what_a_dead_gateway_sent_is_found_by_another_once_its_lease_is_over(gateway, tmp_path):
    await redis_kit.sent(gateway, redis_kit.claim(also=ALSO, about=b"what"))
    (tmp_path / "other").mkdir()
    other = redis_kit.gateway(
        redis_kit.shared(), tmp_path / "other", gateway.clock, redis_kit.Writing(), at=gateway.clock.now
    )
    await other.guard.tick()
    assert await other.claims.doubts() == []
    gateway.clock.advance(30)
    (doubt,) = await other.claims.doubts()
    assert (doubt.record, doubt.call_id, doubt.about) == (redis_kit.RECORD, "call-1", b"what")
    await other.close()


async def test_what_was_put_into_doubt_because_the_server_may_have_forgotten_is_told_of_too(gateway):
    gateway.guard._run_before = "another process"
    assert await gateway.claims.fate(redis_kit.RECORD.hex(), "call-1") is State.DOUBT
    (doubt,) = await gateway.claims.doubts()
    assert (doubt.call_id, doubt.fingerprint, doubt.about) == ("call-1", b"", b"")
    assert await gateway.claims.resolve(doubt.record, doubt.token, NotDone(), redis_kit.entry("resolved"))
    await redis_kit.sent(gateway, redis_kit.claim("call-2"))


@pytest.mark.parametrize("ending", [NotDone(), redis_kit.done(), redis_kit.done(keep_s=0)])
@pytest.mark.parametrize("doubted", [False, True])
async def test_what_is_settled_leaves_nothing_in_the_indexes(gateway, ending, doubted):
    asked = redis_kit.claim(also=ALSO)
    token = await redis_kit.sent(gateway, asked)
    assert await members(gateway) == [[redis_kit.RECORD.hex().encode()], []]
    if doubted:
        await gateway.claims.finish(asked, token, InDoubt(), None)
        assert await members(gateway) == [[], [redis_kit.RECORD.hex().encode()]]
        assert await gateway.claims.resolve(asked.record, token, ending, redis_kit.entry("resolved"))
    else:
        assert await gateway.claims.finish(asked, token, ending, None)
    assert await members(gateway) == [[], []]


async def test_a_departure_of_its_own_is_found_too_and_a_claim_is_not(gateway):
    won = await gateway.claims.claim(redis_kit.claim(), None)
    assert await members(gateway) == [[], []]
    assert await gateway.claims.depart(redis_kit.claim(), won.token, redis_kit.entry("intent")) is Departure.DEPARTED
    gateway.clock.advance(30)
    assert [one.token for one in await gateway.claims.doubts()] == [won.token]


async def test_an_index_that_names_rows_of_nobody_is_cleaned(gateway):
    for index in INDEXES:
        await gateway.link.command("ZADD", index, 1, "ff" * 32)
    assert await gateway.claims.doubts() == []
    assert await members(gateway) == [[], []]


async def test_of_very_many_doubts_the_oldest_are_told(gateway):
    for n in range(DOUBTS + 5):
        name = n.to_bytes(32, "big").hex()
        await gateway.link.command("ZADD", INDEXES[1], n, name)
        row = ("state", "doubt", "call", "c", "token", n + 1, "lease", "1", "since", n)
        await gateway.link.command("HSET", key("claim", name), *row)
    told = await gateway.claims.doubts()
    assert [one.since for one in told] == list(range(DOUBTS))


async def test_a_row_that_lost_the_name_of_its_call_is_anybodys_doubt(gateway):
    await redis_kit.sent(gateway, redis_kit.claim())
    await gateway.link.command("HDEL", ROW, "call")
    assert await gateway.claims.fate(redis_kit.RECORD.hex(), "call-1") is State.DOUBT


async def test_a_row_that_is_something_else_is_a_fault_of_the_store(gateway):
    await gateway.link.command("SET", ROW, "what")
    with pytest.raises(StoreUnavailable):
        await gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
    with pytest.raises(StoreUnavailable):
        await gateway.claims.fate(redis_kit.RECORD.hex(), "call-1")


FIELDS = st.sampled_from(["state", "fingerprint", "call", "token", "lease", "since", "ends", "owner", "also", "about"])
GARBAGE = st.binary(max_size=20) | st.sampled_from([b"nan", b"-inf", b"inf", b"0x10", b" 5", b"1e400"]) | st.none()


@given(spoiled=st.dictionaries(FIELDS, GARBAGE, min_size=1), doubted=st.booleans(), later=st.sampled_from([0, 30, 1e9]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_written_into_what_was_sent_nobody_sends_it_again(gateway, spoiled, doubted, later):
    await gateway.link.command("DEL", ROW, *INDEXES)
    token = await redis_kit.sent(gateway, redis_kit.claim())
    if doubted:
        await gateway.claims.finish(redis_kit.claim(), token, InDoubt(), None)
    for field, value in spoiled.items():
        assert value not in {b"done", b"retryable", b"claimed"}
        await gateway.link.command(*(("HDEL", ROW, field) if value is None else ("HSET", ROW, field, value)))
    gateway.clock.advance(later)
    for _ in range(2):
        try:
            answer = await gateway.claims.claim(redis_kit.claim("call-2"), redis_kit.entry("intent"))
        except StoreUnavailable:
            continue
        assert isinstance(answer, Found | Mismatch)
    for doubt in await gateway.claims.doubts():
        assert doubt.record == redis_kit.RECORD
