"""Trusted peers: an honest assertion makes exactly one user act, once; every other one is refused."""

import itertools

import jwt
import pytest
from identity_forge import hmac_signed, pem, segment, tampered

from gateway.identity.apikey import hashed, minted
from gateway.identity.seen import Seen
from gateway.model.refusal import Reason, Refused

START = 1_800_000_000.0
TYPE = "sallyport-user+jwt"
KEYS = {name: minted(name) for name in ("bot", "other", "human")}
NUMBERS = itertools.count()


def asserts(key, headers=None, **claims):
    """A sound assertion about alice, but for what is said."""
    said = {"iss": "runtime", "aud": "sallyport", "client_id": None, "exp": START + 60, "jti": f"n-{next(NUMBERS)}"}
    return key.signs({"typ": TYPE, **(headers or {})}, **{**said, **claims})


@pytest.fixture
def section(server, an_issuer):
    """An issuer and a peer of one key server; keys of two machines and of an agent that acts for bob alone."""

    def build(**peer):
        whose = {"bot": ("bot", None), "other": ("other-bot", None), "human": ("bot", "bob")}
        return {
            "keys": [
                {"id": name, "hash": hashed(KEYS[name]), "agent": agent, "user": user, "tenant": "acme"}
                for name, (agent, user) in whose.items()
            ],
            "issuers": [an_issuer(roles_claim="roles")],
            "peers": [{"id": "runtime", "jwks": server.url, "agents": ["bot"], **peer}],
        }

    return build


@pytest.fixture
def callers(room, section):
    return room(section())


async def why(callers, arrival):
    """The sentence of an `unauthenticated` refusal."""
    with pytest.raises(Refused) as refused:
        await callers.prove(arrival)
    assert refused.value.refusal.reason is Reason.UNAUTHENTICATED
    for secret in filter(None, (arrival.credential, arrival.assertion)):
        assert secret not in refused.value.refusal.detail
    return refused.value.refusal.detail


async def test_an_assertion_makes_its_user_act_through_the_agent_of_the_credential(callers, arrival, key):
    principal = await callers.prove(arrival(KEYS["bot"], "bot", asserts(key)))
    assert (principal.tenant, principal.agent, principal.agent_proof) == ("acme", "bot", "key:bot")
    assert (principal.subject, principal.user_proof) == ("user:alice", "peer:runtime")


async def test_an_assertion_proves_its_run_and_one_without_keeps_that_of_the_credential(callers, arrival, key):
    assert (await callers.prove(arrival(KEYS["bot"], None, asserts(key, run="r-1")))).run == "r-1"
    assert (await callers.prove(arrival(KEYS["bot"], None, asserts(key)))).run is None
    machine = key.signs(sub="bot", run="r-2")
    assert (await callers.prove(arrival(machine, None, asserts(key)))).run == "r-2"
    assert (await callers.prove(arrival(machine, None, asserts(key, run="r-2")))).run == "r-2"
    assert "another run" in await why(callers, arrival(machine, None, asserts(key, run="r-3")))


async def test_one_credential_serves_many_users_each_by_an_assertion_of_their_own(callers, arrival, key):
    for user in ("alice", "bob", "alice", "auth0|7", "role-admin", "ann@example.org"):
        assert (await callers.prove(arrival(KEYS["bot"], None, asserts(key, sub=user)))).user == user


async def test_without_an_assertion_the_runtime_is_a_machine(callers, arrival):
    assert (await callers.prove(arrival(KEYS["bot"]))).subject == "agent:bot"


async def test_a_token_of_a_machine_is_a_credential_as_well_and_its_roles_are_not_the_users(callers, arrival, key):
    machine = key.signs(sub="bot", roles=["admin"])
    principal = await callers.prove(arrival(machine, None, asserts(key)))
    assert (principal.user, principal.roles, principal.tenant) == ("alice", frozenset(), "default")
    assert principal.expires_at == START + 600
    assert (await callers.prove(arrival(machine))).roles == {"admin"}


async def test_what_may_be_said_and_is_true_is_accepted(callers, arrival, key):
    honest = (
        {"tenant": "acme", "agent": "bot"},
        {"aud": ["elsewhere", "sallyport"]},
        {"nbf": START + 4},
        {"iat": START + 4, "exp": START + 64},
        {"iat": START - 60, "exp": START - 4},
        {"sub": "u" * 256, "jti": "j" * 256},
    )
    for claims in honest:
        await callers.prove(arrival(KEYS["bot"], None, asserts(key, **claims)))
    for kind in (TYPE.upper(), f"application/{TYPE}"):
        await callers.prove(arrival(KEYS["bot"], None, asserts(key, {"typ": kind})))


def unsigned(key):
    claims = jwt.decode(asserts(key), options={"verify_signature": False})
    return jwt.encode(claims, None, "none", {"typ": TYPE})


FORGED = {
    "alg none": ("algorithm", lambda key, other: unsigned(key)),
    "HS256 with the public key": ("algorithm", lambda key, other: hmac_signed(asserts(key), pem(key), TYPE)),
    "another key": ("signature", lambda key, other: asserts(other, {"kid": "one"})),
    "another key, its own kid": ("no such key", lambda key, other: asserts(other)),
    "another key in the header": ("signature", lambda key, other: asserts(other, {"kid": "one", "jwk": other.public})),
    "changed user": ("signature", lambda key, other: tampered(asserts(key), sub="bob")),
    "an access token": ("typ", lambda key, other: asserts(key, {"typ": "JWT"})),
    "an access token by RFC 9068": ("typ", lambda key, other: asserts(key, {"typ": "at+jwt"})),
    "no typ": ("typ", lambda key, other: asserts(key, {"typ": None})),
    "typ is a number": (
        "typ",
        lambda key, other: f"{segment({'alg': 'ES256', 'typ': 1})}.{asserts(key).split('.', 1)[1]}",
    ),
    "wrong audience": ("audience", lambda key, other: asserts(key, aud="gw")),
    "no audience": ("required", lambda key, other: asserts(key, aud=None)),
    "wrong issuer": ("issuer", lambda key, other: asserts(key, iss="https://id.example")),
    "issuer in capitals": ("issuer", lambda key, other: asserts(key, iss="Runtime")),
    "no issuer": ("issuer", lambda key, other: asserts(key, iss=None)),
    "expired": ("expired", lambda key, other: asserts(key, iat=START - 60, exp=START - 5)),
    "no expiry": ("required", lambda key, other: asserts(key, exp=None)),
    "no issue time": ("no iat", lambda key, other: asserts(key, iat=None)),
    "issue time is text": ("iat", lambda key, other: asserts(key, iat="now")),
    "issued in the future": ("not valid yet", lambda key, other: asserts(key, iat=START + 6, exp=START + 60)),
    "valid in the future": ("not valid yet", lambda key, other: asserts(key, nbf=START + 6)),
    "too long a life": ("within 1m", lambda key, other: asserts(key, exp=START + 61)),
    "ends before it begins": ("within 1m", lambda key, other: asserts(key, iat=START + 2, exp=START)),
    "expiry of 400 digits": ("exp", lambda key, other: asserts(key, exp=10**400)),
    "no jti": ("jti", lambda key, other: asserts(key, jti=None)),
    "empty jti": ("jti", lambda key, other: asserts(key, jti="")),
    "jti is a number": ("jti", lambda key, other: asserts(key, jti=7)),
    "long jti": ("jti", lambda key, other: asserts(key, jti="j" * 257)),
    "no user": ("sub", lambda key, other: asserts(key, sub=None)),
    "empty user": ("sub", lambda key, other: asserts(key, sub="")),
    "user is a number": ("sub", lambda key, other: asserts(key, sub=7)),
    "user of 257 characters": ("sub", lambda key, other: asserts(key, sub="u" * 257)),
    "user with a line break": ("sub", lambda key, other: asserts(key, sub="alice\nbob")),
    "user of another issuer": ("slash", lambda key, other: asserts(key, sub="partner/alice")),
    "user with a kind": ("kind", lambda key, other: asserts(key, sub="user:alice")),
    "user that is a role": ("kind", lambda key, other: asserts(key, sub="role:admin")),
    "user that is an agent": ("kind", lambda key, other: asserts(key, sub="agent:other-bot")),
    "empty run": ("run", lambda key, other: asserts(key, run="")),
    "run is a list": ("run", lambda key, other: asserts(key, run=["r"])),
    "run of 129 characters": ("run", lambda key, other: asserts(key, run="r" * 129)),
    "run of another issuer": ("run", lambda key, other: asserts(key, run="partner/r-1")),
    "another agent": ("agent claim", lambda key, other: asserts(key, agent="other-bot")),
    "agent is a list": ("agent claim", lambda key, other: asserts(key, agent=["bot"])),
    "another tenant": ("tenant claim", lambda key, other: asserts(key, tenant="default")),
    "oversized": ("longer", lambda key, other: asserts(key, padding="x" * 8192)),
    "empty": ("well-formed", lambda key, other: ""),
    "a bare name": ("well-formed", lambda key, other: "alice"),
    "two in one line": ("well-formed", lambda key, other: f"{asserts(key)}, {asserts(key)}"),
    "not ASCII": ("well-formed", lambda key, other: asserts(key) + "é"),
}


@pytest.mark.parametrize(("said", "forge"), FORGED.values(), ids=FORGED.keys())
async def test_a_forged_or_unfit_assertion_is_unauthenticated(callers, arrival, key, other_key, said, forge):
    assert said in await why(callers, arrival(KEYS["bot"], None, forge(key, other_key)))


async def test_an_assertion_is_taken_once_until_it_is_worth_nothing_anyway(callers, arrival, clock, key):
    once = arrival(KEYS["bot"], None, asserts(key, jti="once"))
    await callers.prove(once)
    for _ in range(2):
        assert "used before" in await why(callers, once)
    assert "used before" in await why(callers, arrival(KEYS["bot"], None, asserts(key, jti="once", sub="bob")))
    clock.at += 64.9
    assert "used before" in await why(callers, once)
    clock.at += 0.1
    assert "expired" in await why(callers, once)


async def test_what_is_refused_for_another_reason_was_not_used(callers, arrival, clock, key):
    early = arrival(KEYS["bot"], None, asserts(key, jti="early", nbf=START + 10))
    assert "not valid yet" in await why(callers, early)
    clock.at += 6
    assert (await callers.prove(early)).user == "alice"


async def test_two_peers_may_use_the_same_jti(room, section, server, arrival, key):
    two = section()
    two["peers"].append({**two["peers"][0], "id": "second"})
    callers = room(two)
    for peer in ("runtime", "second"):
        principal = await callers.prove(arrival(KEYS["bot"], None, asserts(key, iss=peer, jti="same")))
        assert principal.user_proof == f"peer:{peer}"


async def test_an_issuer_and_a_peer_of_one_id_cannot_sign_for_each_other(
    room, section, elsewhere, arrival, key, other_key
):
    callers = room(section(id="main", jwks=elsewhere.url))
    token, assertion = key.signs(sub="bot"), asserts(other_key, iss="main")
    assert (await callers.prove(arrival(token, None, assertion))).user_proof == "peer:main"
    assert "no such key" in await why(callers, arrival(other_key.signs()))
    assert "no such key" in await why(callers, arrival(token, None, asserts(key, iss="main")))


async def test_what_was_signed_before_the_memory_began_is_refused(room, section, arrival, clock, key):
    callers = room(section(), remembers_since=START + 10.7)
    clock.at += 11
    for issued in (START, START + 9):
        assert "before this gateway started" in await why(callers, arrival(KEYS["bot"], None, asserts(key, iat=issued)))
    await callers.prove(arrival(KEYS["bot"], None, asserts(key, iat=START + 10)))


async def test_a_full_memory_refuses_rather_than_to_take_one_twice(room, section, arrival, clock, key):
    callers = room(section(), seen=Seen(clock, most=1))
    await callers.prove(arrival(KEYS["bot"], None, asserts(key)))
    with pytest.raises(Refused) as refused:
        await callers.prove(arrival(KEYS["bot"], None, asserts(key)))
    assert refused.value.refusal.reason is Reason.STORE_UNAVAILABLE


async def test_a_credential_that_proves_a_user_cannot_act_for_a_second_one(callers, arrival, key):
    for user in ("alice", "bob"):
        for credential in (KEYS["human"], key.signs(sub="bob")):
            said = await why(callers, arrival(credential, None, asserts(key, sub=user)))
            assert "proves a user already" in said


async def test_an_agent_that_is_no_peers_is_refused_and_never_served_as_a_machine(callers, arrival, key):
    assert "may not speak" in await why(callers, arrival(KEYS["other"], None, asserts(key)))


async def test_an_assertion_is_no_credential_and_needs_one(room, section, callers, arrival, key):
    assert "No credential" in await why(callers, arrival(None, None, asserts(key)))
    assert "issuer" in await why(callers, arrival(asserts(key)))
    assert "typ" in await why(callers, arrival(asserts(key, iss="https://id.example", aud="gw", client_id="bot")))
    open_house = room({**section(), "anonymous": {"agent": "bot"}})
    assert "without a credential" in await why(open_house, arrival(None, None, asserts(key)))


async def test_where_no_peer_is_trusted_an_assertion_is_refused_and_not_passed_over(room, section, arrival, key):
    callers = room({**section(), "peers": []})
    assert "no peer is trusted" in await why(callers, arrival(KEYS["bot"], None, asserts(key)))


async def test_the_endpoint_must_be_the_agents_before_an_assertion_is_looked_at(callers, arrival, key):
    assertion = asserts(key)
    with pytest.raises(Refused) as refused:
        await callers.prove(arrival(KEYS["bot"], "other-bot", assertion))
    assert refused.value.refusal.reason is Reason.AGENT_MISMATCH
    await callers.prove(arrival(KEYS["bot"], "bot", assertion))


async def test_a_peer_rotates_its_keys_without_a_failed_call(callers, arrival, server, key, other_key):
    await callers.prove(arrival(KEYS["bot"], None, asserts(key)))
    server.serves(key, other_key)
    await callers.prove(arrival(KEYS["bot"], None, asserts(other_key)))
