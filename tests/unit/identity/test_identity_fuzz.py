"""Whatever stands in a rightly signed assertion, or in the header instead of one: a user, or a plain no."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.api_jws import PyJWS

from gateway.config.schema import Peer
from gateway.identity.claims import Unproven
from gateway.identity.jwks import KeySets
from gateway.identity.names import safe
from gateway.identity.peers import Peers
from gateway.identity.seen import Seen
from gateway.model.principal import Principal

START = 1_800_000_000
AGENT = Principal("acme", "bot", "key:bot")
HONEST = {"iss": "runtime", "aud": "sallyport", "sub": "alice", "iat": START, "exp": START + 60, "jti": "n"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIMS = st.dictionaries(st.sampled_from([*HONEST, "nbf", "agent", "tenant", "act"]), ANYTHING, max_size=3)
HEADERS = st.dictionaries(st.sampled_from(["typ", "kid", "crit", "b64", "jwk", "cty"]), ANYTHING, max_size=2)
NOTED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def peers(tmp_path, clock, tasks, key):
    (tmp_path / "runtime.jwks").write_text(json.dumps({"keys": [key.public]}))
    peer = Peer.model_validate({"id": "runtime", "keys": "runtime.jwks", "agents": ["bot"]})
    return lambda: Peers([peer], KeySets([peer], None, clock, tasks, tmp_path), Seen(clock), clock)


async def heard(peers, assertion):
    try:
        principal = await peers.acting(AGENT, assertion)
    except Unproven:
        return
    assert safe(principal.user)
    assert (principal.tenant, principal.agent, principal.user_proof) == ("acme", "bot", "peer:runtime")


@NOTED
@given(CLAIMS, HEADERS)
async def test_signed_nonsense_is_a_user_or_a_no(peers, key, claims, headers):
    head = {"typ": "sallyport-user+jwt", "kid": "one", **headers}
    try:
        signed = PyJWS().encode(json.dumps({**HONEST, **claims}).encode(), key.private, "ES256", head)
    except Exception:
        return  # the library signs no such header
    await heard(peers(), signed)


@NOTED
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_=-]{0,20}(\.[A-Za-z0-9_=-]{0,20}){1,3}", fullmatch=True))
async def test_nonsense_in_the_header_is_a_no(peers, text):
    with pytest.raises(Unproven):
        await peers().acting(AGENT, text)
