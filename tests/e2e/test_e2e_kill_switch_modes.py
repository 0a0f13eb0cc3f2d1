"""How far a stop goes over real sockets: modes, reads on their way, the stop file, and trips that pull by themselves."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from e2e_kit import EFFECTS, ROOT, Gateway, HelpDesk, api_key, helpdesk_config, outcome, text, wait_for
from e2e_peer import SlowPeer

READ = ("helpdesk_ticket_get", {"id": 1})
WRITE = ("helpdesk_refund_create", {"order_id": 7, "amount_cents": 5, "reason": "how far?"})
NO_SUCH_ORDER = {"order_id": 999_999, "amount_cents": 5, "reason": "tripped?"}
TRIPS = [
    {"scope": "user", "on": "errors", "over": 3, "window": "1m", "mode": "read-only"},
    {"scope": "agent", "on": "spend", "over": 1000, "window": "1m", "mode": "pause"},
]
PRICED = EFFECTS | {"refund_create": {"effect": "mutating", "price": {"argument": "args.amount_cents"}}}


class Switched:
    def __init__(self, gateway: Gateway, peer: SlowPeer, token: str) -> None:
        self.gateway, self.peer, self.token = gateway, peer, token

    def order(self, mode: str, kind: str = "user", target: str = "bob") -> None:
        order = {"kind": kind, "target": target, "why": "a drill", "mode": mode}
        assert self.gateway.operator("POST", "/kill", json=order).status_code == 201

    def lift(self, kind: str = "user", target: str = "bob") -> None:
        assert self.gateway.operator("DELETE", "/kill", params={"kind": kind, "target": target}).status_code == 200

    def told(self, call: tuple[str, dict[str, Any]]) -> dict[str, Any] | None:
        """The outcome object of a refusal; None when the tool answered."""
        answer = self.gateway.call(self.token, *call)
        return outcome(answer) if "io.sallyport/outcome" in answer["result"]["_meta"] else None

    def reason(self, call: tuple[str, dict[str, Any]]) -> str | None:
        told = self.told(call)
        return None if told is None else told["reason"]

    def sallyport(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway", *words, "--config", str(self.gateway.path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)


@pytest.fixture(scope="module")
def switched(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switched]:
    token, entry = api_key("bob-key", "ops-bot", "bob")
    peer, config = SlowPeer(), helpdesk_config(helpdesk.url, [entry], tools=PRICED)
    config["upstreams"] |= peer.config()["upstreams"]
    config["agents"]["ops-bot"]["tools"] += ["peer/*"]
    rows = tmp_path_factory.mktemp("policy") / "policy.csv"
    rows.write_text("p, all, user:bob, default, *, */*, call, -, allow\n", encoding="utf-8")
    policy = {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": None}
    gateway = Gateway(tmp_path_factory.mktemp("modes"), config | {"trips": TRIPS, "policy": policy})
    gateway.start()
    yield Switched(gateway, peer, token)
    gateway.stop()
    peer.close()


def test_read_only_lets_reads_pass_and_pause_says_when_to_come_back(switched: Switched) -> None:
    switched.order("read-only")
    assert (switched.reason(READ), switched.reason(WRITE)) == (None, "stopped")
    assert "only declared reads pass" in text(switched.gateway.call(switched.token, *WRITE))
    switched.order("pause")
    for call in (READ, WRITE):
        told = switched.told(call)
        assert told is not None
        assert (told["reason"], told["retry"], told["retry_after_ms"]) == ("paused", "after", 15_000)
    assert [row["mode"] for row in switched.gateway.operator("GET", "/kill").json()] == ["pause"]
    switched.lift()
    assert switched.reason(READ) is None


def test_a_read_on_its_way_is_cut_off_by_a_stop_and_a_mutating_call_ends_as_it_will(switched: Switched) -> None:
    peer, heard = switched.peer, {}
    peer.go_on.clear()

    def call(tool: str) -> None:
        answer = switched.gateway.call(switched.token, f"peer_{tool}", {"number": 1})
        heard[tool] = time.monotonic(), answer

    callers = [threading.Thread(target=call, args=(tool,)) for tool in ("look", "work")]
    for caller in callers:
        caller.start()
    wait_for(lambda: sorted(peer.started) == ["look", "work"], "both calls to arrive")
    ordered = time.monotonic()
    switched.order("stop")
    callers[0].join(10)
    assert heard["look"][0] - ordered < 1
    told = outcome(heard["look"][1])
    assert (told["reason"], told["executed"]) == ("stopped", "unknown")
    wait_for(lambda: peer.abandoned == ["look"], "the read to be cut off at the upstream")
    peer.go_on.set()
    callers[1].join(10)
    assert text(heard["work"][1]).startswith("work number")
    assert switched.reason(READ) == "stopped"
    switched.lift()
    (record,) = switched.gateway.records(tool="peer/look", reason="stopped")
    assert (record["outcome"], record["executed"]) == ("refused", "unknown")


def test_a_file_in_the_state_folder_stops_everything_within_a_second_also_at_start(switched: Switched) -> None:
    gateway = switched.gateway
    written = switched.sallyport("kill", "all", "--local", "--why", "the store is on fire").stdout
    assert str(gateway.folder / "state/STOP") in written
    wait_for(lambda: switched.reason(READ) == "stopped", "the file to be noticed", 1.5)
    listed = switched.sallyport("kill").stdout
    assert "the store is on fire" in listed
    assert gateway.operator("DELETE", "/kill", params={"kind": "all"}).status_code == 409
    gateway.stop()
    gateway.start()
    assert (switched.reason(READ), switched.reason(WRITE)) == ("stopped", "stopped")
    switched.sallyport("resume", "all", "--local")
    wait_for(lambda: switched.reason(READ) is None, "the removal to be noticed", 1.5)
    acts = [(one["who"], one["action"]) for one in gateway.records(kind="operator", order="oldest")]
    assert [act for act in acts if act[0] == "gateway"] == [
        ("gateway", "kill"),
        ("gateway", "kill"),
        ("gateway", "lift"),
    ]


def test_too_many_errors_trip_the_switch_and_a_person_lifts_it(switched: Switched) -> None:
    gateway = switched.gateway
    for number in range(4):
        switched.gateway.call(switched.token, WRITE[0], {**NO_SUCH_ORDER, "reason": f"tripped {number}?"})
    (row,) = wait_for(lambda: gateway.operator("GET", "/kill").json(), "the trip", 2)
    assert (row["kind"], row["target"], row["mode"], row["by"]) == ("user", "bob", "read-only", "trip")
    assert row["why"] == "4 errors within 1m, more than 3"
    assert (switched.reason(READ), switched.reason(WRITE)) == (None, "stopped")
    (act,) = [one for one in gateway.records(kind="operator") if one["who"] == "trip"]
    assert (act["action"], act["facts"]["target"]) == ("kill", "bob")
    switched.lift()
    assert switched.reason(WRITE) is None


def test_too_much_money_for_calls_that_leave_traces_trips_the_switch(switched: Switched) -> None:
    switched.gateway.call(switched.token, WRITE[0], {**NO_SUCH_ORDER, "amount_cents": 1001})
    (row,) = wait_for(lambda: switched.gateway.operator("GET", "/kill").json(), "the trip", 2)
    assert (row["kind"], row["target"], row["mode"]) == ("agent", "ops-bot", "pause")
    assert row["why"].endswith(" of money spent within 1m, more than 1000")
    assert switched.reason(WRITE) == "paused"
    switched.lift("agent", "ops-bot")
