"""Three ways to one verdict: the compiled snapshot, plain Casbin, and a brute-force oracle written from the README.

Plain Casbin is three enforcers over the shipped model text, holding the deny, ask and allow rows, each loaded as
`allow`; deny beats ask beats allow. The oracle knows nothing of either. All are asked for the ids of the rows too.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from casbin import Enforcer
from casbin.model import Model as CasbinModel
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.decision import Verdict
from gateway.model.principal import Principal
from gateway.policy.conditions import read_conditions
from gateway.policy.faults import Findings
from gateway.policy.globs import agent_match, tenant_match, tool_match
from gateway.policy.model import read_model
from gateway.policy.rule import Grant, Rule
from gateway.policy.snapshot import Snapshot

TEXT = (Path(__file__).parents[2] / "policies/model.conf").read_text()
FOREIGN = TEXT.replace("r.act == p.act", "(r.act == p.act || r.act == 'any') && r.sub != 'user:c'")
CONDITIONS = {"few": lambda args: args["n"] <= 2, "named": lambda args: args["s"] == "x"}
COMPILED = read_conditions("few: args.n <= 2\nnamed: args.s == 'x'", Findings("", []))
CLOCK = SimpleNamespace(now=lambda: 0.0, monotonic=lambda: 0.0)

TOOLS = ("h/get", "h/get_all", "h/set", "k/get", "k/a/get")
GLOBS = (*TOOLS, "h/*", "h/*", "*/get", "*/*", "*/*", "h/get*", "*/*t", "k/*/get", "*/*/*")
USERS = ("user:a", "user:b", "user:c", "agent:bot")
ROLES = ("role:r0", "role:r1", "role:r2", "role:r3")

rules_of = st.lists(
    st.builds(
        Rule,
        id=st.just(""),
        sub=st.sampled_from((*USERS, *ROLES, "role:r2", "role:r3", "role:r3")),
        tenant=st.sampled_from(("*", "*", "t1", "t1", "t2")),
        agent=st.sampled_from(("*", "*", "bot", "bot", "ops")),
        tool=st.sampled_from(GLOBS),
        act=st.sampled_from(("call", "call", "call", "read", "approve")),
        when=st.sampled_from(("-", "-", "few", "named")),
        effect=st.sampled_from((Verdict.ALLOW, Verdict.ALLOW, Verdict.ASK, Verdict.DENY)),
    ),
    min_size=1,
    max_size=14,
).map(lambda found: tuple(_numbered(found)))
tenants = st.sampled_from(("t1", "t1", "t2"))
ups = st.sampled_from([(low, high) for low in range(4) for high in range(low + 1, 4)])
grants_of = st.frozensets(
    st.builds(Grant, st.sampled_from(USERS), st.sampled_from(ROLES), tenants)
    | st.builds(lambda pair, tenant: Grant(ROLES[pair[0]], ROLES[pair[1]], tenant), ups, tenants),
    max_size=9,
)
arguments = st.sampled_from(({"n": 2, "s": "x"}, {"n": 1}, {"n": 9, "s": "x"}, {"n": "one", "s": "y"}, {}))
anything = st.tuples(
    st.builds(
        Principal,
        st.sampled_from(("t1", "t2", "t3")),
        st.sampled_from(("bot", "ops", "new")),
        st.just("key:k"),
        st.sampled_from(("a", "b", "c", "stranger", None)),
        st.none(),
        st.frozensets(st.sampled_from(("r0", "role:r1", "r3")), max_size=2),
    ),
    st.sampled_from((*TOOLS, "z/get", "z")),
    st.sampled_from(("call", "read", "approve", "any")),
    arguments,
)


@st.composite
def cases(draw):
    """Rules, grants and requests; most requests aim at a rule, or hardly any row would ever match."""
    rules, grants = draw(rules_of), draw(grants_of)
    requests = []
    for _ in range(draw(st.integers(1, 5))):
        principal, tool, act, args = draw(anything)
        if draw(st.integers(0, 3)):
            aim = draw(st.sampled_from(rules))
            kind, _, name = aim.sub.partition(":")
            principal = replace(
                principal,
                tenant="t1" if aim.tenant == "*" else aim.tenant,
                agent=name if kind == "agent" else "bot" if aim.agent == "*" else aim.agent,
                user=name if kind == "user" else None if kind == "agent" else principal.user,
                roles=frozenset({name}) if kind == "role" and draw(st.booleans()) else principal.roles,
            )
            tool = draw(st.sampled_from([tool for tool in TOOLS if fits(tool, aim.tool)]))
            act = aim.act
        requests.append((principal, tool, act, args))
    return rules, grants, requests


def fits(tool, glob):
    """A segment at a time, a star by every way to cut the text."""

    def piece(text, pattern):
        head, star, tail = pattern.partition("*")
        if not star:
            return text == pattern
        return text.startswith(head) and any(piece(text[cut:], tail) for cut in range(len(head), len(text) + 1))

    segments, patterns = tool.split("/"), glob.split("/")
    return len(segments) == len(patterns) and all(map(piece, segments, patterns))


def _numbered(found):
    """Ids and lines; everybody (`*`) stands in some deny rows."""
    for line, rule in enumerate(found, 1):
        sub = "*" if rule.effect is Verdict.DENY and line % 3 == 0 else rule.sub
        yield Rule(f"p{line}", sub, rule.tenant, rule.agent, rule.tool, rule.act, rule.when, rule.effect, line)


def holds(name, args, *, failing):
    try:
        return name == "-" or CONDITIONS[name](args)
    except (KeyError, TypeError):
        return failing


def oracle(rules, grants, foreign, principal, tool, act, args):
    """Straight from the words of the README, one row after the other."""
    names = {principal.subject} | {f"role:{role.removeprefix('role:')}" for role in principal.roles}
    for _ in range(len(grants)):
        names |= {grant.role for grant in grants if grant.member in names and grant.tenant == principal.tenant}
    won = {Verdict.DENY: [], Verdict.ASK: [], Verdict.ALLOW: []}
    for rule in rules:
        if (
            (rule.sub == "*" or rule.sub in names)
            and rule.tenant in ("*", principal.tenant)
            and rule.agent in ("*", principal.agent)
            and fits(tool, rule.tool)
            and (rule.act == act or (foreign and act == "any"))
            and not (foreign and principal.subject == "user:c")
            and holds(rule.when, args, failing=rule.effect is not Verdict.ALLOW)
        ):
            won[rule.effect].append(rule.id)
    return next(((effect, tuple(ids)) for effect, ids in won.items() if ids), (Verdict.DENY, ()))


def visible(rules, grants, foreign, principal):
    """Conditions of deny rows taken as false, of the others as true."""
    hopeful = [replace(rule, when="-") for rule in rules if rule.effect is not Verdict.DENY or rule.when == "-"]
    seen = {tool: oracle(hopeful, grants, foreign, principal, tool, "call", {})[0] for tool in TOOLS}
    return {tool for tool, verdict in seen.items() if verdict is not Verdict.DENY}


class PlainCasbin:
    """Three enforcers, one for each effect."""

    def __init__(self, text, rules, grants):
        self._by_effect = {}
        for effect in (Verdict.DENY, Verdict.ASK, Verdict.ALLOW):
            model = CasbinModel()
            model.load_model_from_text(text)
            enforcer = Enforcer(model)
            for name, function in (
                ("toolMatch", tool_match),
                ("agentMatch", agent_match),
                ("tenantMatch", tenant_match),
            ):
                enforcer.add_function(name, function)
            failing = effect is not Verdict.ALLOW
            enforcer.add_function("holds", lambda name, args, failing=failing: holds(name, args, failing=failing))
            model["p"]["p"].policy = [[*rule.values[:-1], "allow"] for rule in rules if rule.effect is effect]
            self._by_effect[effect] = enforcer
        self._grants = [(grant.member, grant.role, grant.tenant) for grant in grants]

    def __call__(self, principal, tool, act, args):
        asserted = {
            (principal.subject, f"role:{role.removeprefix('role:')}", principal.tenant) for role in principal.roles
        }
        for effect, enforcer in self._by_effect.items():
            # Asserted roles are g rows for the length of this one request.
            enforcer.get_model()["g"]["g"].policy = sorted({*self._grants, *asserted})
            enforcer.build_role_links()
            request = (principal.subject, principal.tenant, principal.agent, tool, act, args)
            if not enforcer.get_model()["p"]["p"].policy:
                continue  # plain Casbin evaluates the matcher over empty columns then; no row means no
            if enforcer.enforce(*request):
                return effect
        return Verdict.DENY


def check(rules, grants, requests, foreign):
    text = FOREIGN if foreign else TEXT
    model = read_model(text, Findings("", []))
    snapshot = Snapshot(model, rules, grants, COMPILED, version="v", rows_file="", clock=CLOCK)
    plain = PlainCasbin(text, rules, grants)
    for principal, tool, act, args in requests * 2:  # the second time from memory
        decision = snapshot.decide(principal, tool, act, args)
        assert (decision.verdict, decision.rules) == oracle(rules, grants, foreign, principal, tool, act, args)
        assert decision.verdict == plain(principal, tool, act, args)
        assert snapshot.visible(principal, frozenset(TOOLS)) == visible(rules, grants, foreign, principal)


@settings(max_examples=120, deadline=None)
@given(cases())
def test_compiled_plain_casbin_and_oracle_agree(case):
    check(*case, foreign=False)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_they_agree_on_a_matcher_that_is_not_understood(case):
    check(*case, foreign=True)


def test_the_comparison_compares_something():
    """Every verdict is reached often enough by rows that matched."""
    reached = Counter()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(cases())
    def count(case):
        rules, grants, requests = case
        for request in requests:
            verdict, ids = oracle(rules, grants, False, *request)
            reached[verdict if ids else "nothing matched"] += 1

    count()
    assert all(reached[kind] >= 10 for kind in (*Verdict, "nothing matched")), reached


@pytest.mark.deep
@settings(max_examples=1000, deadline=None)
@given(cases(), st.booleans())
def test_they_agree_on_many_more(case, foreign):
    check(*case, foreign=foreign)
