"""A disk that takes no more: writes fail closed, reads go on, everybody is told, and nothing is lost when it heals."""

import resource
from collections.abc import Callable
from typing import Any

from e2e_kit import HTTP, Gateway, HelpDesk, api_key, helpdesk_config, outcome, structured, wait_for

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
    gateway = new_gateway(helpdesk_config(helpdesk.url, [entry]))
    (journal,) = (gateway.folder / "state/journal").glob("*.log")

    def call(name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        return gateway.call(alice, name, arguments, **more)

    def ready() -> tuple[int, dict[str, str]]:
        answer = HTTP.get(f"{gateway.operator_url}/readyz")
        return answer.status_code, answer.json()

    assert structured(call("helpdesk_refund_create", REFUND))
    before = helpdesk.count("refunds")
    limit_files(gateway, journal.stat().st_size)

    for number in range(3):
        answer = call("helpdesk_refund_create", {**REFUND, "amount_cents": 10 + number})
        told = outcome(answer)
        assert (told["reason"], told["executed"], told["retry"]) == ("audit-unavailable", "no", "after")
        assert structured(call("helpdesk_ticket_get", {"id": number + 1}))["id"] == number + 1
    assert helpdesk.count("refunds") == before
    status, told = ready()
    assert status == 503
    assert told["journal"].startswith("cannot be written")
    assert HTTP.get(f"{gateway.operator_url}/livez").status_code == 200
    assert gateway.rpc(alice, "tools/list").status_code == 200

    print(gateway.operator("GET", "/audit").text[:300])
    print(gateway.operator("POST", "/kill", json={"kind": "user", "target": "alice", "why": "the disk is full"}).text)
    print(call("helpdesk_ticket_get", {"id": 1}))
    print(gateway.operator("DELETE", "/kill", params={"kind": "user", "target": "alice"}).text)
    print(gateway.operator("POST", "/keys", json={"agent": "support-bot"}).text)

    limit_files(gateway, resource.RLIM_INFINITY)
    wait_for(lambda: ready()[0] == 200, "the gateway to be ready again")
    assert structured(call("helpdesk_refund_create", {**REFUND, "amount_cents": 10}))
    assert helpdesk.count("refunds") == before + 1
    records = gateway.records(order="oldest")
    for r in records:
        print(r["kind"], r.get("outcome"), r.get("reason"), r.get("tool"), r.get("detail"), r.get("arguments"))
    print(verify(journal.parent))
    print(gateway.log.read_text())
    assert 0
