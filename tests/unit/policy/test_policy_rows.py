"""policy.csv: each row that Casbin would skip or misread is a load error with file, line and remedy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_kit import row_faults

from gateway.model.decision import Verdict
from gateway.policy.faults import Findings
from gateway.policy.rows import Dialect, read_rows

GOOD = "p, r1, role:support, default, bot, helpdesk/*_get, call, -, allow"

TRAPS = {
    "an effect that is none": ("p, r, role:a, *, *, h/t, call, -, deni", "unknown effect 'deni': did you mean deny?"),
    "an effect in capitals": ("p, r, role:a, *, *, h/t, call, -, Deny", "unknown effect 'Deny': did you mean deny?"),
    "a comment behind a row": ("p, r, role:a, *, *, h/t, call, -, deny # no", "unknown effect 'deny # no'"),
    "asking who may approve": (
        "p, r, role:a, *, *, h/t, approve, -, ask",
        "effect ask in a row for approve: only a call can wait for a person; write allow or deny",
    ),
    "asking everybody": ("p, r, *, *, *, h/t, call, -, ask", "only deny may mean everybody"),
    "a section in capitals": ("P, r, role:a, *, *, h/t, call, -, deny", "unknown section 'P': did you mean p?"),
    "a section of another model": ("p2, r, role:a, *, *, h/t, call, -, deny", "unknown section 'p2'"),
    "a missing column": ("p, r, role:a, *, *, h/t, call, deny", "a p row has 8 columns after p, this one has 7"),
    "a column too many": ("p, r, role:a, *, *, h/t, call, -, deny, x", "this one has 9"),
    "a g row without tenant": ("g, user:alice, role:a", "a g row has 3 columns after g, this one has 2"),
    "an empty column": ("p, r, role:a, , *, h/t, call, -, deny", "column 4 is empty"),
    "a subject without kind": ("p, r, admin, *, *, h/t, call, -, deny", "subject 'admin' has no kind"),
    "everybody permitted": ("p, r, *, *, *, h/t, call, -, allow", "only deny may mean everybody"),
    "a subject glob": ("p, r, user:*, *, *, h/t, call, -, deny", "subject 'user:*' has no kind, or blanks or *"),
    "a blank in a subject": ("p, r, user:al ice, *, *, h/t, call, -, deny", "has no kind, or blanks"),
    "an agent with its kind": ("p, r, role:a, *, agent:bot, h/t, call, -, deny", "write the bare agent id"),
    "a tenant glob": ("p, r, role:a, acme-*, *, h/t, call, -, deny", "tenant 'acme-*'"),
    "a rule id with blanks": ("p, my rule, role:a, *, *, h/t, call, -, deny", "rule id 'my rule'"),
    "an unknown action": ("p, r, role:a, *, *, h/t, cal, -, deny", "unknown action 'cal': did you mean call?"),
    "an action glob": (
        "p, r, role:a, *, *, h/t, *, -, deny",
        "unknown action '*': write one of approve, call, prompt, read",
    ),
    "an unknown condition": (
        "p, r, role:a, *, *, h/t, call, smal, deny",
        "unknown condition 'smal': did you mean small?",
    ),
    "an expression for a condition": ("p, r, role:a, *, *, h/t, call, args.x > 1, deny", "unknown condition"),
    "a tool without upstream": ("p, r, role:a, *, *, *, call, -, deny", "tool '*' names no upstream"),
    "a double star": ("p, r, role:a, *, *, h/**/x, call, -, deny", "* never crosses a /"),
    "a regular expression": ("p, r, role:a, *, *, h/del.*, call, -, deny", "looks like a regular expression"),
    "needless quotes": ('p, r, role:a, *, *, "h/t", call, -, deny', "quotes around a field that needs none"),
    "quotes that do not pair up": ('p, r, "role:a, *, *, h/t, call, -, deny', "quotes that do not pair up"),
    "quotes inside a field": ('p, r, role:"a", *, *, h/t, call, -, deny', "quotes around a field that needs none"),
    "an indented comment": ("  # p, r", "a comment that does not start in the first column"),
    "a tab": ("p,\tr, role:a, *, *, h/t, call, -, deny", "a character nobody can see (U+0009)"),
    "a no-break space": ("p, r, role:a,\u00a0*, *, h/t, call, -, deny", "(U+00A0)"),
    "a zero-width space": ("p, r, role:a\u200b, *, *, h/t, call, -, deny", "(U+200B)"),
    "a line separator": (
        "# note\u2028p, r, role:a, *, *, h/t, call, -, deny",
        "a line break that only some editors show",
    ),
    "a lone carriage return": (
        "# note\rp, r, role:a, *, *, h/t, call, -, deny",
        "a line break that only some editors show",
    ),
    "a role given to a user": ("g, role:a, user:alice, default", "'user:alice' is no role"),
    "a member without kind": ("g, alice, role:a, default", "member 'alice' has no kind"),
    "a role without kind": ("g, user:alice, a, default", "'a' is no role"),
    "a role in every tenant": ("g, user:alice, role:a, *", "tenant '*'"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_a_load_error_with_its_remedy(trap):
    rows, said = TRAPS[trap]
    faults = row_faults(rows)
    assert len(faults) == 1
    assert said in faults[0]
    assert faults[0].startswith("policy.csv:1: ")


def test_all_faults_are_told_at_once_each_with_its_line():
    faults = row_faults(f"{GOOD}\n\n# fine\nP, x\np, r2, nobody, *, *, nothing, fly, -, maybe\n")
    assert [fault.split(":")[1] for fault in faults] == ["4", "5", "5", "5", "5"]


def test_rows_may_ask_and_say_who_approves():
    assert row_faults("p, a, role:a, *, *, h/t, call, small, ask\np, b, role:b, *, *, h/t, approve, own, allow") == []


def test_the_same_rule_id_twice_names_the_first_line():
    assert row_faults(f"{GOOD}\n{GOOD}") == ["policy.csv:2: rule id 'r1' stands on line 1 already: give it its own id"]


def test_everybody_needs_a_matcher_that_knows_it():
    [fault] = row_faults("p, r, *, *, *, h/t, call, -, deny", everyone=False)
    assert "subject * means nothing to this matcher" in fault


def test_rows_keep_their_values_order_and_lines():
    text = f'# head\r\n{GOOD}\r\n\r\ng, "user:CN=Doe,OU=x", role:support, default\r\n'
    found = Findings("policy.csv", [])
    [rule], [grant] = read_rows(text, Dialect(()), found)
    assert not found.faults
    assert rule.values == ("r1", "role:support", "default", "bot", "helpdesk/*_get", "call", "-", "allow")
    assert (rule.effect, rule.line, grant.member, grant.line) == (Verdict.ALLOW, 2, "user:CN=Doe,OU=x", 4)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.text('pg, "*#-/\n\r', max_size=60))
def test_any_text_gives_rows_or_faults_and_never_another_error(text):
    found = Findings("policy.csv", [])
    rules, grants = read_rows(text, Dialect(()), found)
    written = [line for line in text.split("\n") if line.removesuffix("\r").strip(" ") and not line.startswith("#")]
    assert len(rules) + len(grants) + len(found.faults) >= len(written)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_a_slip_of_one_character_never_loses_the_row_silently(place, typed):
    text = GOOD[:place] + typed + GOOD[place + 1 :]
    found = Findings("policy.csv", [])
    rules, _ = read_rows(text, Dialect(()), found)
    assert rules or found.faults or text.startswith("#")
