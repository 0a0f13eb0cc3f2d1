"""A disk that takes no more: writes fail closed, reads go on, everybody is told, and nothing is lost when it heals."""

import resource
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from e2e_kit import HTTP, Gateway, HelpDesk, api_key, helpdesk_config, outcome, structured, text, wait_for
from e2e_peer import SlowPeer

from gateway.audit.verify import verify

REFUND = {"order_id": 5, "amount_cents": 3, "reason": "a full disk"}


def limit_files(gateway: Gateway, size: int) -> None:
    """No file of the gateway may grow beyond `size` bytes: writing fails as it does on a full disk."""
    assert gateway.process is not None
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_journal_that_cannot_be_written_stops_writes_and_nothing_else(
    helpdesk: HelpDesk, new_gateway: Callable[..., Gateway]
) -> None:
    alice, entry = api_key("alice-key", "support-bot", "alice")
    bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
    config = helpdesk_config(helpdesk.url, [entry, bob_entry])
    config["budgets"] = [{"scope": "user", "window": "day", "limit": 100}]
    gateway = new_gateway(config)
    (journal,) = (gateway.folder / "state/journal").glob("*.log")
    call = partial(gateway.call, alice)

    def health() -> tuple[int, dict[str, str]]:
        answer = HTTP.get(f"{gateway.operator_url}/readyz")
        return answer.status_code, answer.json()

    assert structured(call("helpdesk_refund_create", REFUND))
    before = helpdesk.count("refunds")
    limit_files(gateway, journal.stat().st_size)

    for number in range(3):
        refused = outcome(call("helpdesk_refund_create", {**REFUND, "amount_cents": 10 + number}))
        assert (refused["reason"], refused["executed"], refused["retry"]) == ("audit-unavailable", "no", "after")
        assert structured(call("helpdesk_ticket_get", {"id": number + 1}))["id"] == number + 1
    assert helpdesk.count("refunds") == before
    status, told = health()
    assert status == 503
    assert told["journal"].startswith("cannot be written")
    assert HTTP.get(f"{gateway.operator_url}/livez").status_code == 200
    assert gateway.rpc(alice, "tools/list").status_code == 200

    # Bob's budget of today stands in the audit index, which cannot be brought up to date: strict, and said plainly.
    unsure = outcome(gateway.call(bob, "helpdesk_ticket_get", {"id": 1}))
    assert (unsure["reason"], unsure["executed"]) == ("store-unavailable", "no")
    asked = gateway.operator("GET", "/audit")
    assert (asked.status_code, asked.headers["content-type"]) == (503, "application/problem+json")
    stop = {"kind": "user", "target": "alice"}
    stopped = gateway.operator("POST", "/kill", json={**stop, "why": "the disk is full"})
    assert stopped.status_code == 503
    assert "a restart would lift it" in stopped.json()["detail"]
    assert outcome(call("helpdesk_ticket_get", {"id": 1}))["reason"] == "stopped"
    assert gateway.operator("DELETE", "/kill", params=stop).status_code == 200

    limit_files(gateway, resource.RLIM_INFINITY)
    wait_for(lambda: health()[0] == 200, "the gateway to be ready again")
    assert structured(call("helpdesk_refund_create", {**REFUND, "amount_cents": 10}))
    assert helpdesk.count("refunds") == before + 1
    assert structured(gateway.call(bob, "helpdesk_ticket_get", {"id": 1}))["id"] == 1

    records = gateway.records(order="oldest")
    assert Counter(one.get("reason") for one in records if one["kind"] == "call") == {
        "audit-unavailable": 3,
        "store-unavailable": 1,
        "stopped": 1,
        None: 3 + 1 + 2,
    }
    assert [one["action"] for one in records if one["kind"] == "operator"] == ["kill", "lift"]
    (gap,) = [one for one in records if one["kind"] == "gap"]
    assert gap["dropped"] == 0
    assert gap["delayed"] >= 3 + 3 + 3
    assert verify(journal.parent).ok
    assert gateway.log.read_text().count("audit index") <= 1


def test_a_disk_that_fills_while_a_call_is_under_way_costs_the_caller_nothing(
    new_gateway: Callable[..., Gateway],
) -> None:
    bob, entry = api_key("bob-key", "ops-bot", "bob")
    with closing(SlowPeer()) as peer, ThreadPoolExecutor(1) as pool:
        gateway = new_gateway(peer.config(entry))
        (journal,) = (gateway.folder / "state/journal").glob("*.log")
        asked = pool.submit(gateway.call, bob, "peer_work", {"number": 1})
        wait_for(lambda: peer.started, "the call to reach the peer", 5)
        limit_files(gateway, journal.stat().st_size)
        peer.go_on.set()

        assert text(asked.result(10)) == "work number 1"
        assert outcome(gateway.call(bob, "peer_work", {"number": 2}))["executed"] == "no"

        limit_files(gateway, resource.RLIM_INFINITY)
        again = gateway.call(bob, "peer_work", {"number": 1})
        assert "work number 1" in text(again)
        assert again["result"]["_meta"]["io.sallyport/replayed"] is True
        wait_for(lambda: len(gateway.records(kind="call", outcome="answered")) == 1, "its record")
        assert peer.started == ["work"]


def test_a_ledger_that_cannot_be_opened_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, {})
    (tmp_path / "state/ledger.db").mkdir(parents=True)

    gateway.start(ready=False)

    assert gateway.process is not None
    assert gateway.process.wait(15) != 0
    said = gateway.log.read_text()
    assert "ledger.db: cannot be opened as a ledger file" in said
    assert "Traceback" not in said
