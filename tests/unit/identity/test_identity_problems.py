"""Load errors of the identity section."""

import json

import pytest

from gateway.config.schema import Identity
from gateway.identity.problems import file_problems, problems

KEY = {"id": "a", "hash": "sha256:" + "0" * 64, "agent": "bot"}
ISSUER = {"id": "main", "issuer": "https://id.example", "audience": "gw", "jwks": "https://id.example/jwks"}
PEER = {"id": "runtime", "jwks": "https://runtime.example/jwks", "agents": ["bot"]}


def found(**section):
    return problems(Identity.model_validate(section), {"bot"})


def test_a_sound_section_has_no_problem():
    key = {**KEY, "expires": "2027-01-31T12:00:00Z", "user": "alice"}
    issuer, anonymous = {**ISSUER, "agents": {"x": "bot"}}, {"agent": "bot"}
    assert found(keys=[key], issuers=[issuer], peers=[PEER], anonymous=anonymous) == []


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
        (
            {"peers": [{**PEER, "agents": ["bot", "stranger"]}]},
            "identity.peers.runtime.agents: there is no agent stranger",
        ),
        ({"peers": [{**PEER, "agents": []}]}, "identity.peers.runtime.agents: is empty"),
        ({"peers": [{**PEER, "jwks": "file:///etc/passwd"}]}, "identity.peers.runtime.jwks"),
        ({"peers": [{**PEER, "algorithms": []}]}, "identity.peers.runtime.algorithms"),
        ({"peers": [{**PEER, "max_age": "1h"}]}, "identity.peers.runtime.max_age"),
        ({"peers": [PEER, PEER]}, "identity.peers: the id runtime"),
    ],
)
def test_each_fault_is_named_with_its_place(section, where):
    (problem,) = found(**section)
    assert problem.startswith(where)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{", "is no key set (not JSON)"),
        ("[]", "is no key set (not a set of at most 100 keys)"),
        ('{"keys": []}', "holds no key for RS256, ES256, EdDSA"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "holds no key for RS256, ES256, EdDSA"),
        ('{"keys": ["' + "x" * 256 * 1024 + '"]}', "is no key set (more than 262144 bytes)"),
    ],
    ids=["missing", "half", "list", "empty", "secret", "huge"],
)
def test_a_key_file_that_cannot_be_used_is_named_with_its_reason(tmp_path, key, written, said):
    section = Identity.model_validate({"peers": [{"id": "runtime", "keys": "runtime.jwks", "agents": ["bot"]}]})
    path = tmp_path / "runtime.jwks"
    path.write_text(json.dumps({"keys": [key.public]}))
    assert list(file_problems(section, tmp_path)) == []
    path.unlink()
    if written is not None:
        path.write_text(written)
    (problem,) = file_problems(section, tmp_path)
    assert problem.startswith(f"identity.peers.runtime.keys: runtime.jwks {said}: ")
