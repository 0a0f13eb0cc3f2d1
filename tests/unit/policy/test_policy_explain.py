"""Why not: rows that matched, and rows that nearly did, in few words; and conditions on arguments that do not exist."""

import pytest
from policy_kit import MODEL, rules, who

from gateway.policy.explain import MAX_NEAR
from gateway.policy.schemas import check_conditions

ROWS = """
p, mine,   user:alice, *,    *,   h/ticket_get,    call, -,     allow
p, lead,   role:lead,  *,    *,   h/ticket_get,    call, -,     allow
p, other,  user:alice, *,    ops, h/ticket_get,    call, -,     allow
p, acme,   user:alice, acme, *,   h/ticket_get,    call, -,     allow
p, read,   user:alice, *,    *,   h/ticket_get,    read, -,     allow
p, slip,   user:alice, *,    *,   h/tickets_get,   call, -,     allow
p, far,    user:alice, *,    *,   h/refund_create, call, small, allow
p, twice,  role:lead,  acme, *,   h/ticket_get,    call, -,     allow
g, user:alice, role:support, default
"""


def test_matches_come_first_then_near_misses_with_the_one_column_that_does_not_fit(tmp_path):
    told = rules(tmp_path, ROWS).explain(who(), "h/ticket_get")
    assert [(row.rule, row.matched, row.why) for row in told.rows] == [
        ("mine", True, "matches"),
        ("lead", False, "is for role:lead"),
        ("other", False, "is for agent ops"),
        ("acme", False, "is for tenant acme"),
        ("read", False, "is for action read"),
        ("slip", False, "is for tool h/tickets_get"),
    ]
    assert (told.subject, told.roles) == ("user:alice", ("role:support",))
    assert str(told).splitlines()[:2] == [
        "user:alice (role:support) → call h/ticket_get",
        "  policy.csv:2: allow mine: matches",
    ]


def test_a_condition_is_named(tmp_path):
    [row] = rules(tmp_path, ROWS).explain(who(), "h/refund_create").rows
    assert row.why == "matches when small holds"


def test_a_row_that_asks_is_told_as_such(tmp_path):
    told = rules(tmp_path, "p, big, user:alice, *, *, h/pay, call, small, ask").explain(who(), "h/pay")
    assert str(told).splitlines()[1] == "  policy.csv:1: ask big: matches when small holds"


def test_where_no_row_comes_near_it_says_so(tmp_path):
    assert "no row comes near" in str(rules(tmp_path, ROWS).explain(who("bob"), "z/nothing"))


def test_a_matcher_casbin_answers_is_named_as_the_miss(tmp_path):
    model = MODEL.replace("r.act == p.act", "r.act == p.act && r.sub != 'user:alice'")
    [row] = rules(tmp_path, "p, r, user:alice, *, *, h/t, call, -, allow", model=model).explain(who(), "h/t").rows
    assert (row.matched, row.why) == (False, "every column fits, the rest of the matcher does not")


def test_near_misses_are_few(tmp_path):
    rows = "".join(f"p, r{number}, role:x{number}, *, *, h/t, call, -, allow\n" for number in range(30))
    assert len(rules(tmp_path, rows).explain(who(), "h/t").rows) == MAX_NEAR


SCHEMA = {"type": "object", "properties": {"amount": {}, "owner": {}}}


@pytest.mark.parametrize(
    ("when", "tool", "schemas", "said"),
    [
        ("small", "h/pay", {"h/pay": SCHEMA}, []),
        ("typo", "h/pay", {"h/pay": SCHEMA}, ["policy.csv:1: condition typo reads args.amuont, which h/pay does not have: did you mean amount?"]),
        ("typo", "h/pay", {"h/pay": {"type": "object"}}, []),
        ("typo", "h/pay", {}, []),
        ("small", "h/*", {"h/pay": SCHEMA, "h/get": {"properties": {"id": {}}}}, []),
        ("typo", "h/*", {"h/pay": SCHEMA, "h/get": {"properties": {}}}, ["policy.csv:1: condition typo reads args.amuont, which h/* does not have: did you mean amount?"]),
        ("whole", "h/pay", {"h/pay": SCHEMA}, []),
        ("-", "h/pay", {"h/pay": SCHEMA}, []),
    ],
)  # fmt: skip
def test_a_condition_on_an_argument_no_tool_has_is_a_fault(tmp_path, when, tool, schemas, said):
    held = rules(
        tmp_path,
        f"p, r, user:alice, *, *, {tool}, call, {when}, allow",
        conditions="small: args.amount < 1\ntypo: args.amuont < 1\nwhole: \"'amuont' in args\"",
    )
    assert [str(fault) for fault in check_conditions(held.snapshot, schemas)] == said
