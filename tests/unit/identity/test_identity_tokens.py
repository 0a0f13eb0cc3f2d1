"""Tokens under attack: each forgery is refused, each honest token proves exactly who it says."""

import json
from dataclasses import replace

import jwt
import pytest
from identity_forge import hmac_signed, pem, segment, tampered

from gateway.identity.claims import LEEWAY_S
from gateway.model.refusal import Reason, Refused

START = 1_800_000_000.0


FORGED = {
    "alg none": lambda key, other: jwt.encode(
        jwt.decode(key.signs(), options={"verify_signature": False}), None, "none"
    ),
    "alg none, signature kept": lambda key, other: f"{segment({'alg': 'none'})}.{key.signs().split('.', 1)[1]}",
    "HS256 with the public key": lambda key, other: hmac_signed(key.signs(), pem(key)),
    "HS256 with the JWK": lambda key, other: hmac_signed(key.signs(), json.dumps(key.public).encode()),
    "another key": lambda key, other: other.signs({"kid": "one"}),
    "another key, its own kid": lambda key, other: other.signs(),
    "another key in the header": lambda key, other: other.signs({"kid": "one", "jwk": other.public}),
    "changed user": lambda key, other: tampered(key.signs(), sub="root"),
    "no signature": lambda key, other: key.signs().rpartition(".")[0] + ".",
    "wrong audience": lambda key, other: key.signs(aud="gw2"),
    "no audience": lambda key, other: key.signs(aud=None),
    "audience as a prefix": lambda key, other: key.signs(aud="gw/other"),
    "unknown issuer": lambda key, other: key.signs(iss="https://evil.example"),
    "issuer with a slash": lambda key, other: key.signs(iss="https://id.example/"),
    "issuer in capitals": lambda key, other: key.signs(iss="https://ID.example"),
    "no issuer": lambda key, other: key.signs(iss=None),
    "expired": lambda key, other: key.signs(exp=START),
    "no expiry": lambda key, other: key.signs(exp=None),
    "expiry is text": lambda key, other: key.signs(exp="2999-01-01"),
    "expiry is true": lambda key, other: key.signs(exp=True),
    "expiry is endless": lambda key, other: key.signs(exp=float("inf")),
    "expiry is no number": lambda key, other: key.signs(exp=float("nan")),
    "expiry of 400 digits": lambda key, other: key.signs(exp=10**400),
    "not valid yet": lambda key, other: key.signs(nbf=START + LEEWAY_S + 1),
    "issued in the future": lambda key, other: key.signs(iat=START + LEEWAY_S + 1),
    "issued at true": lambda key, other: key.signs(iat=True),
    "kid is a path": lambda key, other: other.signs({"kid": "../../../../dev/null"}),
    "kid is a URL": lambda key, other: other.signs({"kid": "http://127.0.0.1:9/jwks"}),
    "kid is SQL": lambda key, other: other.signs({"kid": "x' UNION SELECT 'k"}),
    "kid is long": lambda key, other: other.signs({"kid": "k" * 300}),
    "kid is a number": lambda key, other: f"{segment({'alg': 'ES256', 'kid': 1})}.{key.signs().split('.', 1)[1]}",
    "header is a list": lambda key, other: f"{segment([])}.{key.signs().split('.', 1)[1]}",
    "ID token type": lambda key, other: key.signs({"typ": "id+jwt"}),
    "logout token type": lambda key, other: key.signs({"typ": "logout+jwt"}),
    "unknown critical header": lambda key, other: key.signs({"crit": ["x"], "x": 1}),
    "oversized": lambda key, other: key.signs(padding="x" * 8192),
    "no user": lambda key, other: key.signs(sub=None),
    "empty user": lambda key, other: key.signs(sub=""),
    "user with a line break": lambda key, other: key.signs(sub="alice\nrole:admin"),
    "user with an override mark": lambda key, other: key.signs(sub="a\u202elice"),
    "user of 257 characters": lambda key, other: key.signs(sub="x" * 257),
    "user is a number": lambda key, other: key.signs(sub=7),
    "no agent": lambda key, other: key.signs(client_id=None),
    "unknown agent": lambda key, other: key.signs(client_id="stranger"),
    "agent is a list": lambda key, other: key.signs(client_id=["bot"]),
    "actor without a name": lambda key, other: key.signs(act={}),
    "actor is text": lambda key, other: key.signs(act="bot"),
    "unknown actor": lambda key, other: key.signs(act={"sub": "stranger"}),
    "run is a number": lambda key, other: key.signs(run=7),
    "run is empty": lambda key, other: key.signs(run=""),
    "run of 129 characters": lambda key, other: key.signs(run="r" * 129),
    "run with a line break": lambda key, other: key.signs(run="a\nb"),
    "four segments": lambda key, other: key.signs() + ".x",
    "two segments": lambda key, other: "a.b",
    "not base64": lambda key, other: "!.!.!",
    "not ASCII": lambda key, other: key.signs() + "é",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_or_unfit_token_is_unauthenticated(room, an_issuer, arrival, key, other_key, forge):
    callers = room({"issuers": [an_issuer()]})
    assert (await callers.prove(arrival(key.signs()))).user == "alice"
    token = forge(key, other_key)
    with pytest.raises(Refused) as refused:
        await callers.prove(arrival(token))
    assert refused.value.refusal.reason is Reason.UNAUTHENTICATED
    assert token not in refused.value.refusal.detail


HONEST = {
    "client_id": ({}, "bot", "client_id"),
    "azp": ({"client_id": None, "azp": "bot"}, "bot", "azp"),
    "client_id before azp": ({"azp": "other-bot"}, "bot", "client_id"),
    "act.sub before client_id": ({"act": {"sub": "other-bot", "act": {"sub": "bot"}}}, "other-bot", "act.sub"),
    "mapped": ({"client_id": "0oa81"}, "bot", "client_id"),
}


@pytest.mark.parametrize(("said", "agent", "claim"), HONEST.values(), ids=HONEST.keys())
async def test_the_agent_is_the_actor_else_the_client(room, an_issuer, arrival, key, said, agent, claim):
    callers = room({"issuers": [an_issuer(agents={"0oa81": "bot"})]})
    principal = await callers.prove(arrival(key.signs(**said)))
    assert (principal.agent, principal.agent_proof) == (agent, f"jwt:main:{claim}")
    assert (principal.user, principal.user_proof, principal.tenant) == ("alice", "jwt:main:sub", "default")


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_access_token_types_are_accepted(room, an_issuer, arrival, key, kind):
    assert (await room({"issuers": [an_issuer()]}).prove(arrival(key.signs({"typ": kind})))).user == "alice"


async def test_an_audience_among_several_is_enough(room, an_issuer, arrival, key):
    await room({"issuers": [an_issuer()]}).prove(arrival(key.signs(aud=["other", "gw"])))


async def test_a_token_of_a_machine_has_no_user(room, an_issuer, arrival, key):
    principal = await room({"issuers": [an_issuer()]}).prove(arrival(key.signs(sub="bot")))
    assert (principal.user, principal.user_proof, principal.subject) == (None, None, "agent:bot")


async def test_a_user_named_like_a_role_is_a_user(room, an_issuer, arrival, key):
    principal = await room({"issuers": [an_issuer()]}).prove(arrival(key.signs(sub="role:admin")))
    assert principal.subject == "user:role:admin"


async def test_the_same_sub_of_two_issuers_is_two_users(room, an_issuer, arrival, key):
    second = an_issuer("partner") | {"issuer": "https://partner.example"}
    callers = room({"issuers": [an_issuer(), second]})
    users = [
        (await callers.prove(arrival(key.signs(iss=iss)))).user
        for iss in ("https://id.example", "https://partner.example")
    ]
    assert users == ["alice", "partner/alice"]


async def test_the_first_issuer_cannot_name_a_user_of_the_second(room, an_issuer, arrival, key):
    second = an_issuer("partner") | {"issuer": "https://partner.example"}
    callers = room({"issuers": [an_issuer(), second]})
    with pytest.raises(Refused, match="another issuer"):
        await callers.prove(arrival(key.signs(sub="partner/alice")))
    assert (await callers.prove(arrival(key.signs(sub="staff/alice")))).user == "staff/alice"


async def test_one_issuers_token_is_not_checked_with_anothers_algorithms(room, an_issuer, arrival, key):
    callers = room({"issuers": [an_issuer(algorithms=["RS256"])]})
    with pytest.raises(Refused, match="algorithm"):
        await callers.prove(arrival(key.signs()))


async def test_rsa_tokens_are_verified(room, an_issuer, arrival, server, rsa_key):
    server.serves(rsa_key)
    assert (await room({"issuers": [an_issuer()]}).prove(arrival(rsa_key.signs()))).user == "alice"


async def test_tenant_and_roles_come_from_the_claims_named(room, an_issuer, arrival, key):
    issuer = an_issuer(claims={"tenant": "tid"}, roles_claim="https://gw/roles")
    callers = room({"issuers": [issuer]})
    principal = await callers.prove(arrival(key.signs(tid="acme", **{"https://gw/roles": ["support", "lead"]})))
    assert (principal.tenant, principal.roles) == ("acme", {"support", "lead"})
    assert (await callers.prove(arrival(key.signs(tid="acme")))).roles == frozenset()


@pytest.mark.parametrize(
    "said", [{}, {"tid": ""}, {"tid": 5}, {"tid": "a", "groups": {"a": 1}}, {"tid": "a", "groups": ["x\n"]},
             {"tid": "a", "groups": ["r"] * 101}],
)  # fmt: skip
async def test_a_missing_tenant_or_unreadable_roles_prove_nobody(room, an_issuer, arrival, key, said):
    callers = room({"issuers": [an_issuer(claims={"tenant": "tid"}, roles_claim="groups")]})
    with pytest.raises(Refused):
        await callers.prove(arrival(key.signs(**said)))


async def test_roles_are_not_read_unless_the_issuer_was_given_a_claim_for_them(room, an_issuer, arrival, key):
    principal = await room({"issuers": [an_issuer()]}).prove(arrival(key.signs(roles=["admin"])))
    assert principal.roles == frozenset()


async def test_a_verified_token_is_remembered_until_it_expires(room, an_issuer, arrival, clock, key, server):
    callers, token = room({"issuers": [an_issuer()]}), key.signs(exp=START + 60)
    principal = await callers.prove(arrival(token))
    assert await callers.prove(arrival(token)) is principal
    clock.at = START + 60
    with pytest.raises(Refused, match="expired"):
        await callers.prove(arrival(token))
    assert server.asked == 1


async def test_the_memo_of_tokens_is_bounded(room, an_issuer, arrival, key, monkeypatch):
    monkeypatch.setattr("gateway.identity.tokens._MOST_KEPT", 3)
    callers = room({"issuers": [an_issuer()]})
    for number in range(6):
        await callers.prove(arrival(key.signs(jti=str(number))))
    assert len(callers._tokens._kept) == 3


async def test_the_endpoint_is_checked_for_tokens_as_well(room, an_issuer, arrival, key):
    callers = room({"issuers": [an_issuer()]})
    with pytest.raises(Refused) as refused:
        await callers.prove(arrival(key.signs(), "other-bot"))
    assert refused.value.refusal.reason is Reason.AGENT_MISMATCH


async def test_nothing_but_the_credential_is_believed(room, an_issuer, arrival, key):
    callers, asked = room({"issuers": [an_issuer()]}), arrival(key.signs())
    assert await callers.prove(replace(asked, peer="10.0.0.1")) == await callers.prove(asked)


async def test_a_run_is_proven_by_the_claim_the_operator_names_and_by_nothing_else(room, an_issuer, arrival, key):
    plain, named = room({"issuers": [an_issuer()]}), room({"issuers": [an_issuer(claims={"run": "act.run"})]})
    assert (await plain.prove(arrival(key.signs()))).run is None
    assert (await plain.prove(arrival(key.signs(run="r" * 128)))).run == "r" * 128
    assert (await named.prove(arrival(key.signs(run="other")))).run is None
    assert (await named.prove(arrival(key.signs(act={"sub": "bot", "run": "r-1"})))).run == "r-1"


async def test_the_same_run_of_two_issuers_is_two_runs(room, an_issuer, arrival, key):
    second = an_issuer("partner") | {"issuer": "https://partner.example"}
    callers = room({"issuers": [an_issuer(), second]})
    partner = key.signs(iss="https://partner.example", run="r-1")
    runs = [(await callers.prove(arrival(token))).run for token in (key.signs(run="r-1"), partner)]
    assert runs == ["r-1", "partner/r-1"]
    with pytest.raises(Refused):
        await callers.prove(arrival(key.signs(run="partner/r-1")))
    long = key.signs(iss="https://partner.example", run="r" * 121)
    with pytest.raises(Refused, match="run claim is too long"):
        await callers.prove(arrival(long))
