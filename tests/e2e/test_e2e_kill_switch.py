"""The kill switch: it acts on the very next call, outlives the process, is lifted again, and stands in the chain."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from e2e_kit import Gateway, HelpDesk, api_key, helpdesk_config, outcome

READ = ("helpdesk_ticket_get", {"id": 1})
WRITE = ("helpdesk_refund_create", {"order_id": 7, "amount_cents": 5, "reason": "stopped?"})
TOUCHES = [
    ("all", "", {"alice", "bob"}),
    ("tenant", "default", {"alice", "bob"}),
    ("upstream", "helpdesk", {"alice", "bob"}),
    ("agent", "support-bot", {"alice"}),
    ("user", "bob", {"bob"}),
]


class Switched:
    def __init__(self, gateway: Gateway, tokens: dict[str, str]) -> None:
        self.gateway, self.tokens = gateway, tokens

    def kill(self, kind: str, target: str, why: str = "a drill") -> int:
        return self.gateway.operator("POST", "/kill", json={"kind": kind, "target": target, "why": why}).status_code

    def lift(self, kind: str, target: str) -> int:
        return self.gateway.operator("DELETE", "/kill", params={"kind": kind, "target": target}).status_code

    def stopped(self, who: str, call: tuple[str, dict[str, Any]] = READ) -> bool:
        answer = self.gateway.call(self.tokens[who], *call)
        if not answer["result"].get("isError"):
            return False
        told = outcome(answer)
        assert (told["reason"], told["executed"], told["code"]) == ("stopped", "no", 40305)
        assert "a drill" in answer["result"]["content"][0]["text"]
        return True

    def who_is_stopped(self, call: tuple[str, dict[str, Any]]) -> set[str]:
        return {who for who in self.tokens if self.stopped(who, call)}


@pytest.fixture(scope="module")
def switched(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switched]:
    alice, alice_entry = api_key("alice-key", "support-bot", "alice")
    bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
    config = helpdesk_config(helpdesk.url, [alice_entry, bob_entry])
    gateway = Gateway(tmp_path_factory.mktemp("switched"), config)
    gateway.start()
    yield Switched(gateway, {"alice": alice, "bob": bob})
    gateway.stop()


@pytest.mark.parametrize(("kind", "target", "touched"), TOUCHES, ids=[kind for kind, *_ in TOUCHES])
def test_a_stop_acts_on_the_next_call_of_those_it_names_and_of_nobody_else(
    switched: Switched, helpdesk: HelpDesk, kind: str, target: str, touched: set[str]
) -> None:
    mutating = (WRITE[0], {**WRITE[1], "reason": f"stopped by {kind}?"})

    assert switched.kill(kind, target) == 201
    before = helpdesk.count("refunds")
    assert switched.who_is_stopped(READ) == touched
    assert switched.who_is_stopped(mutating) == touched
    assert helpdesk.count("refunds") == before + 2 - len(touched)
    assert switched.lift(kind, target) == 200
    assert switched.who_is_stopped(mutating) == set()
    assert helpdesk.count("refunds") == before + 2
    assert switched.lift(kind, target) == 404


def test_a_stopped_tool_stops_for_everybody_and_the_other_tools_go_on(switched: Switched) -> None:
    assert switched.kill("tool", "helpdesk/refund_create") == 201

    assert switched.who_is_stopped(WRITE) == {"alice", "bob"}
    assert switched.who_is_stopped(READ) == set()
    assert switched.lift("tool", "helpdesk/refund_create") == 200
    assert switched.who_is_stopped(WRITE) == set()


def test_what_was_done_already_is_not_handed_out_again_while_stopped(switched: Switched) -> None:
    keyed = {"headers": {"Idempotency-Key": "done-before-the-stop"}}
    call = ("helpdesk_refund_create", {**WRITE[1], "amount_cents": 6})
    assert not switched.gateway.call(switched.tokens["alice"], *call, **keyed)["result"].get("isError")

    switched.kill("user", "alice")
    assert outcome(switched.gateway.call(switched.tokens["alice"], *call, **keyed))["reason"] == "stopped"
    switched.lift("user", "alice")


@pytest.mark.parametrize(
    ("kind", "target"),
    [("all", "support-bot"), ("agent", ""), ("agent", "agent:support-bot"), ("tool", "refund_create"), ("planet", "x")],
)
def test_a_stop_that_would_stop_nothing_is_refused_with_a_sentence(switched: Switched, kind: str, target: str) -> None:
    before = len(switched.gateway.records(kind="operator"))

    answer = switched.gateway.operator("POST", "/kill", json={"kind": kind, "target": target, "why": "a drill"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10
    assert len(switched.gateway.records(kind="operator")) == before
    assert switched.gateway.operator("GET", "/kill").json() == []


def test_a_stop_outlives_a_killed_process(switched: Switched) -> None:
    assert switched.kill("agent", "support-bot") == 201
    switched.gateway.stop(signal.SIGKILL)
    switched.gateway.start()

    assert switched.who_is_stopped(READ) == {"alice"}
    (row,) = switched.gateway.operator("GET", "/kill").json()
    assert (row["kind"], row["target"], row["why"], row["by"]) == ("agent", "support-bot", "a drill", "local")
    assert switched.lift("agent", "support-bot") == 200
    assert switched.who_is_stopped(READ) == set()


def test_stops_and_lifts_stand_in_the_chain_and_so_do_the_calls_they_refused(switched: Switched) -> None:
    switched.kill("user", "alice", "a drill for the record")
    assert switched.stopped("alice")
    switched.lift("user", "alice")

    records = switched.gateway.records(user="alice", reason="stopped")
    lifted, killed = switched.gateway.records(kind="operator")[:2]
    assert (killed["action"], lifted["action"], killed["who"]) == ("kill", "lift", "local")
    assert killed["facts"] == {"kind": "user", "target": "alice", "why": "a drill for the record", "mode": "stop"}
    assert killed["time"] < records[0]["time"] < lifted["time"]
    assert (records[0]["outcome"], records[0]["executed"], records[0]["tool"]) == (
        "refused",
        "no",
        "helpdesk/ticket_get",
    )
