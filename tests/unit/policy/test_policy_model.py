"""model.conf: other columns, effects or matchers are load errors; a strange but sound matcher is Casbin's to answer."""

import pytest
from policy_kit import MODEL, rules, who

from gateway.model.decision import Verdict
from gateway.policy.faults import Findings, PolicyFaults
from gateway.policy.model import Column, read_model

STAR = '(p.sub == "*" || g(r.sub, p.sub, r.tenant))'
G = "g(r.sub, p.sub, r.tenant)"


def faults(model: str) -> list[str]:
    found = Findings("model.conf", [])
    assert (read_model(model, found) is None) == bool(found.faults)
    return [str(fault) for fault in found.faults]


def test_the_shipped_model_is_understood_in_full():
    model = read_model(MODEL, Findings("model.conf", []))
    assert (model.columns, model.rest, model.everyone) == (frozenset(Column), (), True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("when, eft", "when, effect", "p is `id, sub, tenant, agent, tool, act, when, effect`"),
        ("p = id, sub, tenant", "p = id, tenant, sub", "p is"),
        ("r = sub, tenant", "r = subject, tenant", "r is"),
        ("g = _, _, _", "g = _, _", "g is `_, _`"),
        (" && !some(where (p.eft == deny))", "", "e is `some(where (p.eft == allow))`"),
        ("== allow)) &&", "== allow))  &&", "e is"),
        ("[matchers]", "[Matchers]", "unknown section [Matchers]: did you mean matchers?"),
        ("[role_definition]\ng = _, _, _", "", "nothing under [role_definition]"),
        ("g = _, _, _", "g = _, _, _\ng2 = _, _", "unknown key 'g2' under [role_definition]"),
        ("g = _, _, _", "g = _, _, _\ng = _, _, _", "g stands on line 11 already"),
        ("g = _, _, _", "g =", "`g` says nothing"),
        ("holds(p.when, r.ctx)", "holds(p.when, r.ctx) # all", "a comment behind a value"),
        (
            "toolMatch(r.tool, p.tool)",
            "keyMatch(r.tool, p.tool)",
            "the matcher's `keyMatch(r_tool, p_tool)` is not understood",
        ),
        ("toolMatch(r.tool, p.tool)", "regexMatch(r.tool, p.tool)", "is not understood"),
        ("toolMatch(r.tool, p.tool)", "r.tool == p.tool && eval(p.when)", "`eval(p_when)` is not understood"),
        ("toolMatch(r.tool, p.tool)", "toolMatch(p.tool)", "is not understood"),
        ("r.act == p.act", "r.act == p.act.upper()", "is not understood"),
        ("r.act == p.act", "r.act == p.action", "`p_action` is not understood"),
        ("r.act == p.act", "r.act == p.act && p.eft == 'allow'", "`p_eft` is not understood"),
        ("r.act == p.act", "r.act == p.act && r.agent != 1", "`1` is not understood"),
        ("r.act == p.act", "r.act = p.act", "does not parse"),
        ("r.act == p.act", "r.act == p.act; r.act", "does not parse"),
        ("r.act == p.act && ", "", "never reads p.act"),
        ("tenantMatch(r.tenant, p.tenant) && ", "", "never reads p.tenant"),
        (" && holds(p.when, r.ctx)", "", "does not ask conditions exactly once"),
        ("&& holds(p.when, r.ctx)", "|| holds(p.when, r.ctx)", "does not ask conditions exactly once"),
        ("&& holds(p.when, r.ctx)", "&& !holds(p.when, r.ctx)", "does not ask conditions exactly once"),
    ],
)
def test_a_model_that_would_answer_otherwise_is_a_load_error(old, new, said):
    assert old in MODEL
    told = faults(MODEL.replace(old, new))
    assert any(said in fault for fault in told), told


def test_plain_g_is_understood_too_but_then_nobody_is_everybody(tmp_path):
    model = read_model(MODEL.replace(STAR, G), Findings("model.conf", []))
    assert (model.columns, model.rest, model.everyone) == (frozenset(Column), (), False)
    with pytest.raises(PolicyFaults, match=r"subject \* means nothing to this matcher"):
        rules(tmp_path, "p, r, *, *, *, h/t, call, -, deny", model=MODEL.replace(STAR, G))


ROWS = """
p, any, role:a, *, *, h/*, call, -, allow
p, own, role:a, *, *, h/t, call, small, allow
p, not, role:a, *, *, h/no, call, -, deny
p, read, role:a, *, *, h/t, read, -, allow
g, user:alice, role:a, default
"""


@pytest.mark.parametrize(
    ("old", "new", "columns"),
    [
        ("r.act == p.act", "r.act == p.act && r.sub != 'user:mallory'", frozenset(Column)),
        ("r.act == p.act", "(r.act == p.act || r.act == 'any')", frozenset(Column) - {Column.ACT}),
        (STAR, "(g(r.sub, p.sub, r.tenant) || r.sub in ('user:root', 'user:bob'))", frozenset(Column) - {Column.SUB}),
        (
            "toolMatch(r.tool, p.tool)",
            "(toolMatch(r.tool, p.tool) && r.tool != 'h/x' || r.tool == 'h/?')",
            frozenset(Column) - {Column.TOOL},
        ),
    ],
)
def test_a_matcher_not_understood_is_answered_by_casbin_and_noted(tmp_path, old, new, columns):
    held = rules(tmp_path, ROWS, model=MODEL.replace(old, new))
    assert held.snapshot.model.columns == columns
    assert "Casbin's enforce()" in held.notes[0]

    def says(principal, tool, act="call"):
        decision = held.decide(principal, tool, act, {"amount": 5})
        return decision.verdict, decision.rules

    assert says(who(), "h/t") == (Verdict.ALLOW, ("any", "own"))
    assert says(who(), "h/no") == (Verdict.DENY, ("not",))
    assert says(who("mallory", roles=("a",)), "h/y")[0] is (Verdict.DENY if "mallory" in new else Verdict.ALLOW)
    assert says(who("bob"), "h/y")[0] is (Verdict.ALLOW if "bob" in new else Verdict.DENY)
    assert says(who(), "h/x")[0] is (Verdict.DENY if "h/x" in new else Verdict.ALLOW)
    assert says(who(), "h/t", "any")[1] == (("any", "own", "read") if "'any'" in new else ())
