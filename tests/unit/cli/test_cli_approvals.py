"""approvals ls, show, approve, deny against the real operator plane and the real room, with questions kept in memory."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_stage import TOKEN, Office, Run, listening, write_config

from gateway.approval.deciding import Deciding
from gateway.model.approval import PENDING_S, Approval, Vote
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.operator.desk import Desk

NOW = 1_790_000_000.0
ARGUMENTS = {"order": 10**30, "note": "für \x1b[31m„sie“\u202etxt", "items": [{"n": 1}]}


class Shop:
    """The questions that wait, as far as people use `ApprovalStore`, and the clock."""

    def __init__(self) -> None:
        self.kept: dict[str, Approval] = {}

    def asks(self, name: str = "a-1", **more: Any) -> None:
        known: dict[str, Any] = {
            "record": "r", "binding": "b", "call_id": "call-1", "tenant": "default", "agent": "support-bot",
            "user": "alice", "tool": "desk/refund", "arguments": ARGUMENTS, "fingerprint": "f", "tool_digest": "d",
            "policy": "v1", "rules": ("big",), "asked_at": NOW - 300, "expires_at": NOW - 300 + PENDING_S,
        }  # fmt: skip
        self.kept[name] = Approval(name, **known | more)

    def now(self) -> float:
        return NOW

    async def get(self, name: str) -> Approval | None:
        return self.kept.get(name)

    async def all(self) -> Sequence[Approval]:
        return list(self.kept.values())

    async def decide(self, name: str, vote: Vote) -> Approval | None:
        self.kept[name] = self.kept[name].decided(vote)
        return self.kept[name]


class Policy:
    """`local` may approve everything but what is called `never`."""

    version = "v1"

    def decide(self, principal: Principal, tool: str, act: str, _arguments: Mapping[str, Any]) -> Decision:
        permitted = (principal.subject, act) == ("user:local", "approve") and "never" not in tool
        return Decision(Verdict.ALLOW if permitted else Verdict.DENY, (), "v1")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Shop, int]]:
    shop, office = Shop(), Office()
    deciding = Deciding(shop, Policy(), office, shop)  # type: ignore[arg-type]
    desk = Desk(office, office, office, office, office, shop.now, deciding, office, doubts=office, budgets=office)
    with listening(desk) as port:
        yield shop, port


@pytest.fixture
def shop(served: tuple[Shop, int], folder: Path) -> Shop:
    write_config(folder, operator=served[1])
    (folder / ".sallyport/operator.token").write_text(TOKEN + "\n", encoding="utf-8")
    served[0].kept.clear()
    return served[0]


def test_ls_shows_what_waits_and_how_long_there_is(sallyport: Run, shop: Shop) -> None:
    assert sallyport("approvals", "ls").stdout == "nothing waits for a person\n"
    shop.asks()
    shop.asks("a-2", user=None, rules=("big", "new"), asked_at=NOW - 30, expires_at=NOW + 30)
    shop.asks("over", expires_at=NOW - 1)
    head, *lines = sallyport("approvals", "ls").stdout.splitlines()
    assert head.split("  ")[0] == "ID"
    assert [[cell.strip() for cell in line.split("  ") if cell] for line in lines] == [
        ["a-1", "5 min", "support-bot for alice", "desk/refund", "big", "10 min"],
        ["a-2", "30 s", "support-bot for nobody", "desk/refund", "big, new", "30 s"],
    ]
    everything = json.loads(sallyport("approvals", "ls", "--json").stdout)
    assert [(one["id"], one["state"]) for one in everything] == [
        ("a-1", "pending"), ("a-2", "pending"), ("over", "expired"),
    ]  # fmt: skip


def test_ls_shows_no_value_of_an_argument(sallyport: Run, shop: Shop) -> None:
    shop.asks()
    shown = sallyport("approvals", "ls", "--json").stdout
    assert json.loads(shown)[0]["argument_names"] == ["items", "note", "order"]
    assert "000000" not in shown.replace("1790000000", "")


def test_show_shows_the_arguments_exactly_and_nothing_a_terminal_would_act_on(sallyport: Run, shop: Shop) -> None:
    shop.asks(tool="desk/refund\x1b[2J")
    text = sallyport("approvals", "show", "a-1").stdout
    head, arguments = text.split("arguments, exactly as they will be sent:\n")
    assert json.loads(arguments) == ARGUMENTS
    assert "pending; expires in 10 min" in head
    assert "sha256" in head
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert json.loads(sallyport("approvals", "show", "a-1", "--json").stdout)["arguments"] == ARGUMENTS


def test_approve_answers_once_and_the_second_learns_whose_the_first_was(sallyport: Run, shop: Shop) -> None:
    shop.asks()
    done = sallyport("approvals", "approve", "a-1", "--why", "known customer")
    assert (done.exit_code, done.stdout) == (
        0,
        "Approved once: desk/refund of support-bot for alice; the call must be made within 10 min.\n",
    )
    assert shop.kept["a-1"].vote == Vote(True, "user:local", "known customer", NOW)
    again = sallyport("approvals", "deny", "a-1", "--why", "no")
    assert again.exit_code == 1
    assert "409: user:local has approved it already" in again.stderr
    assert "approved; user:local decided: known customer" in sallyport("approvals", "show", "a-1").stdout


def test_deny_wants_a_reason(sallyport: Run, shop: Shop) -> None:
    shop.asks()
    for words in ((), ("--why", " ")):
        refused = sallyport("approvals", "deny", "a-1", *words)
        assert (refused.exit_code, "--why" in refused.stderr) == (2, True)
    denied = json.loads(sallyport("approvals", "deny", "a-1", "--why", "too much", "--json").stdout)
    assert denied["status"] == "denied"
    assert shop.kept["a-1"].vote == Vote(False, "user:local", "too much", NOW)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"user": "local"}, "403: user:local asked for this call, and nobody approves their own."),
        ({"tool": "desk/never"}, "403: user:local may not decide about desk/never"),
        ({"expires_at": NOW}, "409: Its time is over, which is a no"),
        ({"policy": "v0"}, "409: The policy or the tool has changed"),
    ],
)
def test_what_may_not_be_approved_says_why(sallyport: Run, shop: Shop, changed: dict[str, Any], said: str) -> None:
    shop.asks()
    shop.kept["a-1"] = before = replace(shop.kept["a-1"], **changed)
    refused = sallyport("approvals", "approve", "a-1")
    assert (refused.exit_code, said in refused.stderr) == (1, True), refused.stderr
    assert shop.kept["a-1"] == before


def test_an_unknown_or_odd_id_is_told(sallyport: Run, shop: Shop) -> None:
    for verb in ("show", "approve"):
        for name in ("a-9", "../kill", "\x1b[2J"):
            refused = sallyport("approvals", verb, name)
            assert (refused.exit_code, "404" in refused.stderr) == (1, True), refused.stderr
            assert "\x1b" not in refused.stderr


def test_without_a_gateway_it_says_how_to_start_it(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    assert sallyport("approvals", "ls").exit_code == 3
