"""Curation: what an agent sees is its globs ∩ what it may; hidden and absent look the same."""

import pytest

from gateway.catalog.room import Curation
from gateway.config.schema import Agent
from gateway.model.refusal import Reason, Refused


def unknown(view, name):
    with pytest.raises(Refused) as refused:
        view.resolve(name, {})
    assert refused.value.refusal.reason is Reason.UNKNOWN_TOOL
    return refused.value.refusal.detail


def test_an_agent_sees_only_what_its_globs_let_through(make):
    curation = make.room(make.tool("get_a"), make.tool("put_a"), agent_tools=("helpdesk/get_*", "crm/*"))
    assert curation.ids("bot") == {"helpdesk/get_a"}


def test_an_unknown_agent_sees_nothing(make):
    curation = make.room(make.tool())
    assert curation.ids("stranger") == frozenset()
    assert curation.view("stranger", frozenset({"helpdesk/refund"})).tools == ()


def test_a_view_never_shows_more_than_curation_lets_through(make):
    curation = make.room(make.tool("a"), make.tool("b"), agent_tools=("helpdesk/a",))
    view = curation.view("bot", frozenset({"helpdesk/a", "helpdesk/b"}))
    assert [tool["name"] for tool in view.tools] == ["helpdesk_a"]


def test_a_hidden_tool_is_unknown_in_the_same_words_as_an_absent_one(make):
    curation = make.room(make.tool("seen"), make.tool("hidden"))
    view = curation.view("bot", frozenset({"helpdesk/seen"}))
    assert unknown(view, "helpdesk_hidden") == "Unknown tool: helpdesk_hidden"
    assert unknown(view, "helpdesk_absent") == "Unknown tool: helpdesk_absent"
    assert view.published_schema("helpdesk_hidden") is None


def test_the_name_of_an_unknown_tool_is_quoted_cleaned_and_short(make):
    assert unknown(make.view(make.room()), "a\x1b\u202e" + "x" * 500) == "Unknown tool: a??" + "x" * 61


def test_the_list_is_ordered_by_published_name_whatever_the_upstream_does(make):
    tools = [make.tool(name) for name in "cab"]
    one, other = make.view(make.room(*tools)), make.view(make.room(*reversed(tools)))
    assert [tool["name"] for tool in one.tools] == ["helpdesk_a", "helpdesk_b", "helpdesk_c"]
    assert one.digest == other.digest


def test_the_digest_changes_with_any_published_word(make):
    digests = {
        make.view(make.room(make.tool("a"))).digest,
        make.view(make.room(make.tool("b"))).digest,
        make.view(make.room(make.tool("a", description="Other."))).digest,
        make.view(make.room(make.tool("a"), override={"helpdesk/a": {"description": "Ours."}})).digest,
        make.view(make.room(make.tool("a"), make.tool("b"))).digest,
    }
    assert len(digests) == 5


def test_a_view_is_made_once_per_agent_and_visible_set(make):
    curation = make.room(make.tool("a"), make.tool("b"))
    assert make.view(curation) is make.view(curation)
    assert curation.view("bot", frozenset({"helpdesk/a"})) is not make.view(curation)


def test_the_memo_of_views_is_bounded(make):
    curation = make.room(make.tool("a"))
    for number in range(1500):
        curation.view("bot", frozenset({f"helpdesk/{number}"}))
    assert len(curation._now.views) <= 512


def test_the_version_grows_with_a_change_and_stays_without_one(make):
    curation = make.room(make.tool("a"), make.tool("b"))
    version = curation.version
    curation.learn("helpdesk", [make.tool("b"), make.tool("a")])
    assert curation.version == version
    curation.learn("helpdesk", [make.tool("a")])
    assert curation.version == version + 1
    assert curation.ids("bot") == {"helpdesk/a"}


def test_a_view_taken_before_a_change_keeps_what_it_said(make):
    curation = make.room(make.tool("a"))
    view = make.view(curation)
    curation.learn("helpdesk", [])
    assert view.resolve("helpdesk_a", {"amount": 1, "currency": "EUR"}).tool.name == "a"
    assert make.view(curation).tools == ()


def test_what_did_not_change_is_not_compiled_again(make):
    curation = make.room(make.tool("a"))
    before = curation._now.offers["bot"]["helpdesk/a"].validator
    curation.learn("helpdesk", [make.tool("a"), make.tool("b")])
    assert curation._now.offers["bot"]["helpdesk/a"].validator is before


def test_tools_that_would_share_a_published_name_are_all_hidden_and_reported(make):
    curation = make.room(make.tool("a.b"), make.tool("a_b"), make.tool("c"))
    assert curation.ids("bot") == {"helpdesk/c"}
    assert curation.problems == (
        "agents.bot: helpdesk/a.b, helpdesk/a_b: hidden: they would all be published as helpdesk_a_b",
    )


def test_an_upstream_cannot_take_the_name_an_override_gave_to_another_tool(make):
    override = {"helpdesk/refund": {"name": "helpdesk_pay"}}
    curation = make.room(make.tool("refund"), make.tool("pay"), override=override)
    assert curation.ids("bot") == frozenset()


def test_each_agent_has_its_own_names_and_a_collision_of_one_is_not_one_of_the_other(make):
    agents = {
        "one": Agent.model_validate({"tools": ["helpdesk/*"], "override": {"helpdesk/a": {"name": "helpdesk_b"}}}),
        "two": Agent.model_validate({"tools": ["helpdesk/*"], "override": {"helpdesk/a": {"name": "first"}}}),
    }
    curation = Curation({"helpdesk": make.upstream()}, agents, lambda entry, _: dict(entry))
    curation.learn("helpdesk", [make.tool("a"), make.tool("b")])
    assert curation.ids("one") == frozenset()
    assert [tool["name"] for tool in make.view(curation, "two").tools] == ["first", "helpdesk_b"]


def test_a_problem_goes_away_with_its_cause(make):
    curation = make.room({"name": "bad"})
    assert curation.problems
    curation.learn("helpdesk", [make.tool("bad")])
    assert curation.problems == ()


def test_an_empty_prefix_publishes_the_tools_own_name(make):
    assert make.view(make.room(make.tool("refund"), prefix="")).tools[0]["name"] == "refund"


def test_people_can_ask_for_everything_and_for_the_names_of_an_agent(make):
    curation = make.room(make.tool("b"), make.tool("a"), agent_tools=("helpdesk/a",), tools={"b": {"effect": "read"}})
    assert curation.everything() == [("helpdesk/a", "unset"), ("helpdesk/b", "read")]
    assert curation.names("bot") == {"helpdesk/a": "helpdesk_a"}
    assert curation.names("stranger") == {}


@pytest.mark.parametrize(
    ("prefix", "name", "reason"),
    [
        (None, "help_desk_refund", Reason.UPSTREAM_UNAVAILABLE),
        (None, "shop_refund", Reason.UNKNOWN_TOOL),
        (None, "other_refund", Reason.UNKNOWN_TOOL),
        ("hd", "hd_refund", Reason.UPSTREAM_UNAVAILABLE),
        ("hd", "help_desk_refund", Reason.UNKNOWN_TOOL),
        ("", "refund", Reason.UPSTREAM_UNAVAILABLE),
    ],
)
def test_a_tool_of_a_server_that_was_not_read_yet_may_come_back_and_no_other(make, prefix, name, reason):
    """Of `other` the agent gets nothing, so nothing is said of it."""
    curation = Curation(
        {"help.desk": make.upstream(prefix=prefix), "other": make.upstream()},
        {"bot": Agent.model_validate({"tools": ["help.desk/*"]})},
        lambda entry, _: entry,
    )
    with pytest.raises(Refused) as before:
        curation.view("bot", frozenset()).resolve(name, {})
    assert (before.value.refusal.reason, before.value.refusal.row.executed) == (reason, "no")
    assert before.value.refusal.row.retry == ("after" if reason is Reason.UPSTREAM_UNAVAILABLE else "never")
    curation.learn("help.desk", [])
    with pytest.raises(Refused) as after:
        curation.view("bot", frozenset()).resolve(name, {})
    assert after.value.refusal.reason is Reason.UNKNOWN_TOOL


def test_a_name_that_the_operator_gave_belongs_to_the_server_of_its_tool(make):
    agent = Agent.model_validate({"tools": ["*/*"], "override": {"bank/pay": {"name": "send_money"}}})
    curation = Curation(
        {"bank": make.upstream(), "flat": make.upstream(prefix=""), "bank-2": make.upstream()},
        {"bot": agent},
        lambda entry, _: entry,
    )
    said = {}
    for name in ("send_money", "bank-2_pay", "bank_pay", "anything"):
        with pytest.raises(Refused) as refused:
            curation.view("bot", frozenset()).resolve(name, {})
        said[name] = refused.value.refusal.detail.partition("of upstream ")[2].partition(" ")[0]
    assert said == {"send_money": "bank", "bank-2_pay": "bank-2", "bank_pay": "bank", "anything": "flat"}
