"""Key sets against a real server: age, outage, and answers nobody should believe."""

import asyncio
import json

import pytest

from gateway.config.schema import Issuer
from gateway.identity import jwks
from gateway.identity.jwks import KeySets, NoKey
from gateway.model.refusal import Refused


@pytest.fixture
def sets(an_issuer, client, clock, tasks):
    return KeySets([Issuer.model_validate(an_issuer())], client, clock, tasks)


async def found(sets, kid="one", algorithm="ES256"):
    (key,) = (await sets.find("issuer main", kid, algorithm))[1]
    return key


async def test_many_callers_share_one_fetch(sets, server):
    await asyncio.gather(*(found(sets) for _ in range(20)))
    assert server.asked == 1


async def test_a_fresh_set_is_used_without_asking_again(sets, server, clock):
    await found(sets)
    clock.at += jwks.REFRESH_S - 1
    await found(sets)
    assert server.asked == 1


async def test_a_set_is_refreshed_in_the_background_before_it_is_stale(sets, server, clock, until, tasks):
    await found(sets)
    clock.at += jwks.REFRESH_S
    server.hold = asyncio.Event()
    keys = sets.current("issuer main")
    assert keys is not None
    await found(sets)
    server.hold.set()
    await until(lambda: server.asked == 2 and len(tasks) == 0)
    assert sets.current("issuer main") is keys


async def test_a_stale_set_is_refreshed_before_it_is_used(sets, server, clock, other_key):
    await found(sets)
    server.serves(other_key)
    clock.at += jwks.STALE_S
    with pytest.raises(NoKey):
        await found(sets, "one")


async def test_an_outage_does_not_end_keys_that_are_there(sets, server, clock, until, tasks):
    await found(sets)
    server.says(500, b"")
    for hours in (1, 12, 23.9):
        clock.at = 1_800_000_000.0 + hours * 3600
        assert (await found(sets)).key_id == "one"
    assert sets.problems() == ("the key server of issuer main does not answer as it should",)
    clock.at = 1_800_000_000.0 + 24 * 3600
    with pytest.raises(NoKey):
        await found(sets)


async def test_during_an_outage_nobody_waits_for_the_retries(sets, server, clock):
    await found(sets)
    server.says(500, b"")
    clock.at += jwks.STALE_S
    await found(sets)
    clock.at += jwks.RETRY_S
    server.hold = asyncio.Event()
    assert sets.current("issuer main") is not None
    server.hold.set()


async def test_a_server_that_comes_back_is_believed_again(sets, server, clock, until, key):
    server.says(503, b"")
    with pytest.raises(NoKey):
        await found(sets)
    server.serves(key)
    await found(sets)
    assert (sets.problems(), server.asked) == ((), 2)


async def test_the_first_fetch_has_a_deadline(sets, server, monkeypatch):
    monkeypatch.setattr(jwks, "DEADLINE_S", 0.05)
    server.hold = asyncio.Event()
    with pytest.raises(NoKey, match="cannot be fetched"):
        await asyncio.wait_for(found(sets), 2)
    server.hold.set()


async def test_a_caller_that_goes_away_does_not_end_the_fetch_of_the_others(sets, server, until):
    server.hold = asyncio.Event()
    gone, waiting = asyncio.ensure_future(found(sets)), asyncio.ensure_future(found(sets))
    await until(lambda: server.asked == 1)
    gone.cancel()
    server.hold.set()
    assert (await asyncio.wait_for(waiting, 5)).key_id == "one"


def as_set(*members, **more):
    return json.dumps({"keys": members, **more}).encode()


ANSWERS = {
    "not found": lambda good: (404, as_set(good)),
    "not JSON": lambda good: (200, b"<html>"),
    "nothing": lambda good: (200, b""),
    "not a set": lambda good: (200, json.dumps([good]).encode()),
    "no keys": lambda good: (200, as_set()),
    "keys twice": lambda good: (200, b'{"keys": [], ' + as_set(good)[1:]),
    "unusable keys": lambda good: (
        200,
        as_set({**good, "x": "AA"}, "x", {}, {"kty": "oct", "kid": "one", "k": "AAAA"}),
    ),
    "too many": lambda good: (200, as_set(*[good] * 101)),
    "too large": lambda good: (200, as_set(good, padding=" " * 256 * 1024)),
    "compressed": lambda good: (200, as_set(good), "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_is_no_key_set_is_not_believed(sets, server, clock, key, answer):
    keys = (await sets.find("issuer main", "one", "ES256"))[0]
    server.says(*answer(key.public))
    clock.at += jwks.STALE_S
    assert (await sets.find("issuer main", "one", "ES256"))[0] is keys
    assert sets.problems()


async def test_an_empty_answer_to_the_first_question_is_no_key_set(sets, server):
    server.says(200, b"")
    with pytest.raises(NoKey, match="cannot be fetched"):
        await found(sets)
    assert sets.problems()


async def test_a_redirect_is_not_followed(sets, server, elsewhere):
    server.says(302, b"", f"Location: {elsewhere.url}")
    with pytest.raises(NoKey, match="cannot be fetched"):
        await found(sets, "two")
    assert elsewhere.asked == 0


async def test_a_server_that_cuts_the_connection_is_an_outage(sets, server):
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
    with pytest.raises(NoKey):
        await found(sets)


async def test_encryption_keys_and_secrets_in_a_set_are_passed_over(sets, server, key, other_key):
    other_key.public["use"] = "enc"
    try:
        server.serves(key, other_key)
    finally:
        other_key.public["use"] = "sig"
    await found(sets)
    with pytest.raises(NoKey):
        await found(sets, "two")
    with pytest.raises(NoKey):
        await found(sets, "one", "HS256")


async def test_a_token_without_a_key_id_needs_a_set_without_a_choice(sets, server, clock, key, other_key):
    assert (await found(sets, None)).key_id == "one"
    server.serves(key, other_key)
    clock.at += jwks.STALE_S
    with pytest.raises(NoKey):
        await found(sets, None)


async def test_a_withdrawn_key_ends_tokens_that_were_already_verified(
    room, an_issuer, arrival, clock, server, key, other_key, until, tasks
):
    callers, token = room({"issuers": [an_issuer()]}), key.signs(exp=1_800_003_600)
    await callers.prove(arrival(token))
    server.serves(other_key)
    clock.at += jwks.REFRESH_S
    await callers.prove(arrival(token))
    await until(lambda: server.asked == 2 and len(tasks) == 0)
    with pytest.raises(Refused, match="no such key"):
        await callers.prove(arrival(token))


async def test_an_unreachable_issuer_is_told_clearly_and_the_other_goes_on(room, an_issuer, arrival, key):
    dead = an_issuer("dead") | {"issuer": "https://dead.example", "jwks": "http://127.0.0.1:9/jwks"}
    callers = room({"issuers": [an_issuer(), dead]})
    with pytest.raises(Refused, match="cannot be fetched now"):
        await callers.prove(arrival(key.signs(iss="https://dead.example")))
    assert (await callers.prove(arrival(key.signs()))).user == "alice"
