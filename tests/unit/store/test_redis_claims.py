"""Claims in Redis where journal and server do not end alike: nothing is sent twice, nothing is told twice."""

import asyncio

import pytest
import redis_kit

from gateway.model.claim import Departure, Found, InDoubt, NotDone, State, Won
from gateway.model.work import JournalUnavailable, StoreUnavailable
from gateway.store import redis_returns
from gateway.store.redis_link import Unanswered
from gateway.store.redis_names import key

ROW = key("claim", redis_kit.RECORD.hex())


@pytest.fixture
def writer():
    return redis_kit.Writing()


@pytest.fixture
async def gateway(tmp_path, writer):
    clock = redis_kit.Ticking()
    async with redis_kit.opened(tmp_path, clock, writer) as made:
        made.clock = clock
        yield made


def unanswered_once(gateway, monkeypatch, *, ran):
    """The next script is sent and no answer comes, whether or not it ran."""
    through = gateway.link.run

    async def cut(script, keys, args=(), ready=None):
        monkeypatch.setattr(gateway.link, "run", through)
        if ran:
            await through(script, keys, args, ready)
        raise Unanswered("no answer")

    monkeypatch.setattr(gateway.link, "run", cut)


async def state(gateway, call_id="call-1"):
    return await gateway.claims.fate(redis_kit.RECORD.hex(), call_id)


async def test_without_a_journal_nothing_is_claimed(gateway, writer):
    writer.error = JournalUnavailable("disk full")
    with pytest.raises(JournalUnavailable):
        await gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
    assert await state(gateway) is State.RETRYABLE
    writer.error = None
    await redis_kit.sent(gateway, redis_kit.claim("call-2"))


async def test_without_a_journal_nothing_departs(gateway, writer):
    won = await gateway.claims.claim(redis_kit.claim(), None)
    writer.error = JournalUnavailable("disk full")
    with pytest.raises(JournalUnavailable):
        await gateway.claims.depart(redis_kit.claim(), won.token, redis_kit.entry("intent"))
    assert await state(gateway) is State.RETRYABLE


async def test_the_send_waits_for_the_journal_although_the_server_has_answered(gateway, writer):
    writer.gate = asyncio.Event()
    claiming = asyncio.ensure_future(gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent")))
    while not await gateway.link.command("EXISTS", ROW):
        await asyncio.sleep(0)
    assert not claiming.done()
    writer.gate.set()
    assert isinstance(await asyncio.wait_for(claiming, 5), Won)
    assert writer.entries == [{"name": "intent"}]


@pytest.mark.parametrize("ran", [False, True])
async def test_a_claim_without_an_answer_is_refused_and_given_back(gateway, writer, monkeypatch, ran):
    monkeypatch.setattr(redis_returns, "PAUSES_S", (0.0, 0.0))
    unanswered_once(gateway, monkeypatch, ran=ran)
    with pytest.raises(StoreUnavailable):
        await gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
    await gateway.told()
    assert await state(gateway) is (State.RETRYABLE if ran else None)
    await redis_kit.sent(gateway, redis_kit.claim("call-2"))


async def test_a_claim_that_a_paused_server_makes_late_is_given_back_all_the_same(gateway, monkeypatch):
    """Giving back comes first and finds nothing; the claim is made afterwards."""
    through, late, finished = gateway.link.run, [], asyncio.Event()

    async def delayed(script, keys, args=(), ready=None):
        if not late:
            late.append((script, keys, args))
            raise Unanswered("no answer")
        answer = await through(script, keys, args, ready)
        if len(late) == 1:
            late.append(answer)
            await through(*late[0])
            finished.set()
        return answer

    monkeypatch.setattr(redis_returns, "PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(gateway.link, "run", delayed)
    with pytest.raises(StoreUnavailable):
        await gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
    await asyncio.wait_for(finished.wait(), 5)
    await gateway.told()
    assert await state(gateway) is State.RETRYABLE


async def test_what_cannot_be_given_back_in_the_end_is_in_doubt_never_sent_again(gateway, monkeypatch):
    monkeypatch.setattr(redis_returns, "PAUSES_S", ())
    unanswered_once(gateway, monkeypatch, ran=True)
    with pytest.raises(StoreUnavailable):
        await gateway.claims.claim(redis_kit.claim(), redis_kit.entry("intent"))
    gateway.clock.advance(3600)
    found = await gateway.claims.claim(redis_kit.claim("call-2"), redis_kit.entry("intent"))
    assert isinstance(found, Found)
    assert found.state is State.DOUBT


@pytest.mark.parametrize("ran", [False, True])
async def test_an_ending_whose_script_has_no_answer_says_that_its_entry_is_written(gateway, writer, monkeypatch, ran):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    unanswered_once(gateway, monkeypatch, ran=ran)
    with pytest.raises(StoreUnavailable) as caught:
        await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), redis_kit.entry("terminal"))
    assert caught.value.journaled
    held = await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), None)
    assert held is not ran
    assert writer.entries == [{"name": "intent"}, {"name": "terminal"}]
    assert await state(gateway) is State.DONE


async def test_an_ending_whose_entry_was_not_written_says_so(gateway, writer, monkeypatch):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    writer.error = StoreUnavailable("the writer is closed")
    with pytest.raises(StoreUnavailable) as caught:
        await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), redis_kit.entry("terminal"))
    assert not caught.value.journaled
    unanswered_once(gateway, monkeypatch, ran=False)
    with pytest.raises(StoreUnavailable) as caught:
        await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), redis_kit.entry("terminal"))
    assert not caught.value.journaled
    writer.error = None
    await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), redis_kit.entry("terminal"))
    assert writer.entries == [{"name": "intent"}, {"name": "terminal"}]


async def test_only_what_is_settled_has_a_lifetime(gateway):
    async def ttl():
        return await gateway.link.command("PTTL", ROW)

    asked = redis_kit.claim()
    won = await gateway.claims.claim(asked, None)
    assert await ttl() > 0
    assert await gateway.claims.depart(asked, won.token, redis_kit.entry("intent")) is Departure.DEPARTED
    assert await ttl() == -1
    assert await gateway.claims.finish(asked, won.token, NotDone(), None)
    assert await ttl() > 0
    token = await redis_kit.sent(gateway, asked)
    assert await ttl() == -1
    assert await gateway.claims.finish(asked, token, InDoubt(), None)
    assert await ttl() == -1
    assert await gateway.claims.finish(asked, token, redis_kit.done(keep_s=60), None)
    assert 60_000 < await ttl() <= 3_660_000
    gateway.claims.delivered(asked, token, 5)
    await gateway.told()
    assert 0 < await ttl() <= 5_000


async def test_what_is_kept_is_sealed(gateway):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(b'{"secret":"hush"}'), None)
    row = await gateway.link.command("HGETALL", ROW)
    assert not any(b"hush" in value for value in row)


async def test_whoever_waits_is_woken_when_another_gateway_ends_the_call(gateway, tmp_path):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    heard = gateway.link.listen("{sallyport}:changes")
    assert await asyncio.wait_for(anext(heard), 5) == ""
    waiting = asyncio.ensure_future(gateway.claims.changed(redis_kit.claim("call-2"), 60))
    await asyncio.sleep(0)
    await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), None)
    gateway.ears.tell(await asyncio.wait_for(anext(heard), 5))
    assert await asyncio.wait_for(waiting, 5)
    await heard.aclose()
    assert await asyncio.wait_for(gateway.claims.changed(redis_kit.claim(), 0.01), 5), "a lost push only delays"


async def test_every_entry_of_a_call_that_leaves_traces_says_how_far_the_memory_was_when_it_was_written(
    gateway, writer
):
    token = await redis_kit.sent(gateway, redis_kit.claim())
    before = int(gateway.guard.witness.split()[1])
    await gateway.claims.finish(redis_kit.claim(), token, redis_kit.done(), redis_kit.entry("terminal"))
    generations, beats = zip(*(memory.split() for memory in writer.memories), strict=True)
    assert set(generations) == {redis_kit.BORN}
    assert int(beats[1]) >= before, "so that whoever reads it knows of this call's own claim"
