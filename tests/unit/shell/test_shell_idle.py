"""What can never match is found: rows of policy, and patterns of agents, for tools and for what stands beside them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shell_house import written

from gateway.checking import warnings
from gateway.config.globs import matches
from gateway.config.load import load
from gateway.idle import overlap

ROOT = Path(__file__).parents[3]
UPSTREAMS = {
    "wiki": {"kind": "mcp-http", "url": "http://127.0.0.1:1/mcp"},
    "api": {"kind": "openapi", "url": "http://127.0.0.1:1", "document": "http://127.0.0.1:1/openapi.json"},
}
SEES = {"tools": ["*/*"], "prompts": ["wiki/draft_*"], "resources": ["wiki/kb://**"]}
ROWS = """\
g, user:alice, role:support, default
p, calls,   role:support, default, *, */*,            call,   -, allow
p, prompts, role:support, default, *, wiki/*,         prompt, -, allow
p, reads,   role:support, default, *, wiki/kb://a/**, read,   -, allow
"""
GLOBS = st.lists(st.sampled_from(["a", "ab", "*", "a*", "*b", "a*b", "**", "kb:", ""]), min_size=1, max_size=4).map(
    "/".join
)
NAMES = st.lists(st.sampled_from(["a", "ab", "b", "aab", "kb:", ""]), min_size=1, max_size=4).map("/".join)


def told(folder: Path, row: str = "", **agent: Any) -> list[str]:
    agents = {"bot": {**SEES, **agent}, "other": {"tools": ["*/*"]}}
    return warnings(written(folder, ROWS + row, upstreams=UPSTREAMS, agents=agents), folder)


def test_what_can_match_is_not_mentioned(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_the_example_has_nothing_that_can_never_match() -> None:
    assert warnings(load(ROOT / "config.example.yaml"), ROOT) == []


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("role:support, default, *, wiki/erase, prompt, -, allow", "wiki/erase is not among the prompts of any agent"),
        ("role:support, default, other, wiki/*, prompt, -, allow", "wiki/* is not among the prompts of agent other"),
        ("role:support, default, ghost, wiki/*, prompt, -, allow", "wiki/* is not among the prompts of agent ghost"),
        ("role:support, default, *, wiki/*, read, -, allow", "wiki/* is not among the resources of any agent"),
        ("role:support, default, *, api/**, read, -, allow", "api/** is not among the resources of any agent"),
        ("role:support, default, *, wikki/*, call, -, allow", "wikki/* is not among the tools of any agent"),
        ("*, *, *, wikki/**, read, -, deny", "wikki/** is not among the resources of any agent"),
    ],
)
def test_a_row_that_can_never_match_is_named_with_its_line(tmp_path: Path, row: str, why: str) -> None:
    assert told(tmp_path, f"p, new, {row}\n") == [f"policy.csv:5: new can never match: {why}: correct one of them"]


@pytest.mark.parametrize(
    "row",
    [
        "*, *, *, wiki/never_shown, prompt, -, deny",
        "role:support, default, *, wiki/d*t_reply, prompt, -, allow",
        "role:support, default, bot, */kb://b/*, read, -, allow",
        "role:support, default, bot, wiki/never_shown, approve, -, allow",
    ],
)
def test_a_row_that_may_match_is_not_mentioned(tmp_path: Path, row: str) -> None:
    assert told(tmp_path, f"p, new, {row}\n") == []


@pytest.mark.parametrize(
    ("agent", "told_of"),
    [
        (
            {"resources": ["wiki/kb://**", "wiki/log://**"]},
            "resources: wiki/log://**: no row of policy.csv permits `read`",
        ),
        ({"prompts": ["wiki/draft_*", "wiki/a/*"]}, "prompts: wiki/a/*: no row of policy.csv permits `prompt`"),
    ],
)
def test_a_pattern_that_no_row_permits_is_named(tmp_path: Path, agent: dict[str, Any], told_of: str) -> None:
    assert told(tmp_path, **agent) == [f"agents.bot.{told_of} there: add one, or remove it"]


def test_a_pattern_for_what_plain_http_does_not_have_is_named(tmp_path: Path) -> None:
    row = "p, all, role:support, default, *, */**, read, -, allow\n"
    (line,) = told(tmp_path, row, resources=["wiki/kb://**", "api/**"])
    assert line == "agents.bot.resources: api/**: only MCP servers have resources: remove it"


def test_a_row_for_what_plain_http_does_not_have_is_named(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "p, new, role:support, default, *, api/**, read, -, allow\n", resources=["*/**"])
    assert line.startswith("policy.csv:5: new can never match: api/** is not among the resources of any agent")


def test_a_pattern_for_resources_that_stops_at_a_slash_is_named(tmp_path: Path) -> None:
    row = "p, all, role:support, default, *, */**, read, -, allow\n"
    (line,) = told(tmp_path, row, resources=["wiki/kb://**", "wiki/*"])
    assert line == "agents.bot.resources: wiki/*: takes in no URI that holds a slash: write wiki/** for every URI"


def test_a_role_that_nobody_has_is_named(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "p, new, role:boss, default, *, wiki/*, prompt, -, allow\n")
    assert line.startswith("role:boss is in a p row, but no g row gives it to anybody")


@given(GLOBS, GLOBS, NAMES)
def test_two_globs_that_take_in_one_name_overlap(one: str, other: str, name: str) -> None:
    if matches(one, name) and matches(other, name):
        assert overlap(one, other)
        assert overlap(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("w/a", "w/b"), ("w/*", "w/a/b"), ("w/a*", "w/b*"), ("w/*a", "w/*b"), ("w/**", "w"), ("w/a/**", "w/a"), ("w/a/**", "v/**")],
)  # fmt: skip
def test_two_globs_that_have_no_name_in_common_do_not_overlap(one: str, other: str) -> None:
    assert not overlap(one, other)
    assert not overlap(other, one)
