"""conditions.yaml: compiled once, refused where it could hang, and failing closed where it cannot be evaluated."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_kit import Clock, rules, who

from gateway.cel_lint import Source
from gateway.model.decision import Verdict
from gateway.policy.conditions import MAX_WEIGHT, read_conditions
from gateway.policy.faults import Findings

ALLOW = "p, r, user:alice, *, *, h/t, call, c, allow"
DENY = "p, open, user:alice, *, *, h/t, call, -, allow\np, r, user:alice, *, *, h/t, call, c, deny"


def faults(text: str) -> list[str]:
    found = Findings("conditions.yaml", [])
    read_conditions(text, found)
    return [str(fault) for fault in found.faults]


def decided(folder, rows, expression, args, **principal):
    return rules(folder, rows, f"c: {json.dumps(expression)}").decide(who(**principal), "h/t", "call", args)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 'args.x >'", "does not parse as CEL at column 9"),
        ("a:", "does not parse as CEL"),
        (
            "\na: args.x == arg.y",
            "conditions.yaml:2: condition 'a' reads 'arg', which is nothing here: did you mean args?",
        ),
        ("a: lenght(args.x) > 1", "calls lenght(), which does not exist"),
        ("a: args.x.map(y, y + 1) == []", "uses map()"),
        ("a: size(args.x.filter(y, y > 1)) > 1", "uses filter()"),
        ("a: args.x.all(y, y.exists(z, z > 1))", "has a loop inside a loop"),
        ("a: args.x.all(y, y.matches('a'))", "uses matches() beside a loop"),
        ("a: args.x.matches(args.y)", "takes a pattern from somewhere"),
        ("a: args.x.matches('(a')", "has a pattern that is not a regular expression"),
        ("a: args.x.all(args, args > 1)", "calls its own variable 'args'"),
        ("a: args.x.all(i, v, v > 1)", "calls all(), which does not exist"),
        ('a: \'args.x == """y"""\'', "triple-quoted"),
        (f"a: args.x == '{'y' * 1000}'", "has more than 1000 characters"),
        ("a: args.x\na: args.y", "conditions.yaml:2: condition 'a' stands on line 1 already"),
        ("a: [args.x]", "one name and one expression"),
        ("[x]: args.x", "one name and one expression"),
        ("- args.x", "not a list of names"),
        ("a: b: c", "conditions.yaml:1: not YAML"),
        ("a b: args.x", "condition name 'a b'"),
        ('"-": args.x', "condition name '-'"),
        ("[" * 3000, "not YAML"),
    ],
)
def test_a_condition_that_cannot_or_must_not_run_is_a_load_error(text, said):
    told = faults(text)
    assert any(said in fault for fault in told), told


def test_words_inside_strings_and_comments_mean_nothing():
    assert faults("a: args.x == \"y.map(z, z)\" || args.x == 'w.all(args, a.all(b, c))' // .filter(x, x)") == []


def test_an_empty_file_has_no_conditions():
    assert faults("# nothing yet\n") == []


@pytest.mark.parametrize(
    ("expression", "args", "holds"),
    [
        ("args.amount <= 100", {"amount": 100}, True),
        ("args.amount <= 100", {"amount": 100.5}, False),
        ("args.amount <= 100", {"amount": 10**30}, False),
        ("args.amount <= 100", {}, None),
        ("args.amount <= 100", {"amount": "1"}, None),
        ("args.amount <= 100", {"amount": True}, None),
        ("args.amount", {"amount": 5}, None),
        ("has(args.note) && args.note != ''", {}, False),
        ("'note' in args", {"note": 1}, True),
        ('args["cost-centre"] == 7', {"cost-centre": 7}, True),
        ("args.to.all(x, x.endsWith('@example.com'))", {"to": ["a@example.com", "b@evil.example"]}, False),
        ("args.code.matches(r'^[A-Z]{2}\\d+$')", {"code": "AB12"}, True),
        ("args.owner == user && agent == 'bot' && tool == 'h/t'", {"owner": "alice"}, True),
        ("now.getHours() == 12 && now.getDayOfWeek() == 1", {}, True),
        ("now > timestamp('2025-06-02T11:59:59Z')", {}, True),
    ],
)
def test_a_condition_decides_and_fails_closed(tmp_path, expression, args, holds):
    allow, deny = decided(tmp_path, ALLOW, expression, args), decided(tmp_path, DENY, expression, args)
    assert allow.verdict is (Verdict.ALLOW if holds else Verdict.DENY)
    assert deny.verdict is (Verdict.ALLOW if holds is False else Verdict.DENY)
    assert allow.errors == deny.errors == (("c",) if holds is None else ())
    assert deny.rules == (("open",) if holds is False else ("r",))


def test_a_machine_has_no_user_and_null_is_not_one(tmp_path):
    rows = ALLOW.replace("user:alice", "agent:bot")
    decision = decided(tmp_path, rows, "args.owner == user", {"owner": None}, user=None)
    assert (decision.verdict, decision.errors) == (Verdict.DENY, ("c",))


def test_the_clock_is_read_at_each_decision(tmp_path):
    clock = Clock()
    held = rules(tmp_path, ALLOW, "c: now.getHours() < 18", clock=clock)
    assert held.decide(who(), "h/t", "call", {}).verdict is Verdict.ALLOW
    clock.at += 6 * 3600
    assert held.decide(who(), "h/t", "call", {}).verdict is Verdict.DENY


def test_a_loop_over_more_than_the_limit_fails_closed(tmp_path):
    held = rules(tmp_path, DENY, "c: args.a.all(x, x in args.a)")
    assert held.decide(who(), "h/t", "call", {"a": [1] * (MAX_WEIGHT - 10)}).rules == ("r",)
    for heavy in ([1] * 3_000, ["x" * 10_000_000], {"x" * 200_000: 1}, [[[1] * 2000]]):
        decision = held.decide(who(), "h/t", "call", {"a": heavy})
        assert (decision.rules, decision.errors) == (("r",), ("c",))


def test_only_the_arguments_it_reads_count(tmp_path):
    held = rules(tmp_path, ALLOW, "c: args.to.all(x, x > 0)")
    args = {"to": [1, 2], "body": "x" * 10_000_000, "odd": object()}
    assert held.decide(who(), "h/t", "call", args).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("expression", "reads"),
    [
        ("args.amount > 0 && has(args.note.text)", {"amount", "note"}),
        ("args['rate'] == 1 && args[\"r2\"] == r'args.z'", {"rate", "r2"}),
        ("x.args.y == 1 && args.size.size() > 1", {"size"}),
        ("'a' in args", None),
        ("args.size() > 0", None),
        ("args[user] == 1", None),
        ("args['a\\'b'] == 1", None),
        ("user == 'args.x'", set()),
    ],
)
def test_what_a_condition_reads_is_found_outside_strings(expression, reads):
    assert Source.of(expression).reads == reads


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
PROGRAMS = read_conditions(
    "a: args.a < 100\nb: args.a == args.b\nc: args.a.all(x, x in args.b)\nd: args.a + args.b == args.a\n"
    "e: args.a[0].startsWith(args.b)\nf: timestamp(args.a) < now\ng: int(args.a) % int(args.b) > 0\n"
    "h: duration(args.a) > duration('1s')\ni: args.a.matches('x+')\nj: string(args.a) == args.b\nk: size(args) > 1\n",
    Findings("", []),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PROGRAMS)), JSON, JSON)
def test_any_argument_gives_true_false_or_cannot_be_evaluated(name, a, b):
    assert PROGRAMS[name].holds({"args": {"a": a, "b": b}}) in (True, False, None)
