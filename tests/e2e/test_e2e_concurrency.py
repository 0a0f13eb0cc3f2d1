"""Many at the same moment, and callers that hang up in mid-call: what changes something is carried out once."""

import contextlib
import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from e2e_clients import together
from e2e_kit import Gateway, House, api_key, structured, text, wait_for
from e2e_peer import SlowPeer

TWINS = 16


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_identical_calls_at_once_are_one_call_and_one_answer(house: House, keyed: bool) -> None:
    before = house.helpdesk.count("refunds")
    arguments = {"order_id": 11, "amount_cents": 7 if keyed else 8, "reason": "at once"}
    more: dict[str, Any] = {"headers": {"Idempotency-Key": "sixteen-at-once"}} if keyed else {}

    answers = together([partial(house.gateway.call, house.bob, "helpdesk_refund_create", arguments, **more)] * TWINS)

    assert house.helpdesk.count("refunds") == before + 1
    assert all(structured(answer) == structured(answers[0]) for answer in answers)
    executed = [answer for answer in answers if "io.sallyport/replayed" not in answer["result"]["_meta"]]
    assert len(executed) == 1
    original = executed[0]["result"]["_meta"]["io.sallyport/provenance"]["call_id"]
    twins = [answer["result"]["_meta"] for answer in answers if answer is not executed[0]]
    assert {meta["io.sallyport/original"] for meta in twins} == {original}
    mine = {meta["io.sallyport/provenance"]["call_id"] for meta in twins} | {original}
    assert len(mine) == TWINS
    records = [one for one in house.gateway.records(kind="call") if one["call"] in mine]
    assert sorted(one["outcome"] for one in records) == ["answered"] + ["replayed"] * (TWINS - 1)


def test_different_calls_at_once_are_all_carried_out(house: House) -> None:
    before = house.helpdesk.count("refunds")
    order = {"order_id": 12, "reason": "one of many"}

    answers = together(
        partial(house.gateway.call, house.bob, "helpdesk_refund_create", {**order, "amount_cents": cents})
        for cents in range(1, TWINS + 1)
    )

    assert house.helpdesk.count("refunds") == before + TWINS
    assert {structured(answer)["amount_cents"] for answer in answers} == set(range(1, TWINS + 1))


class Quay:
    """A gateway before a slow peer."""

    def __init__(self, new_gateway: Callable[..., Gateway], **work: str) -> None:
        self.peer = SlowPeer()
        self.bob, entry = api_key("bob-key", "ops-bot", "bob")
        config = self.peer.config(entry)
        config["upstreams"]["peer"]["tools"]["work"] |= work
        self.gateway = new_gateway(config)

    def asked_and_left(self, tool: str, number: int) -> None:
        """A modern call over a socket of its own, hung up as soon as it has reached the peer."""
        params = {
            "name": f"peer_{tool}",
            "arguments": {"number": number},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.gateway.agent_port}\r\nAuthorization: Bearer {self.bob}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
            f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: peer_{tool}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        before = len(self.peer.started)
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.gateway.agent_port), 5)) as line:
            line.sendall(head.encode() + body)
            wait_for(lambda: len(self.peer.started) > before, "the call to reach the peer", 5)

    def ended(self, tool: str) -> dict[str, Any]:
        (record,) = wait_for(lambda: self.gateway.records(kind="call", tool=tool), f"the record of {tool}", 5)
        return record


@pytest.fixture
def quay(new_gateway: Callable[..., Gateway]) -> Iterator[Quay]:
    made = Quay(new_gateway)
    yield made
    made.peer.close()


def test_a_caller_that_hangs_up_cancels_a_read_and_leaves_a_write_to_be_done_once(quay: Quay) -> None:
    peer = quay.peer

    quay.asked_and_left("look", 1)
    wait_for(lambda: peer.abandoned == ["look"], "the read to be cancelled upstream", 5)
    assert quay.ended("peer/look")["outcome"] == "cancelled"

    quay.asked_and_left("work", 1)
    peer.go_on.set()
    record = quay.ended("peer/work")
    assert record["outcome"] == "answered"
    again = quay.gateway.call(quay.bob, "peer_work", {"number": 1})
    assert "work number 1" in text(again)
    assert again["result"]["_meta"]["io.sallyport/original"] == record["call"]
    assert (peer.started, peer.abandoned) == (["look", "work"], ["look"])


def test_where_the_operator_says_so_a_write_ends_with_its_caller_and_nobody_knows_how_far_it_came(
    new_gateway: Callable[..., Gateway],
) -> None:
    quay = Quay(new_gateway, on_disconnect="cancel")
    try:
        quay.asked_and_left("work", 3)
        wait_for(lambda: quay.peer.abandoned == ["work"], "the write to be cancelled upstream", 5)
        record = quay.ended("peer/work")
        assert (record["outcome"], record["executed"]) == ("in-doubt", "unknown")
    finally:
        quay.peer.close()


def test_a_retry_joins_what_still_runs_and_a_gateway_that_is_told_to_stop_waits_for_it(quay: Quay) -> None:
    gateway, peer = quay.gateway, quay.peer
    assert gateway.process is not None

    quay.asked_and_left("work", 2)
    with ThreadPoolExecutor(1) as pool:
        retry = pool.submit(gateway.call, quay.bob, "peer_work", {"number": 2})
        with pytest.raises(AssertionError, match="waited"):
            wait_for(retry.done, "the retry not to wait", 0.2)
        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(AssertionError, match="waited"):
            wait_for(lambda: gateway.process.poll() is not None, "the gateway not to wait", 0.2)
        peer.go_on.set()
        answer = retry.result(10)

    assert text(answer) == "work number 1"
    assert answer["result"]["_meta"]["io.sallyport/replayed"] is True
    assert gateway.process.wait(10) == 0
    assert peer.started == peer.finished == ["work"]
    gateway.start()
    assert sorted(one["outcome"] for one in gateway.records(kind="call")) == ["answered", "replayed"]
