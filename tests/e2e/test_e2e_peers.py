"""A trusted peer that multiplexes users: policy decides for each of them, and no forged or replayed word moves anything."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from e2e_clients import together, under_load
from e2e_issuer import Issuer, SigningKey
from e2e_kit import HTTP, Gateway, HelpDesk, api_key, outcome, structured, wait_for
from e2e_runtime import HEADER, KIND, Runtime, journal, runtime_config
from test_e2e_tokens import forged, hs256

from gateway.clock import SystemClock

TICKET = "helpdesk_ticket_get"
REFUND = "helpdesk_refund_create"


@dataclass(frozen=True)
class Office:
    """One gateway and two peers: `runtime` behind a URL, `batch` in a file; and a key that proves a user itself."""

    gateway: Gateway
    helpdesk: HelpDesk
    runtime: Runtime
    batch: Runtime
    ops: str
    human: str

    def call(self, user: str, name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        runtime = more.pop("by", self.runtime)
        headers = {**runtime.acting(user)["headers"], **more.pop("headers", {})}
        return self.gateway.call(runtime.credential, name, arguments, headers=headers, **more)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, helpdesk: HelpDesk) -> Iterator[Office]:
    folder, server = tmp_path_factory.mktemp("peers"), Issuer("runtime")
    runtime, batch = Runtime("runtime", folder, server), Runtime("batch", folder)
    (ops, ops_entry), (human, human_entry) = api_key("ops", "ops-bot", None), api_key("human", "support-bot", "bob")
    gateway = Gateway(folder, runtime_config(helpdesk.url, runtime, batch, keys=(ops_entry, human_entry)))
    gateway.start()
    yield Office(gateway, helpdesk, runtime, batch, ops, human)
    gateway.stop()
    server.close()


def test_policy_decides_for_the_user_of_each_call_and_the_record_says_who_vouched(office: Office) -> None:
    refund = {"order_id": 7, "amount_cents": 10_001, "reason": "multiplexed"}
    assert structured(office.call("alice", TICKET, {"id": 1}))["id"] == 1
    assert outcome(office.call("alice", REFUND, refund))["reason"] == "policy-denied"
    made = structured(office.call("bob", REFUND, {**refund, "amount_cents": 5}))
    assert outcome(office.call("alice", "helpdesk_refund_approve", {"id": made["id"]}))["reason"] == "unknown-tool"
    assert structured(office.call("bob", "helpdesk_refund_approve", {"id": made["id"]}, by=office.batch))["id"]
    assert office.gateway.rpc(office.runtime.credential, "tools/list").json()["result"]["tools"] == []

    said = [
        (one["user"], one["agent"], one["agent_proof"], one["user_proof"], one["outcome"])
        for one in office.gateway.records(kind="call", agent="support-bot", order="oldest")
    ]
    runtime = ("support-bot", "key:runtime-key", "peer:runtime")
    assert said == [
        ("alice", *runtime, "answered"),
        ("alice", *runtime, "refused"),
        ("bob", *runtime, "answered"),
        ("alice", *runtime, "refused"),
        ("bob", "support-bot", "key:batch-key", "peer:batch", "answered"),
    ]


def bad(office: Office) -> list[tuple[str, str, str]]:
    """(what the record says, assertion, credential)"""
    peer, now = office.runtime, int(SystemClock().now())
    stranger = SigningKey(peer.key.kid)
    used = peer.asserts()
    office.gateway.rpc(peer.credential, "tools/list", headers={HEADER: used})
    header, claims = {"alg": "none", "typ": KIND, "kid": peer.key.kid}, peer.claims()
    pem = peer.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    confused = hs256(peer.key, claims)
    by_peer = [
        ("signature", peer.asserts(key=stranger)),
        ("signature", peer.asserts(key=stranger, headers={"jwk": stranger.public})),
        ("no such key", peer.asserts(key=SigningKey("../../etc/passwd"))),
        ("algorithm", forged(header, claims, b"")),
        ("algorithm", forged({**header, "alg": "HS256"}, claims, b"x" * 32)),
        ("algorithm", confused),
        ("typ", peer.asserts(headers={"typ": "JWT"})),
        ("audience", peer.asserts(aud="somebody-else")),
        ("issuer", peer.asserts(iss="https://runtime.example")),
        ("signature", peer.asserts(iss="batch", headers={"kid": "batch-1"})),
        ("expired", peer.asserts(iat=now - 60, exp=now - 6)),
        ("not valid yet", peer.asserts(iat=now + 20, exp=now + 60)),
        ("within 1m", peer.asserts(exp=now + 3600)),
        ("jti", peer.asserts(jti=None)),
        ("used before", used),
        ("slash", peer.asserts("partner/alice")),
        ("agent claim", peer.asserts(agent="ops-bot")),
        ("tenant claim", peer.asserts(tenant="acme")),
        ("well-formed", "alice"),
        ("well-formed", ""),
        ("well-formed", json.dumps({"sub": "alice", "key": pem[:20]})),
    ]
    return [
        *((why, assertion, peer.credential) for why, assertion in by_peer),
        ("may not speak", peer.asserts(), office.ops),
        ("proves a user already", peer.asserts("bob"), office.human),
        ("nor are tokens accepted", "", peer.asserts()),
    ]


def test_a_forged_replayed_or_misplaced_assertion_is_401_moves_nothing_and_leaves_one_record(office: Office) -> None:
    gateway, rows = office.gateway, bad(office)
    before, refunds = len(gateway.records(reason="unauthenticated")), office.helpdesk.count("refunds")
    order = {"order_id": 7, "amount_cents": 7, "reason": "forged"}

    def tried(assertion: str, credential: str) -> Any:
        headers = {HEADER: assertion} if credential != rows[-1][2] else {}
        return gateway.rpc(credential, "tools/call", {"name": REFUND, "arguments": order}, headers=headers)

    answers = [tried(assertion, credential) for _, assertion, credential in rows]

    assert {answer.status_code for answer in answers} == {401}
    records = gateway.records(reason="unauthenticated", order="oldest")[before:]
    assert [why for (why, *_), one in zip(rows, records, strict=True) if why not in one["detail"]] == []
    assert office.helpdesk.count("refunds") == refunds
    written = journal(gateway) + gateway.log.read_bytes() + b"".join(answer.content for answer in answers)
    parts = {part for _, assertion, credential in rows for one in (assertion, credential) for part in one.split(".")}
    assert [part for part in parts if len(part) > 20 and part.encode() in written] == []


def test_of_many_copies_of_one_assertion_exactly_one_is_served(office: Office) -> None:
    peer, assertion = office.runtime, office.runtime.asserts()
    answers = together([partial(office.gateway.rpc, peer.credential, "tools/list", headers={HEADER: assertion})] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


def test_a_retry_with_a_new_assertion_is_the_same_call_and_of_another_user_is_not(office: Office) -> None:
    order = {"order_id": 7, "amount_cents": 11, "reason": "retried"}
    before, key = office.helpdesk.count("refunds"), {"headers": {"Idempotency-Key": "once-and-for-all"}}
    first, again = (structured(office.call("alice", REFUND, order, **key)) for _ in range(2))
    other = structured(office.call("bob", REFUND, order, **key))
    assert (first["id"], first["id"] == other["id"]) == (again["id"], False)
    assert office.helpdesk.count("refunds") == before + 2


def test_a_legacy_session_is_one_users_and_each_of_its_requests_is_vouched_for(office: Office) -> None:
    peer = office.runtime

    def post(user: str | None, method: str, params: dict[str, Any], session: str | None = None) -> Any:
        headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {peer.credential}"}
        headers |= {"Mcp-Session-Id": session} if session else {}
        headers |= {HEADER: peer.asserts(user)} if user else {}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return HTTP.post(office.gateway.url + "/mcp", headers=headers, json=body)

    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "runtime", "version": "1"}}
    session = post("alice", "initialize", hello).headers["Mcp-Session-Id"]
    assert [post(user, "tools/list", {}, session).status_code for user in ("alice", "bob", None, "alice")] == [
        200,
        404,
        404,
        200,
    ]


@pytest.mark.parametrize("which", ["runtime", "batch"])
def test_a_peer_rotates_its_keys_under_load_and_no_call_fails(office: Office, which: str) -> None:
    gateway, peer = office.gateway, getattr(office, which)

    def call() -> int:
        return gateway.rpc(peer.credential, "tools/list", headers={HEADER: peer.asserts()}).status_code

    with under_load(call) as statuses:
        for turn in range(3):
            newest = SigningKey(f"{which}-turn-{turn}")
            peer.publish(peer.key, newest)
            peer.key, served = newest, len(statuses)
            wait_for(lambda before=served: len(statuses) > before + 12, "calls with the new key", 10)
    assert set(statuses) == {200}


def test_what_was_used_before_a_crash_is_not_taken_after_it(
    tmp_path: Path, helpdesk: HelpDesk, new_gateway: Any
) -> None:
    peer = Runtime("batch", tmp_path)
    gateway = new_gateway(runtime_config(helpdesk.url, peer))
    now = SystemClock().now()

    def served(assertion: str) -> int:
        return gateway.rpc(peer.credential, "tools/list", headers={HEADER: assertion}).status_code

    gateway.stop(SIGKILL)
    before = peer.asserts(iat=now - 2, exp=now + 50)
    gateway.start()
    assert served(before) == 401
    assert "before this gateway started" in gateway.records(reason="unauthenticated")[0]["detail"]
    wait_for(lambda: served(peer.asserts()) == 200, "an assertion of this moment", 5)


def test_a_start_with_a_peer_that_cannot_be_right_is_refused_in_words(tmp_path: Path, helpdesk: HelpDesk) -> None:
    peer = Runtime("batch", tmp_path)
    config = runtime_config(helpdesk.url, peer)
    config["identity"]["peers"][0] |= {"agents": ["support-bot", "no-such-bot"]}
    peer.file.unlink()
    gateway = Gateway(tmp_path, config)
    gateway.start(ready=False)
    assert gateway.process is not None
    assert gateway.process.wait(20) != 0
    said = gateway.log.read_text(encoding="utf-8")
    assert "identity.peers.batch.agents: there is no agent no-such-bot: add it" in said
    assert "identity.peers.batch.keys: batch.jwks cannot be read (No such file or directory)" in said
