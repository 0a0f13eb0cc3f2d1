"""What became of a call whose gateway is gone: "not sent" is said only by a memory that would know."""

import math
import uuid

import pytest
import redis_kit
import uuid_utils

from gateway.model.claim import Done, Found, InDoubt, State
from gateway.store.redis_names import key

ROW = key("claim", redis_kit.RECORD.hex())


@pytest.fixture
async def gateway(tmp_path):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, redis_kit.Writing()) as made:
        made.clock = clock
        yield made


async def state(gateway, call_id="call-1"):
    return await gateway.claims.fate(redis_kit.RECORD.hex(), call_id)


async def test_a_call_whose_gateway_died_is_in_doubt_once_its_fate_is_asked(gateway):
    await redis_kit.sent(gateway, redis_kit.claim())
    assert await state(gateway, "call-9") is None
    assert await state(gateway) is State.DOUBT
    found = await gateway.claims.claim(redis_kit.claim("call-2"), None)
    assert isinstance(found, Found)
    assert found.state is State.DOUBT


@pytest.mark.parametrize("ending", [InDoubt(), Done(redis_kit.done().kept, 0.0)])
async def test_a_call_that_was_replaced_is_still_known_to_have_been_sent(gateway, ending):
    first = redis_kit.claim(resend_within_s=math.inf)
    token = await redis_kit.sent(gateway, first)
    await gateway.claims.finish(first, token, ending, None)
    await redis_kit.sent(gateway, redis_kit.claim("call-2", resend_within_s=math.inf))
    assert await state(gateway) in {State.DOUBT, State.DONE}
    assert await state(gateway, "call-3") is None


@pytest.mark.parametrize("keep_s", [0, 120])
async def test_a_call_whose_answer_was_delivered_is_still_known_to_have_been_sent(gateway, keep_s):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    assert await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(keep_s=3600), None)
    gateway.claims.delivered(redis_kit.claim(), token, keep_s)
    await gateway.told()
    await gateway.link.command("DEL", ROW)  # its time is over
    assert await state(gateway) is State.DONE


async def test_a_server_that_restarted_meanwhile_knows_of_no_call_that_it_was_not_sent(gateway):
    gateway.guard._run_before = "another process"
    assert await state(gateway) is State.DOUBT
    again = redis_kit.claim("call-2")
    found = await gateway.claims.claim(again, redis_kit.entry("intent"))
    assert isinstance(found, Found)
    assert (found.state, found.call_id) == (State.DOUBT, "call-1")


@pytest.mark.parametrize(("older", "stands"), [("call-0", State.DOUBT), ("call-2", None)])
async def test_a_row_of_an_older_call_gives_way_to_the_doubt_and_that_of_a_younger_one_stands(gateway, older, stands):
    token = await redis_kit.sent(gateway, redis_kit.claim(older))
    await gateway.claims.finish(redis_kit.claim(older), token, redis_kit.done(), None)
    gateway.guard._run_before = ""
    assert await state(gateway) is State.DOUBT
    found = await gateway.claims.claim(redis_kit.claim("call-3"), None)
    assert isinstance(found, Found)
    assert found.state is (stands or State.DONE)


async def test_of_a_call_older_than_its_memory_nobody_says_that_it_was_not_sent(gateway, tmp_path):
    await redis_kit.emptied(redis_kit.shared(), generation="first.abc.4000000000")
    other = redis_kit.gateway(redis_kit.shared(), tmp_path / "x", gateway.clock, redis_kit.Writing())
    await other.guard.tick()
    assert await state(other, str(uuid_utils.uuid7())) is State.DOUBT
    assert await state(other, str(uuid.uuid4())) is None
    await other.close()
