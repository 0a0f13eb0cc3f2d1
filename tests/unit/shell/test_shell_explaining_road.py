"""What is explained is what the road would do: random rules, roles, stops and calls, over real rooms."""

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from shell_explained import MODEL, Clock, Rooms, taught

from gateway.config.schema import Config, Policy
from gateway.model.decision import Verdict
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.stop import StopKind
from gateway.policy.conditions import read_conditions
from gateway.policy.faults import Findings
from gateway.policy.model import read_model
from gateway.policy.rule import Grant, Rule
from gateway.policy.rules import Rules
from gateway.policy.snapshot import Snapshot

TOOLS = ("h/get", "h/set", "k/get")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CONFIG = Config.model_validate(
    {
        "version": 1,
        "upstreams": {name: {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp"} for name in ("h", "k")},
        "agents": {
            "bot": {"tools": ["*/*"], "override": {"h/set": {"name": "change", "args": {"n": {"fixed": 3}}}}},
            "ops": {"tools": ["h/*"]},
        },
    }
)
CATALOG = taught(
    CONFIG,
    h=[{"name": name, "inputSchema": SCHEMA} for name in ("get", "set")],
    k=[{"name": "get", "inputSchema": SCHEMA}],
)
CONDITIONS = read_conditions("few: args.n <= 2\nbroken: args.missing == 1", Findings("", []))
rows_of = st.lists(
    st.builds(
        Rule,
        id=st.sampled_from("abcdef"),
        sub=st.sampled_from(("user:alice", "user:alice", "user:bob", "role:r", "agent:bot")),
        tenant=st.sampled_from(("*", "*", "*", "default", "acme")),
        agent=st.sampled_from(("*", "*", "*", "bot", "ops")),
        tool=st.sampled_from((*TOOLS, "h/*", "*/get", "*/*", "*/*")),
        act=st.sampled_from(("call", "call", "call", "call", "approve")),
        when=st.sampled_from(("-", "few", "few", "broken")),
        effect=st.sampled_from((Verdict.ALLOW, Verdict.ALLOW, Verdict.ASK, Verdict.DENY)),
    ),
    min_size=2,
    max_size=6,
)
grants_of = st.frozensets(
    st.builds(Grant, st.sampled_from(("user:alice", "agent:bot")), st.just("role:r"), st.just("default"))
)
stops_of = st.lists(
    st.sampled_from((("all", ""), ("user", "bob"), ("tool", "h/get"), ("upstream", "k"), ("tenant", "acme"))),
    max_size=1,
)
asked = st.tuples(
    st.sampled_from(("bot", "bot", "bot", "ops", "nobody")),
    st.sampled_from(("alice", "alice", "alice", "bob", None)),
    st.sampled_from(("default", "default", "default", "acme")),
    st.sampled_from((*TOOLS, *TOOLS, "h_get", "change", "k_get", "z/get", "")),
    st.sampled_from(({"n": 1}, {"n": 1}, {"n": 9}, {"n": 9}, {}, {"n": "x"}, {"n": 1, "x_occurrence": 2})),
)


def shops(rows: list[Rule], grants: frozenset[Grant], stopped: list[tuple[StopKind, str]]) -> Rooms:
    model = read_model(MODEL, Findings("", []))
    snapshot = Snapshot(model, rows, grants, CONDITIONS, version="v", rows_file="p.csv", clock=Clock())
    rooms = Rooms(CONFIG, Rules(Policy(), Path(), Clock(), snapshot), CATALOG)
    for kind, target in stopped:
        rooms.stop(kind, target)
    return rooms


def on_the_road(rooms: Rooms, agent: str, user: str | None, tenant: str, tool: str, args: dict[str, Any]) -> str:
    """Where the road would end the call, or how it would let it pass; an agent is shown published names only."""
    principal = Principal(tenant, agent, "key:k", user, "key:k")
    view = rooms.catalog.view(agent, rooms.rules.visible(principal, rooms.catalog.ids(agent)))
    try:
        call = view.resolve(view.name_of(tool) or tool, args)
    except Refused:
        return "catalog" if agent in CONFIG.agents else "identity"
    decision = rooms.rules.decide(principal, call.tool.id, "call", call.arguments)
    if decision.verdict is Verdict.DENY:
        return "policy"
    try:
        rooms.stops.check(principal, call.tool)
    except Refused:
        return "kill switch"
    return "asks" if decision.verdict is Verdict.ASK else "passes"


def explained(rooms: Rooms, *call: Any) -> str:
    steps = rooms.explainer.steps(*call)
    assert all(step.verdict != "stops" for step in steps[:-1])
    if steps[-1].verdict == "stops":
        return steps[-1].room
    return "asks" if any(step.verdict == "asks" for step in steps) else "passes"


@settings(max_examples=150)
@given(rows_of, grants_of, stops_of, st.lists(asked, min_size=1, max_size=6))
def test_what_is_explained_is_what_the_road_would_do(rows: Any, grants: Any, stopped: Any, calls: Any) -> None:
    rooms = shops(rows, grants, stopped)
    for call in calls:
        assert explained(rooms, *call) == on_the_road(rooms, *call)


def test_the_comparison_meets_every_ending() -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=120, database=None, derandomize=True)
    @given(rows_of, grants_of, stops_of, st.lists(asked, min_size=6, max_size=6))
    def count(rows: Any, grants: Any, stopped: Any, calls: Any) -> None:
        rooms = shops(rows, grants, stopped)
        met.update(on_the_road(rooms, *call) for call in calls)

    count()
    assert all(met[end] >= 5 for end in ("identity", "catalog", "policy", "kill switch", "asks", "passes")), met
