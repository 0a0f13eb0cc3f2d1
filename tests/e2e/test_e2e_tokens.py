"""JWTs of a local issuer: who is let in, who is not, and what a key server can do to the calls."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from e2e_clients import under_load
from e2e_issuer import Issuer, SigningKey
from e2e_kit import Gateway, HelpDesk, api_key, helpdesk_config, structured, wait_for

from gateway.clock import SystemClock

TICKET = "helpdesk_ticket_get"


@dataclass(frozen=True)
class Office:
    """One gateway and the issuers it believes; the first one's users are users, the others' are their own."""

    gateway: Gateway
    main: Issuer
    other: Issuer
    slow: Issuer
    dying: Issuer
    rsa: SigningKey
    alice: str


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, helpdesk: HelpDesk) -> Iterator[Office]:
    rsa = SigningKey("rsa-1", "RS256")
    issuers = {name: Issuer(name, SigningKey("ed-1")) for name in ("main", "other", "slow", "dying")}
    issuers["main"].keys.append(rsa)
    alice, entry = api_key("alice-key", "support-bot", "alice")
    config = helpdesk_config(helpdesk.url, [entry])
    config["identity"]["issuers"] = [issuer.section(name) for name, issuer in issuers.items()]
    gateway = Gateway(tmp_path_factory.mktemp("office"), config)
    gateway.start()
    yield Office(gateway, rsa=rsa, alice=alice, **issuers)
    gateway.stop()
    for issuer in issuers.values():
        issuer.close()


def test_a_token_proves_agent_and_user_and_nothing_forged_does(
    office: Office,
) -> None:
    gateway, main = office.gateway, office.main

    for good in (main.token(), main.token(office.rsa), main.token(act=None, client_id="support-bot")):
        assert structured(gateway.call(good, TICKET, {"id": 1}))["id"] == 1
    record = gateway.records(kind="call", agent="support-bot", order="oldest", limit="1")[0]
    assert record["agent"] == "support-bot"
    assert record["agent_proof"] == "jwt:main:act.sub"
    assert record["user"] == "alice"
    assert record["user_proof"] == "jwt:main:sub"

    stranger = SigningKey("ed-1")
    now = int(SystemClock().now())
    unsigned, signed, claims = {"alg": "none", "typ": "JWT"}, {"alg": "None", "kid": "rsa-1"}, main.claims()
    bad = [
        ("audience", main.token(aud="somebody-else")),
        ("iss, aud and exp are required", main.token(aud=None)),
        ("issuer", main.token(iss="https://main.example/")),
        ("signature", main.token(iss=office.other.name)),
        ("expired", main.token(exp=now - 1)),
        ("iss, aud and exp are required", main.token(exp=None)),
        ("not valid yet", main.token(nbf=now + 120)),
        ("names no agent", main.token(act=None)),
        ("act claim", main.token(act={}, client_id="support-bot")),
        ("not configured", main.token(act={"sub": "nobody-bot"})),
        ("no sub claim", main.token(sub=None)),
        ("signature", main.token(stranger)),
        ("signature", main.token(stranger, headers={"jwk": stranger.public})),
        ("no such key", main.token(SigningKey("../../etc/passwd"))),
        ("algorithm", forged(unsigned, claims, b"")),
        ("not a well-formed token", forged(signed, claims, None)),
        ("algorithm", hs256(office.rsa, claims)),
        ("typ", main.token(headers={"typ": "logout+jwt"})),
    ]
    before = len(gateway.records(reason="unauthenticated"))
    answers = [gateway.rpc(token, "tools/list") for _, token in bad]

    assert {answer.status_code for answer in answers} == {401}
    assert all("Bearer" in answer.headers["WWW-Authenticate"] for answer in answers)
    details = [record["detail"] for record in gateway.records(reason="unauthenticated", order="oldest")[before:]]
    assert [why for (why, _), detail in zip(bad, details, strict=True) if why not in detail] == []
    journal = b"".join(path.read_bytes() for path in (gateway.folder / "state/journal").glob("*.log"))
    assert not any(token.encode() in journal for _, token in bad)


def test_a_token_of_another_issuer_or_of_a_machine_has_no_rights_of_the_user_of_that_name(
    office: Office,
) -> None:
    gateway, main, other = office.gateway, office.main, office.other

    def tools(token: str, path: str = "/mcp") -> Any:
        return gateway.rpc(token, "tools/list", path=path).json().get("result", {}).get("tools")

    assert tools(main.token())
    assert tools(other.token()) == []
    assert tools(main.token(act=None, client_id="support-bot", sub="support-bot")) == []
    assert tools(main.token(sub="role:lead")) == []
    assert gateway.rpc(main.token(), "tools/list", path="/agents/ops-bot/mcp").status_code == 403


def test_a_rotation_that_was_announced_fails_no_call_and_neither_does_a_key_server_that_dies(
    office: Office,
) -> None:
    gateway, issuer = office.gateway, office.dying
    old, new = issuer.keys[0], SigningKey("ed-2")
    issuer.keys = [old, new]

    def served(token: str) -> bool:
        return gateway.rpc(token, "tools/list").status_code == 200

    assert served(issuer.token(old))
    issuer.keys = [new]
    assert all(served(issuer.token(new)) for _ in range(5))
    issuer.close()
    assert all(served(issuer.token(new)) for _ in range(5))
    assert issuer.asked == 1
    short = issuer.token(new, exp=SystemClock().now() + 0.8)
    assert served(short)
    wait_for(lambda: not served(short), "the token to expire", 5)


def test_a_rotation_that_nobody_announced_fails_no_call_under_load(office: Office) -> None:
    gateway, issuer = office.gateway, office.other
    signing, asked = [issuer.keys[0]], issuer.asked

    with under_load(lambda: gateway.rpc(issuer.token(signing[-1]), "tools/list").status_code) as statuses:
        for turn in range(3):
            newest = SigningKey(f"turn-{turn}")
            issuer.keys = [signing[-1], newest]
            signing.append(newest)
            served = len(statuses)
            wait_for(lambda before=served: len(statuses) > before + 12, "calls with the new key", 10)
    assert set(statuses) == {200}
    assert issuer.asked <= asked + 3


def test_a_key_server_that_hangs_keeps_nobody_else_waiting(
    office: Office,
) -> None:
    gateway, main, slow = office.gateway, office.main, office.slow
    slow.answering.clear()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gateway.rpc, slow.token(), "tools/list")
        wait_for(lambda: slow.asked, "the key server to be asked", 5)
        for token in (office.alice, main.token(), office.alice, main.token()):
            assert structured(gateway.call(token, TICKET, {"id": 1}))["id"] == 1
        assert not waiting.done()
        slow.answering.set()
        assert waiting.result(10).status_code == 200


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes | None) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return signed if signature is None else f"{signed}.{part(signature)}"


def hs256(key: SigningKey, claims: dict[str, Any]) -> str:
    """Signed with what everybody knows: the public key, taken for a shared secret."""
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = forged({"alg": "HS256", "typ": "JWT", "kid": key.kid}, claims, None)
    digest = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
