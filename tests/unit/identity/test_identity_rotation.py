"""Rotation that nobody announced, against a real server: no call fails, and no flood can hammer the server."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.schema import Issuer
from gateway.identity import jwks
from gateway.identity.allowance import BURST, EVERY_S, Allowance
from gateway.identity.jwks import KeySets, NoKey
from gateway.model.refusal import Refused

START = 1_800_000_000.0


@pytest.fixture
def sets(an_issuer, client, clock, tasks):
    return KeySets([Issuer.model_validate(an_issuer())], client, clock, tasks)


@pytest.fixture
def new_key(key):
    """Makes keys of the kind of `key`."""
    return lambda kid: type(key)(kid)


async def found(sets, kid="one", algorithm="ES256"):
    (key,) = (await sets.find("issuer main", kid, algorithm))[1]
    return key


async def test_a_new_key_is_found_the_moment_it_signs_however_fresh_the_set_is(sets, server, key, new_key):
    await found(sets)
    keys = [key]
    for turn in range(BURST):
        keys.append(new_key(f"turn-{turn}"))
        server.serves(*keys)
        assert (await found(sets, f"turn-{turn}")).key_id == f"turn-{turn}"
    assert server.asked == 1 + BURST


async def test_callers_with_a_new_key_share_one_fetch(sets, server, key, other_key):
    await found(sets)
    server.serves(key, other_key)
    await asyncio.gather(*(found(sets, "two") for _ in range(20)))
    assert server.asked == 2


async def test_a_fetch_that_was_answered_before_the_rotation_is_followed_by_one_more(
    sets, server, clock, key, other_key, until
):
    await found(sets)
    clock.at += jwks.REFRESH_S
    server.hold = asyncio.Event()
    sets.current("issuer main")
    await until(lambda: server.asked == 2)
    server.serves(key, other_key)
    waiting = [asyncio.ensure_future(found(sets, "two")) for _ in range(5)]
    await asyncio.sleep(0)
    server.hold.set()  # only now the old set goes out
    assert {(await one).key_id for one in waiting} == {"two"}
    assert server.asked == 3


async def test_no_call_fails_while_keys_rotate_under_load(room, an_issuer, arrival, server, key, new_key):
    callers = room({"issuers": [an_issuer()]})
    signing, proven, turning = [key], 0, True

    async def load(worker):
        nonlocal proven
        while turning:
            token = signing[-1].signs(jti=f"{worker}-{proven}")
            assert (await callers.prove(arrival(token))).user == "alice"
            proven += 1
            await asyncio.sleep(0)

    async def rotate():
        nonlocal turning
        for turn in range(BURST):
            newest = new_key(f"turn-{turn}")
            server.serves(signing[-1], newest)
            signing.append(newest)
            target = proven + 50
            while proven < target:
                await asyncio.sleep(0)
        turning = False

    await callers.prove(arrival(key.signs()))
    await asyncio.gather(rotate(), *(load(worker) for worker in range(8)))
    assert proven >= 50 * BURST
    assert server.asked == 1 + BURST


async def test_a_withdrawn_key_ends_with_the_refetch_that_another_key_caused(
    room, an_issuer, arrival, server, key, other_key
):
    callers, token = room({"issuers": [an_issuer()]}), key.signs()
    await callers.prove(arrival(token))
    server.serves(other_key)
    await callers.prove(arrival(other_key.signs()))
    with pytest.raises(Refused, match="no such key"):
        await callers.prove(arrival(token))


async def test_another_key_under_a_known_id_is_believed_at_once_and_the_one_before_no_more(
    room, an_issuer, arrival, server, key, new_key
):
    callers, token, swapped = room({"issuers": [an_issuer()]}), key.signs(), new_key("one")
    await callers.prove(arrival(token))
    server.serves(swapped)
    assert (await callers.prove(arrival(swapped.signs()))).user == "alice"
    with pytest.raises(Refused, match="signature"):
        await callers.prove(arrival(token))


async def test_two_keys_of_one_id_in_a_set_are_both_believed_and_a_third_is_not(
    room, an_issuer, arrival, server, key, new_key
):
    twin = new_key("one")
    server.serves(key, twin)
    callers = room({"issuers": [an_issuer()]})
    for signer in (key, twin):
        await callers.prove(arrival(signer.signs()))
    with pytest.raises(Refused, match="signature"):
        await callers.prove(arrival(new_key("one").signs()))


@pytest.mark.parametrize("known", [False, True], ids=["random key ids", "bad signatures under a known id"])
async def test_a_flood_of_forgeries_asks_the_server_no_more_than_the_allowance(
    room, an_issuer, arrival, server, clock, key, new_key, known
):
    callers, forger = room({"issuers": [an_issuer()]}), new_key("one")
    await callers.prove(arrival(key.signs()))
    for tenth in range(600):
        clock.at = START + tenth / 10
        token = forger.signs({} if known else {"kid": f"forged-{tenth}"}, jti=str(tenth))
        with pytest.raises(Refused, match="signature" if known else "no such key"):
            await callers.prove(arrival(token))
    assert server.asked == (1 + 4 if known else 1 + BURST + 5)


async def test_a_client_with_a_withdrawn_key_spends_nothing_that_a_rotation_needs(sets, server, clock, key, other_key):
    await found(sets)
    for second in range(280):
        clock.at = START + second
        with pytest.raises(NoKey):
            await found(sets, "withdrawn")
    assert server.asked == 1 + 5  # after 0, 1, 5, 21 and 85 s
    server.serves(key, other_key)
    assert (await found(sets, "two")).key_id == "two"


async def test_a_key_server_that_publishes_late_is_asked_again_after_a_second(sets, server, clock, key, other_key):
    await found(sets)
    for _ in range(3):
        with pytest.raises(NoKey):
            await found(sets, "two")
    server.serves(key, other_key)
    clock.at += 1
    await found(sets, "two")
    assert server.asked == 3


async def test_callers_who_shared_a_fetch_in_vain_lengthen_the_silence_once(sets, server, clock, key, other_key, until):
    await found(sets)
    clock.at += jwks.REFRESH_S
    server.hold = asyncio.Event()
    sets.current("issuer main")
    await until(lambda: server.asked == 2)
    waiting = [asyncio.ensure_future(found(sets, "two")) for _ in range(20)]
    await asyncio.sleep(0)
    server.hold.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert ({type(one) for one in told}, server.asked) == ({NoKey}, 3)
    server.serves(key, other_key)
    clock.at += 1
    await found(sets, "two")


async def test_silence_ends_when_the_set_changes(sets, server, key, other_key, new_key):
    await found(sets)
    with pytest.raises(NoKey):
        await found(sets, "two")
    server.serves(key, new_key("three"))
    await found(sets, "three")
    server.serves(key, other_key)
    await found(sets, "two")


async def test_a_fetch_that_failed_says_nothing_about_a_key(sets, server, key, other_key):
    await found(sets)
    server.says(503, b"")
    with pytest.raises(NoKey):
        await found(sets, "two")
    assert (await found(sets)).key_id == "one"
    server.serves(key, other_key)
    assert (await found(sets, "two")).key_id == "two"


STEPS = st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["a", "b", "c", None])), max_size=60)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.floats(0, 1e6))
def test_no_sequence_of_key_ids_gets_more_than_the_allowance(steps, begin):
    allowance, now, taken = Allowance(), begin, []
    for wait, kid in steps:
        now += wait
        if allowance.take(kid, now):
            taken.append(now)
            allowance.in_vain(kid, now)
    for index, since in enumerate(taken):
        assert len([at for at in taken[index:] if at <= since + EVERY_S]) <= BURST + 1
    assert len(taken) <= BURST + (now - begin) / EVERY_S + 1e-6


def test_the_silent_key_ids_are_bounded():
    allowance = Allowance()
    for number in range(1000):
        allowance.in_vain(str(number), 0.0)
    assert len(allowance._silent) == 256
