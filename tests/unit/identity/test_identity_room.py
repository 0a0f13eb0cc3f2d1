"""Callers: API keys, the anonymous caller, endpoints; nothing but the credential is believed."""

import pytest

from gateway.identity.apikey import hashed, minted, written
from gateway.identity.keyring import Keyring
from gateway.model.refusal import Reason, Refused

KEY = minted("laptop")


def configured(**more):
    return {"keys": [{"id": "laptop", "hash": hashed(KEY), "agent": "bot", "user": "alice", "tenant": "acme", **more}]}


async def refusal(room, arrival):
    with pytest.raises(Refused) as refused:
        await room.prove(arrival)
    return refused.value.refusal


async def test_a_configured_key_proves_agent_user_and_tenant(room, arrival):
    principal = await room(configured()).prove(arrival(KEY))
    assert (principal.tenant, principal.agent, principal.user) == ("acme", "bot", "alice")
    assert (principal.agent_proof, principal.user_proof) == ("key:laptop", "key:laptop")


async def test_a_key_without_a_user_proves_a_machine(room, arrival):
    principal = await room(configured(user=None)).prove(arrival(KEY))
    assert (principal.user, principal.user_proof, principal.subject) == (None, None, "agent:bot")


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "sp_",
        minted("laptop"),
        KEY + "x",
        KEY[:-1],
        KEY.replace("laptop", "desktop"),
        hashed(KEY),
        "é" * 20,
        "\ud800",
    ],
    ids=["empty", "prefix", "never-minted", "longer", "shorter", "other-id", "the-hash", "not-ascii", "surrogate"],
)
async def test_anything_else_is_unauthenticated(room, arrival, credential):
    assert (await refusal(room(configured()), arrival(credential))).reason is Reason.UNAUTHENTICATED


async def test_a_refusal_never_repeats_the_credential(room, arrival):
    for credential in (minted("laptop"), KEY + "x", "eyJ.secret.secret"):
        assert credential not in (await refusal(room(configured()), arrival(credential))).detail


async def test_expiry_is_looked_at_on_every_call(room, arrival, clock):
    callers = room(configured(expires=written(clock.now() + 60)))
    assert (await callers.prove(arrival(KEY))).expires_at == clock.now() + 60
    clock.at += 59.5
    await callers.prove(arrival(KEY))
    clock.at += 0.5
    assert (await refusal(callers, arrival(KEY))).detail == "The API key has expired."


@pytest.mark.parametrize("broken", [{"expires": "soon"}, {"user": "a\x00b"}, {"tenant": ""}, {"user": " alice"}])
async def test_a_key_that_cannot_be_read_opens_nothing(room, arrival, broken):
    assert (await refusal(room(configured(**broken)), arrival(KEY))).reason is Reason.UNAUTHENTICATED


async def test_a_key_of_another_process_works_and_is_revoked_without_a_restart(room, arrival, clock, tmp_path):
    callers = room({})
    ring = Keyring(tmp_path / "keys.json", clock)
    key_id, key = ring.new("bot", "alice")
    clock.at += 1
    assert (await callers.prove(arrival(key))).agent_proof == f"key:{key_id}"
    ring.revoke(key_id)
    clock.at += 1
    assert (await refusal(callers, arrival(key))).detail == "The API key was revoked."


async def test_a_damaged_key_file_keeps_revoked_keys_revoked_and_good_ones_good(room, arrival, clock, tmp_path):
    ring = Keyring(tmp_path / "keys.json", clock)
    (_, good), (gone, bad) = ring.new("bot"), ring.new("bot")
    ring.revoke(gone)
    callers = room({})
    (tmp_path / "keys.json").write_text("{")
    clock.at += 1
    await callers.prove(arrival(good))
    assert (await refusal(callers, arrival(bad))).detail == "The API key was revoked."


async def test_a_key_revoked_in_one_source_is_not_revived_by_the_other(room, arrival, clock, tmp_path):
    ring = Keyring(tmp_path / "keys.json", clock)
    key_id, key = ring.new("bot")
    ring.revoke(key_id)
    callers = room({"keys": [{"id": "copy", "hash": hashed(key), "agent": "bot"}]})
    assert (await refusal(callers, arrival(key))).detail == "The API key was revoked."


async def test_without_a_credential_nobody_is_let_in_unless_it_is_written_down(room, arrival):
    assert (await refusal(room(configured()), arrival())).reason is Reason.UNAUTHENTICATED
    principal = await room({"anonymous": {"agent": "bot"}}).prove(arrival())
    assert (principal.agent, principal.agent_proof, principal.user) == ("bot", "anonymous", None)


async def test_a_bad_credential_is_refused_even_where_anonymous_callers_are_let_in(room, arrival):
    callers = room({"anonymous": {"agent": "bot"}})
    for credential in ("", minted("laptop"), "a.b.c"):
        assert (await refusal(callers, arrival(credential))).reason is Reason.UNAUTHENTICATED


async def test_the_endpoint_must_be_the_proven_agents(room, arrival):
    callers = room({**configured(), "anonymous": {"agent": "bot"}})
    assert (await callers.prove(arrival(KEY, "bot"))).agent == "bot"
    for credential in (KEY, None):
        assert (await refusal(callers, arrival(credential, "other-bot"))).reason is Reason.AGENT_MISMATCH


async def test_an_agent_that_is_not_configured_is_let_in_by_no_credential(room, arrival):
    callers = room({**configured(agent="stranger"), "anonymous": {"agent": "stranger"}})
    for credential in (KEY, None):
        assert (await refusal(callers, arrival(credential))).reason is Reason.UNAUTHENTICATED


async def test_a_user_named_like_a_role_is_a_user(room, arrival):
    principal = await room(configured(user="role:admin")).prove(arrival(KEY))
    assert principal.subject == "user:role:admin"
    assert principal.roles == frozenset()


async def test_a_key_made_or_revoked_through_the_rooms_own_ring_counts_with_the_next_request(room, arrival):
    callers = room({})
    ring = callers._keyring
    key_id, key = ring.new("bot")
    assert (await callers.prove(arrival(key))).agent_proof == f"key:{key_id}"
    ring.revoke(key_id)
    assert (await refusal(callers, arrival(key))).detail == "The API key was revoked."
