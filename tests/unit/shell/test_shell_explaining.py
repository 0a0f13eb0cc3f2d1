"""What would happen to a call, asked of real rooms: the example's configuration and policy, and policies made up."""

import re
from pathlib import Path
from typing import Any

import pytest
from shell_explained import MODEL, Clock, Rooms

from gateway.config.load import load
from gateway.config.schema import Config, Policy
from gateway.explaining import Step
from gateway.model.stop import StopKind
from gateway.policy.rules import Rules

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def example() -> tuple[Config, Rules]:
    return load(ROOT / "config.example.yaml"), Rules.load(Policy(), ROOT, Clock())


@pytest.fixture
def rooms(example: tuple[Config, Rules]) -> Rooms:
    return Rooms(*example)


def made_up(folder: Path, rows: str, agents: dict[str, Any] | None = None, **tools: Any) -> Rooms:
    (folder / "model.conf").write_text(MODEL)
    (folder / "policy.csv").write_text(rows)
    (folder / "conditions.yaml").write_text("large: args.amount_cents > 100\n")
    section = Policy(model=Path("model.conf"), rows=Path("policy.csv"), conditions=Path("conditions.yaml"))
    upstream = {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp", "tools": tools}
    told = {"version": 1, "upstreams": {"helpdesk": upstream}, "agents": agents or {"support-bot": {"tools": ["*/*"]}}}
    return Rooms(Config.model_validate(told), Rules.load(section, folder, Clock()))


def test_an_allowed_call_is_told_room_by_room_in_the_order_of_the_road(rooms: Rooms) -> None:
    steps = rooms.steps("helpdesk/refund_create", amount_cents=2500)

    assert [step.room for step in steps] == ["identity", "catalog", "policy", "kill switch", "ledger", "upstream"]
    assert {step.verdict for step in steps} == {"passes"}
    whys = dict(zip([step.room for step in steps], [step.why for step in steps], strict=True))
    assert whys["identity"] == "agent support-bot for user alice, once a credential proves both"
    assert whys["catalog"] == "helpdesk/refund_create is published as request_refund; the arguments fit its schema"
    assert whys["policy"] == f"allowed by rule refund-small (policy {rooms.rules.version[:12]})"
    assert "sent at most once for its key" in whys["ledger"]
    assert "identical call gets the same answer for 120 s" in whys["ledger"]
    assert whys["upstream"] == "would go to helpdesk, which gets 10 s to answer"


def test_a_published_name_and_a_canonical_id_are_the_same_tool(rooms: Rooms) -> None:
    assert rooms.steps("request_refund", amount_cents=1) == rooms.steps("helpdesk/refund_create", amount_cents=1)


def test_an_unknown_agent_ends_at_identity(rooms: Rooms) -> None:
    assert rooms.steps("helpdesk/ticket_get", agent="nobody") == (
        Step("identity", "stops", "no agent nobody in the configuration"),
    )


def test_a_tool_that_the_agent_was_not_given_names_the_setting(rooms: Rooms) -> None:
    assert rooms.last("helpdesk/mail_send", "bob") == Step(
        "catalog", "stops", "helpdesk/mail_send is not among the tools of agent support-bot (agents.support-bot.tools)"
    )


def test_a_tool_that_nobody_lists_says_where_to_look(rooms: Rooms) -> None:
    told = rooms.last("helpdesk/refund_all")
    assert (told.room, told.verdict) == ("catalog", "stops")
    assert "no upstream lists one: `sallyport tools --agent support-bot` lists all" in told.why


def test_a_tool_that_curation_could_not_offer_says_why(tmp_path: Path) -> None:
    both = {name: {"name": "do_it"} for name in ("helpdesk/ticket_get", "helpdesk/mail_send")}
    agents = {"support-bot": {"tools": ["*/*"], "override": both}, "other": {"tools": ["helpdesk/mail_send"]}}
    rooms = made_up(tmp_path, "p, a, user:alice, default, *, */*, call, -, allow\n", agents)

    for tool in both:
        assert rooms.last(tool).why == f"{tool} is hidden: they would all be published as do_it"
    assert rooms.last("helpdesk/ticket_get", agent="other").why.endswith("(agents.other.tools)")
    assert rooms.last("helpdesk/mail_send", agent="other").room == "upstream"


def test_a_tool_that_no_rule_could_permit_is_hidden_and_the_nearest_row_is_named(rooms: Rooms) -> None:
    told = rooms.last("helpdesk/ticket_get", "mallory")
    assert (told.room, told.verdict) == ("catalog", "stops")
    assert "helpdesk/ticket_get is hidden" in told.why
    assert "allow read-tickets (policies/policy.csv:" in told.why
    assert ") is for role:support" in told.why


def test_arguments_that_do_not_fit_are_refused_in_the_catalogs_words(rooms: Rooms) -> None:
    told = rooms.last("request_refund", amount_cents="much")
    assert (told.room, told.verdict) == ("catalog", "stops")
    assert told.why == "The arguments of request_refund were refused: /amount_cents breaks the rule type: integer."


def test_arguments_that_no_rule_permits_name_the_rules_and_their_conditions(rooms: Rooms) -> None:
    told = rooms.last("request_refund", amount_cents=200_000)
    assert (told.room, told.verdict) == ("policy", "stops")
    assert told.why.startswith("no rule permits it with these arguments (policy ")
    assert re.search(r"allow refund-small \(policies/policy.csv:\d+\) matches when small-refund holds", told.why)
    assert "could not evaluate" not in told.why


def test_a_rule_that_denies_is_named_and_so_is_a_condition_that_could_not_be_evaluated(tmp_path: Path) -> None:
    rows = "p, a, user:alice, default, *, */*, call, -, allow\np, no, *, *, *, */mail_send, call, large, deny\n"
    rooms = made_up(tmp_path, rows)

    told = rooms.last("helpdesk/mail_send", amount_cents=101)
    assert (told.room, told.verdict) == ("policy", "stops")
    assert told.why.startswith(f"denied by rule no (policy {rooms.rules.version[:12]}); ")
    assert "; could not evaluate large)" in rooms.last("helpdesk/mail_send").why
    assert rooms.last("helpdesk/mail_send", amount_cents=100).verdict == "passes"


def test_a_call_that_waits_for_a_person_says_who_may_approve_it(rooms: Rooms) -> None:
    steps = rooms.steps("request_refund", amount_cents=20_000)

    [asks] = [step for step in steps if step.verdict == "asks"]
    assert asks.room == "policy"
    assert asks.why.startswith("rule refund-big (policy ")
    assert asks.why.endswith("role:approver may give it, but never user:alice itself")
    assert steps[-1].room == "upstream"


def test_approvers_of_another_agent_tenant_or_tool_are_not_offered(tmp_path: Path) -> None:
    rows = "".join(
        f"p, {name}, {sub}, {tenant}, {agent}, {tool}, approve, {when}, {effect}\n"
        for name, sub, tenant, agent, tool, when, effect in (
            ("a", "user:bob", "default", "support-bot", "helpdesk/ticket_*", "large", "allow"),
            ("b", "role:lead", "*", "*", "*/*", "-", "allow"),
            ("c", "user:carol", "acme", "*", "*/*", "-", "allow"),
            ("d", "user:dave", "default", "ops-bot", "*/*", "-", "allow"),
            ("e", "user:erin", "default", "*", "helpdesk/mail_send", "-", "allow"),
            ("f", "user:frank", "default", "*", "*/*", "-", "deny"),
        )
    )
    ask = "p, ask, agent:support-bot, default, *, helpdesk/ticket_get, call, -, ask\n"
    told = made_up(tmp_path, ask + rows).steps("helpdesk/ticket_get", None)

    [asks] = [step for step in told if step.verdict == "asks"]
    assert asks.why.endswith("; user:bob (when large holds), role:lead may give it")
    assert told[0].why == "agent support-bot with no user behind it, once a credential proves it"


def test_a_call_that_nobody_may_approve_is_told_so(tmp_path: Path) -> None:
    rooms = made_up(tmp_path, "p, ask, user:alice, default, *, helpdesk/ticket_get, call, -, ask\n")
    [asks] = [step for step in rooms.steps("helpdesk/ticket_get") if step.verdict == "asks"]
    assert "no rule says who may give it: add a row with action `approve`" in asks.why


@pytest.mark.parametrize(
    ("kind", "target"),
    [("all", ""), ("tenant", "default"), ("agent", "support-bot"), ("user", "alice"), ("tool", "helpdesk/ticket_get")],
)
def test_whatever_is_stopped_ends_at_the_kill_switch(rooms: Rooms, kind: StopKind, target: str) -> None:
    assert rooms.last("helpdesk/ticket_get").room == "upstream"
    rooms.stop(kind, target)
    told = rooms.last("helpdesk/ticket_get")
    assert (told.room, told.verdict) == ("kill switch", "stops")
    assert "it misbehaves" in told.why


@pytest.mark.parametrize(
    ("setting", "verdict", "says"),
    [
        ({"effect": "read"}, "allow", "a declared read: not claimed, may be repeated"),
        ({"effect": "read"}, "ask", "a declared read, claimed all the same because a person must say yes to it"),
        ({"effect": "idempotent"}, "allow", "may be sent again after a lost answer; without a key, only until its"),
        ({"effect": "mutating"}, "allow", "sent at most once for its key; without a key, an identical call gets"),
        ({"effect": "mutating", "derived": "in_flight_only"}, "allow", "without a key, only until its answer"),
        ({"effect": "mutating", "derived": "off"}, "allow", "calls without a key are not deduplicated"),
        ({}, "allow", "effect unset: sent at most once for its key; without a key, only until its answer"),
    ],
)
def test_the_ledger_says_what_becomes_of_a_repetition(
    tmp_path: Path, setting: dict[str, str], verdict: str, says: str
) -> None:
    rows = f"p, a, user:alice, default, *, helpdesk/ticket_get, call, -, {verdict}\n"
    steps = made_up(tmp_path, rows, ticket_get=setting).steps("helpdesk/ticket_get")
    assert says in next(step.why for step in steps if step.room == "ledger")
