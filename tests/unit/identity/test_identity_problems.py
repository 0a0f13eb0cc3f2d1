"""Load errors of the identity section."""

import pytest

from gateway.config.schema import Identity
from gateway.identity.problems import problems

KEY = {"id": "a", "hash": "sha256:" + "0" * 64, "agent": "bot"}
ISSUER = {"id": "main", "issuer": "https://id.example", "audience": "gw", "jwks": "https://id.example/jwks"}


def found(**section):
    return problems(Identity.model_validate(section), {"bot"})


def test_a_sound_section_has_no_problem():
    key = {**KEY, "expires": "2027-01-31T12:00:00Z", "user": "alice"}
    assert found(keys=[key], issuers=[{**ISSUER, "agents": {"x": "bot"}}], anonymous={"agent": "bot"}) == []


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"keys": [{**KEY, "agent": "stranger"}]}, "identity.keys.a.agent"),
        ({"keys": [{**KEY, "user": "a\nb"}]}, "identity.keys.a.user"),
        ({"keys": [{**KEY, "tenant": ""}]}, "identity.keys.a.tenant"),
        ({"keys": [{**KEY, "expires": "soon"}]}, "identity.keys.a.expires"),
        ({"keys": [{**KEY, "expires": "2027-01-31T12:00:00"}]}, "identity.keys.a.expires"),
        ({"keys": [KEY, {**KEY, "hash": "sha256:" + "1" * 64}]}, "identity.keys: the id a"),
        ({"keys": [KEY, {**KEY, "id": "b"}]}, "identity.keys: the hash"),
        ({"anonymous": {"agent": "stranger"}}, "identity.anonymous.agent"),
        ({"issuers": [{**ISSUER, "agents": {"x": "stranger"}}]}, "identity.issuers.main.agents.x"),
        ({"issuers": [{**ISSUER, "jwks": "file:///etc/passwd"}]}, "identity.issuers.main.jwks"),
        ({"issuers": [{**ISSUER, "algorithms": []}]}, "identity.issuers.main.algorithms"),
        ({"issuers": [ISSUER, {**ISSUER, "id": "b"}]}, "identity.issuers: the issuer https://id.example"),
        ({"issuers": [ISSUER, {**ISSUER, "issuer": "https://b"}]}, "identity.issuers: the id main"),
    ],
)
def test_each_fault_is_named_with_its_place(section, where):
    (problem,) = found(**section)
    assert problem.startswith(where)
