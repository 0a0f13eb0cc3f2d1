"""The policy that is shipped fits the help desk that is shipped."""

from pathlib import Path

import pytest
from policy_kit import SHIPPED, Clock, rules

from examples.helpdesk.tool import Effect
from examples.helpdesk.tools import articles, customers, desk, mail, notes, orders, refunds, tickets
from gateway.config.schema import Policy
from gateway.model.decision import Verdict
from gateway.model.principal import Principal
from gateway.policy.rules import Rules
from gateway.policy.schemas import check_conditions

OVER_HTTP = (*tickets.TABLE, *customers.TABLE, *orders.TABLE, *refunds.TABLE, *mail.TABLE, *desk.TABLE)
OVER_STDIO = (*notes.TABLE, *articles.TABLE)
TOOLS = {f"helpdesk/{tool.name}": tool for tool in OVER_HTTP} | {f"notes/{tool.name}": tool for tool in OVER_STDIO}
WRITES = {"helpdesk/ticket_create", "helpdesk/ticket_update", "notes/note_add"}
EXPORT, REFUND = "helpdesk/customer_export_all", "helpdesk/refund_create"
ALICE, BOB = (Principal("default", "support-bot", "key:k", user, "key:k") for user in ("alice", "bob"))


@pytest.fixture(scope="module")
def shipped() -> Rules:
    return Rules.load(Policy(), SHIPPED.parent, Clock())


def test_support_may_read_all_but_the_export_and_write_what_it_needs(shipped):
    reads = {tool for tool, row in TOOLS.items() if row.effect is Effect.READ}
    permitted = {tool for tool in TOOLS if shipped.decide(ALICE, tool, "call", {}).verdict is Verdict.ALLOW}
    assert permitted == (reads | WRITES) - {EXPORT}
    assert shipped.visible(ALICE, frozenset(TOOLS)) == permitted | {REFUND}


@pytest.mark.parametrize(
    ("cents", "verdict"),
    [(1, "allow"), (10_000, "allow"), (10_001, "ask"), (100_000, "ask"), (100_001, "deny"), (0, "deny"), (-5, "deny")],
)
def test_support_refunds_up_to_a_hundred_alone_and_up_to_a_thousand_with_a_person(shipped, cents, verdict):
    assert shipped.decide(ALICE, REFUND, "call", {"amount_cents": cents}).verdict == verdict
    assert shipped.decide(BOB, REFUND, "call", {"amount_cents": cents}).verdict is Verdict.ALLOW


def test_leads_and_whoever_holds_the_operator_token_approve_refunds_and_nothing_else(shipped):
    for user, may in (("bob", True), ("local", True), ("alice", False), ("mallory", False)):
        person = Principal("default", "support-bot", "operator", user, "operator")
        approvable = {tool for tool in TOOLS if shipped.decide(person, tool, "approve", {}).verdict is Verdict.ALLOW}
        assert approvable == ({REFUND} if may else set())
    local = Principal("default", "support-bot", "key:k", "local", "key:k")
    assert shipped.visible(local, frozenset(TOOLS)) == frozenset()


def test_a_lead_may_do_all_but_not_export_with_the_support_agent(shipped):
    assert shipped.visible(BOB, frozenset(TOOLS)) == frozenset(TOOLS) - {EXPORT}
    assert shipped.decide(BOB, EXPORT, "call", {}).rules == ("no-export",)
    by_ops = Principal("default", "ops-bot", "key:k", "bob", "key:k")
    assert shipped.decide(by_ops, EXPORT, "call", {}).rules == ("lead",)


def test_strangers_machines_and_other_tenants_may_do_nothing(shipped):
    for who in (("default", "mallory"), ("default", None), ("elsewhere", "bob")):
        principal = Principal(who[0], "ops-bot", "key:k", who[1], None)
        assert shipped.visible(principal, frozenset(TOOLS)) == frozenset()


def test_conditions_read_arguments_the_tools_have(shipped):
    schemas = {name: {"properties": tool.arguments} for name, tool in TOOLS.items()}
    assert check_conditions(shipped.snapshot, schemas) == []
    assert shipped.notes == ()


def test_the_examples_of_the_readme_load(tmp_path):
    blocks = (SHIPPED / "README.md").read_text().split("```")
    [example] = [block.removeprefix("csv") for block in blocks if block.startswith("csv")]
    held = rules(tmp_path, example, conditions=(SHIPPED / "conditions.yaml").read_text())
    assert [rule.id for rule in held.snapshot.rules] == [
        "read",
        "refunds",
        "big-refunds",
        "say-yes",
        "no-deleting",
        "night-job",
    ]


def test_plain_casbin_can_load_the_shipped_rows():
    from casbin import Enforcer

    enforcer = Enforcer(str(SHIPPED / "model.conf"), str(SHIPPED / "policy.csv"))
    rows = [line for line in Path(SHIPPED / "policy.csv").read_text().splitlines() if line.startswith("p,")]
    assert len(enforcer.get_policy()) == len(rows)
    assert all(len(row) == 8 for row in enforcer.get_policy())
