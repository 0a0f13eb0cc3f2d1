"""Verdicts: deny beats ask beats allow, the deciding rows in file order, and nothing remembered without a bound."""

from dataclasses import replace

import pytest
from policy_kit import CONDITIONS, MODEL, Clock, rules, who

from gateway.model.decision import Decision, Verdict
from gateway.policy import snapshot as module
from gateway.policy.conditions import read_conditions
from gateway.policy.faults import Findings
from gateway.policy.model import read_model
from gateway.policy.rule import Rule
from gateway.policy.snapshot import Snapshot

ROWS = """
p, two,   role:a,     *,       *,   h/*,   call, -,     allow
p, one,   user:alice, default, bot, h/t,   call, -,     allow
p, no,    role:a,     *,       bot, h/t,   call, small, deny
p, never, *,          *,       *,   h/no*, call, -,     deny
p, own,   role:a,     *,       *,   k/t,   call, own,   allow
p, veto,  role:a,     *,       *,   h/off, call, small, deny
g, user:alice, role:a, default
"""


def compiled(*rows: Rule) -> Snapshot:
    model = read_model(MODEL, Findings("", []))
    conditions = read_conditions(CONDITIONS, Findings("", []))
    return Snapshot(model, rows, (), conditions, version="v", rows_file="policy.csv", clock=Clock())


def test_all_rows_of_the_winning_effect_decided_in_file_order(tmp_path):
    held = rules(tmp_path, ROWS)
    assert held.decide(who(), "h/t", "call", {"amount": 500}) == Decision(Verdict.ALLOW, ("two", "one"), held.version)
    assert held.decide(who(), "h/t", "call", {"amount": 5}) == Decision(Verdict.DENY, ("no",), held.version)


def test_nothing_matched_is_deny_without_rules(tmp_path):
    held = rules(tmp_path, ROWS)
    for principal, tool, act in (
        (who("bob"), "h/t", "call"), (who(tenant="x"), "h/t", "call"), (who(), "z/t", "call"), (who(), "h/t", "read"),
    ):  # fmt: skip
        assert held.decide(principal, tool, act, {}) == Decision(Verdict.DENY, (), held.version)


def test_a_condition_that_fails_is_named_and_fails_closed(tmp_path):
    held = rules(tmp_path, ROWS)
    assert held.decide(who(), "h/t", "call", {}) == Decision(Verdict.DENY, ("no",), held.version, ("small",))
    assert held.decide(who(), "k/t", "call", {}) == Decision(Verdict.DENY, (), held.version, ("own",))


def test_deny_beats_ask_beats_allow():
    row = Rule("allow", "user:alice", "*", "*", "h/t", "call", "-", Verdict.ALLOW, 1)
    ask, deny = replace(row, id="ask", effect=Verdict.ASK, line=2), replace(row, id="deny", effect=Verdict.DENY, line=3)
    for held, verdict in (((row,), "allow"), ((row, ask), "ask"), ((ask,), "ask"), ((row, ask, deny), "deny")):
        decision = compiled(*held).decide(who(), "h/t", "call", {})
        assert (decision.verdict, decision.rules) == (verdict, (verdict,))


def test_an_ask_row_whose_condition_fails_asks_rather_than_lets_the_call_pass():
    row = Rule("allow", "user:alice", "*", "*", "h/t", "call", "-", Verdict.ALLOW, 1)
    held = compiled(row, replace(row, id="ask", when="small", effect=Verdict.ASK, line=2))
    for args, verdict in (({"amount": 5}, "ask"), ({"amount": 500}, "allow"), ({}, "ask"), ({"amount": "x"}, "ask")):
        assert held.decide(who(), "h/t", "call", args).verdict == verdict


def test_visible_is_what_some_arguments_could_be_permitted(tmp_path):
    held = rules(tmp_path, ROWS)
    tools = frozenset({"h/t", "h/x", "h/no1", "k/t", "h/off", "z/t"})
    assert held.visible(who(), tools) == {"h/t", "h/x", "k/t", "h/off"}
    assert held.visible(who("bob"), tools) == frozenset()


def test_a_tool_that_is_only_asked_for_is_visible():
    ask = Rule("ask", "user:alice", "*", "*", "h/t", "call", "-", Verdict.ASK, 1)
    assert compiled(ask).visible(who(), frozenset({"h/t"})) == {"h/t"}


def test_prompts_and_resources_are_permitted_by_their_own_actions(tmp_path):
    held = rules(
        tmp_path,
        """
p, greet, user:alice, *, *, wiki/greet*,          prompt, -, allow
p, docs,  user:alice, *, *, wiki/file:///docs/**, read,   -, allow
p, drafts, *,         *, *, wiki/file:///docs/drafts/**, read, -, deny
p, all,   user:alice, *, *, wiki/*,               call,   -, allow
""",
    )
    greet, doc, draft = "wiki/greet", "wiki/file:///docs/a/b.md", "wiki/file:///docs/drafts/c"
    everything = frozenset({greet, doc, draft})
    assert held.visible(who(), everything, "prompt") == {greet}
    assert held.visible(who(), everything, "read") == {doc}
    assert held.visible(who(), everything) == {greet}
    for tool, act, verdict in ((greet, "prompt", "allow"), (greet, "read", "deny"), (doc, "read", "allow"), (draft, "read", "deny"), (doc, "prompt", "deny")):  # fmt: skip
        assert held.decide(who(), tool, act, {}).verdict == verdict
        assert held.sees(who(), tool, act) is (verdict == "allow")
        assert not held.sees(who("bob"), tool, act)


def test_uris_that_callers_make_up_are_not_remembered(tmp_path):
    held = rules(tmp_path, "p, docs, user:alice, *, *, wiki/**, read, -, allow\n")
    for number in range(50):
        assert held.sees(who(), f"wiki/a://{number}", "read")
        assert held.decide(who(), f"wiki/a://{number}", "read", {}).verdict is Verdict.ALLOW
    assert not held.snapshot._plans
    assert not held.snapshot._views


def test_what_is_permitted_is_visible(tmp_path):
    held = rules(tmp_path, ROWS)
    tools = frozenset({"h/t", "h/x", "h/no1", "k/t", "z/t"})
    for args in ({}, {"amount": 5}, {"amount": 500, "owner": "alice"}):
        for tool in tools:
            if held.decide(who(), tool, "call", args).verdict is Verdict.ALLOW:
                assert tool in held.visible(who(), tools)


def test_decisions_without_conditions_are_remembered_and_conditions_are_asked_each_time(tmp_path):
    held = rules(tmp_path, ROWS)
    assert held.decide(who(), "h/x", "call", {"a": 1}) is held.decide(who(), "h/x", "call", {"a": 2})
    assert held.decide(who(), "h/t", "call", {"amount": 500}).verdict is Verdict.ALLOW
    assert held.decide(who(), "h/t", "call", {"amount": 5}).verdict is Verdict.DENY


@pytest.mark.parametrize(
    "differs", [{"user": "bob"}, {"agent": "other"}, {"tenant": "other"}, {"roles": frozenset({"z"})}]
)
def test_what_is_remembered_for_one_principal_is_never_told_to_another(differs):
    row = Rule("r", "user:alice", "default", "bot", "h/t", "call", "-", Verdict.ALLOW, 1)
    veto = replace(row, id="veto", sub="role:z", effect=Verdict.DENY, line=2)
    held = compiled(row, veto)
    assert held.decide(who(), "h/t", "call", {}).verdict is Verdict.ALLOW
    assert held.visible(who(), frozenset({"h/t"})) == {"h/t"}
    assert held.decide(replace(who(), **differs), "h/t", "call", {}).verdict is Verdict.DENY
    assert held.visible(replace(who(), **differs), frozenset({"h/t"})) == frozenset()


def test_an_agent_named_like_a_user_shares_nothing_with_it():
    row = Rule("r", "user:bot", "*", "*", "h/t", "call", "-", Verdict.ALLOW, 1)
    held = compiled(row)
    assert held.decide(who("bot", agent="bot"), "h/t", "call", {}).verdict is Verdict.ALLOW
    assert held.decide(who(None, agent="bot"), "h/t", "call", {}).verdict is Verdict.DENY


def test_what_is_remembered_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PLANS", 10)
    monkeypatch.setattr(module, "_LENSES", 10)
    monkeypatch.setattr(module, "_VIEWS", 10)
    held = rules(tmp_path, ROWS)
    for number in range(100):
        held.decide(who(f"u{number}"), f"h/{number}", "call", {})
        held.visible(who(f"u{number}"), frozenset({f"h/{number}"}))
    kept = held.snapshot
    assert max(len(kept._plans), len(kept._lenses), len(kept._views)) <= 10
    assert held.decide(who(), "h/x", "call", {}).rules == ("two",)


def test_a_role_that_no_row_gives_is_noted(tmp_path):
    [note] = rules(tmp_path, "p, r, role:suport, *, *, h/t, call, -, deny").notes
    assert note.startswith("role:suport is in a p row, but no g row gives it")
