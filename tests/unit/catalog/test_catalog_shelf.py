"""The shelf: curation beside tools, one owner for every name and URI, absent and hidden in the same words."""

import pytest

from gateway.catalog.room import Curation
from gateway.config.schema import Agent
from gateway.config.upstreams import McpHttp, OpenApi
from gateway.model.call import Asked
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Beside
from gateway.wire.strict_json import digest

SERVER = {"kind": "mcp-http", "url": "http://127.0.0.1:7001/mcp"}
SERVICE = OpenApi.model_validate({"kind": "openapi", "url": "http://127.0.0.1:7003", "document": "x.json"})


def note(uri):
    return {"uri": uri, "name": uri[-5:]}


def template(uri):
    return {"uriTemplate": uri, "name": "t"}


def room(lists, *, prompts=(), resources=(), **more):
    """A room that has learnt `lists` for the agent `bot`; `stranger` gets nothing."""
    agents = {
        "bot": Agent.model_validate({"tools": [], "prompts": prompts, "resources": resources}),
        "stranger": Agent.model_validate({"tools": []}),
    }
    servers = {name: McpHttp.model_validate({**SERVER, **more}) for name in lists}
    curation = Curation({**servers, "service": SERVICE}, agents, lambda entry, _: dict(entry))
    for name, beside in lists.items():
        curation.learn_beside(name, beside)
    return curation


def asked(method, name, arguments=None):
    return Asked(name, {} if arguments is None else arguments, "modern", "2026-07-28", method=method)


def found(curation, method, name, arguments=None, *, agent="bot", hidden=()):
    return curation.shelf(agent).find(asked(method, name, arguments), lambda one: one not in hidden)


def owner(curation, uri, **more):
    """The upstream a read goes to; None where it is unknown."""
    try:
        call = found(curation, "resources/read", uri, **more)
    except Refused as refused:
        assert refused.refusal.reason is Reason.UNKNOWN_RESOURCE
        assert (refused.refusal.detail, refused.refusal.data) == ("Resource not found.", {"uri": uri})
        return None
    assert (call.tool.id, call.tool.name, call.arguments) == (f"{call.tool.upstream}/{uri}", uri, {})
    return call.tool.upstream


def listed(curation, kind, agent="bot"):
    shelf = curation.shelf(agent)
    return [
        entry.get("uri", entry.get("uriTemplate", entry["name"])) for entry in shelf.published(kind, shelf.ids(kind))
    ]


def test_nothing_is_seen_by_default():
    curation = room(
        {"a": Beside([{"name": "p"}], [note("n://1")], [template("t://{x}")])}, prompts=["a/*"], resources=["a/**"]
    )
    for kind in ("prompts", "resources", "templates"):
        assert listed(curation, kind)
        assert listed(curation, kind, "stranger") == listed(curation, kind, "nobody") == []
    assert owner(curation, "n://1", agent="stranger") is None
    assert owner(curation, "n://1", agent="nobody") is None


def test_the_digest_of_a_list_is_made_once_for_those_who_see_the_same(monkeypatch):
    shelf = room({"a": Beside([], [note("n://1"), note("n://2")], [])}, resources=["a/**"]).shelf("bot")
    seen = frozenset({"a/n://2"})
    assert shelf.digest("resources", shelf.ids("resources")) == digest([note("n://1"), note("n://2")])
    assert shelf.digest("resources", seen) == digest([note("n://2")])
    monkeypatch.setattr("gateway.wire.strict_json.digest", None)
    assert shelf.digest("resources", seen) == digest([note("n://2")])


def test_prompts_are_published_under_their_upstreams_prefix_and_found_by_that_name_only():
    curation = room({"a": Beside([{"name": "say.hi"}, {"name": "bye"}])}, prompts=["a/*"])
    assert listed(curation, "prompts") == ["a_bye", "a_say_hi"]
    call = found(curation, "prompts/get", "a_say_hi", {"to": "Ann"})
    assert (call.tool.id, call.tool.name, call.published_name, call.arguments) == (
        "a/say.hi",
        "say.hi",
        "a_say_hi",
        {"to": "Ann"},
    )
    for other in ("say.hi", "a/say.hi", "A_say_hi"):
        with pytest.raises(Refused) as refused:
            found(curation, "prompts/get", other)
        assert refused.value.refusal.reason is Reason.UNKNOWN_PROMPT


def test_only_what_the_patterns_name_is_on_the_shelf():
    lists = {
        "a": Beside(
            [{"name": "x"}, {"name": "y"}], [note("n://1"), note("m://1")], [template("t://{x}"), template("u://{x}")]
        )
    }
    curation = room(lists, prompts=["a/x"], resources=["a/n://*", "a/t://{x}"])
    assert [listed(curation, kind) for kind in ("prompts", "resources", "templates")] == [
        ["a_x"],
        ["n://1"],
        ["t://{x}"],
    ]


def test_the_order_of_a_list_does_not_depend_on_the_upstream():
    one = room({"a": Beside(resources=[note("n://2"), note("n://1")])}, resources=["a/**"])
    assert listed(one, "resources") == ["n://1", "n://2"]


def test_prompts_that_would_share_a_published_name_are_all_hidden_and_reported():
    curation = room({"a": Beside([{"name": "x.y"}, {"name": "x_y"}, {"name": "z"}])}, prompts=["a/*"])
    assert listed(curation, "prompts") == ["a_z"]
    assert curation.problems == ("agents.bot: a/x.y, a/x_y: hidden: they would all be published as a_x_y",)


@pytest.mark.parametrize(
    ("beside", "kind", "same"),
    [
        (Beside(resources=[note("n://1")]), "resources", "they have the same URI"),
        (Beside(templates=[template("n://{x}")]), "templates", "they have the same template"),
    ],
)
def test_what_two_upstreams_of_an_agent_both_list_is_nobodys(beside, kind, same):
    curation = room({"a": beside, "b": beside}, resources=["a/**", "b/n://{x}", "b/n://1"])
    assert listed(curation, kind) == []
    assert owner(curation, "n://1") is None
    ids = ", ".join(f"{upstream}/{'n://1' if kind == 'resources' else 'n://{x}'}" for upstream in "ab")
    assert curation.problems == (f"agents.bot: {ids}: hidden: {same}",)


def test_what_two_upstreams_dispute_falls_to_neither_by_a_template_or_pattern_of_its_own():
    lists = {
        "a": Beside(resources=[note("n://1")], templates=[template("n://{x}"), template("t://{x}")]),
        "b": Beside(resources=[note("n://1")], templates=[template("t://{x}")]),
    }
    curation = room(lists, resources=["a/**", "b/n://1", "b/t://{x}"])
    assert owner(curation, "n://2") == "a"
    assert owner(curation, "n://1") is None
    assert owner(curation, "t://1") is None


def test_a_uri_of_two_upstreams_is_the_one_the_agent_has():
    both = Beside(resources=[note("n://1")])
    curation = room({"a": both, "b": both}, resources=["b/**"])
    assert owner(curation, "n://1") == "b"
    assert curation.problems == ()


def test_a_listed_uri_goes_to_who_lists_it_whatever_a_template_covers():
    lists = {"a": Beside(templates=[template("n://{x}")]), "b": Beside(resources=[note("n://1")])}
    curation = room(lists, resources=["*/**"])
    assert owner(curation, "n://1") == "b"
    assert owner(curation, "n://2") == "a"


def test_a_uri_that_templates_of_two_upstreams_cover_is_nobodys():
    lists = {"a": Beside(templates=[template("n://{x}")]), "b": Beside(templates=[template("{+all}")])}
    curation = room(lists, resources=["*/**"])
    assert owner(curation, "n://1") is None


def test_a_template_takes_the_digest_of_its_definition_into_the_call():
    curation = room({"a": Beside(templates=[template("n://{x}")])}, resources=["a/**"])
    assert found(curation, "resources/read", "n://1").tool.definition == template("n://{x}")


def test_a_template_seen_through_a_star_gives_no_uri_that_the_star_would_not():
    lists = {"a": Beside(templates=[template("{+everything}")])}
    starred = room(lists, resources=["a/*"])
    assert listed(starred, "templates") == ["{+everything}"]
    assert owner(starred, "note:1") == "a"
    assert owner(starred, "file:///etc/passwd") is None
    assert owner(room(lists, resources=["a/{+everything}"]), "file:///etc/passwd") == "a"


def test_what_nobody_lists_goes_to_the_one_upstream_the_patterns_give_it_to():
    curation = room({"a": Beside(), "b": Beside()}, resources=["a/n://**", "b/m://**", "*/o://**", "service/p://**"])
    assert owner(curation, "n://x/y") == "a"
    assert owner(curation, "m://x") == "b"
    assert owner(curation, "o://x") is None
    assert owner(curation, "p://x") is None
    assert owner(curation, "q://x") is None


@pytest.mark.parametrize(
    "uri", ["file:///docs/../etc/passwd", "file:///docs/%2e%2e/etc", "file:///%64ocs/a", "file:///docs/a\u202e"]
)
def test_a_uri_that_could_be_another_one_is_unknown_unless_it_is_listed(uri):
    curation = room({"a": Beside(templates=[template("file:///{+path}")])}, resources=["a/file:///**"])
    assert owner(curation, "file:///docs/a") == "a"
    assert owner(curation, uri) is None


@pytest.mark.parametrize("uri", ["n://1", "t://1", "g://1"])
def test_what_policy_hides_is_unknown_in_the_words_of_what_is_absent(uri):
    lists = {"a": Beside(resources=[note("n://1")], templates=[template("t://{x}")])}
    curation = room(lists, resources=["a/**"])
    assert owner(curation, uri) == "a"
    assert owner(curation, uri, hidden={f"a/{uri}"}) is None


def test_a_completion_names_the_prompt_as_its_upstream_does():
    curation = room({"a": Beside([{"name": "say.hi"}])}, prompts=["a/*"])
    params = {
        "ref": {"type": "ref/prompt", "name": "a_say_hi", "title": "t"},
        "argument": {"name": "to", "value": "A"},
        "context": {},
    }
    call = found(curation, "completion/complete", "a_say_hi", params)
    assert (call.tool.id, call.tool.kind) == ("a/say.hi", "completion")
    assert call.arguments == {**params, "ref": {"type": "ref/prompt", "name": "say.hi", "title": "t"}}
    with pytest.raises(Refused) as refused:
        found(curation, "completion/complete", "a_say_hi", params, hidden={"a/say.hi"})
    assert refused.value.refusal.reason is Reason.UNKNOWN_PROMPT


@pytest.mark.parametrize("uri", ["t://{x}", "n://1"])
def test_a_completion_of_a_uri_is_of_a_listed_template_or_resource(uri):
    lists = {"a": Beside(resources=[note("n://1")], templates=[template("t://{x}")])}
    curation = room(lists, resources=["a/**"])
    params = {"ref": {"type": "ref/resource", "uri": uri}, "argument": {"name": "x", "value": ""}}
    call = found(curation, "completion/complete", uri, params)
    assert (call.tool.id, call.tool.kind, call.arguments) == (f"a/{uri}", "completion", params)
    for name, hidden in ((uri, {f"a/{uri}"}), ("t://7", set()), ("{+x}", set())):
        with pytest.raises(Refused) as refused:
            found(curation, "completion/complete", name, params, hidden=hidden)
        assert refused.value.refusal.reason is Reason.UNKNOWN_RESOURCE


def test_a_shelf_taken_before_a_change_keeps_what_it_said():
    curation = room({"a": Beside(resources=[note("n://1")])}, resources=["a/n://1"])
    shelf = curation.shelf("bot")
    assert curation.learn_beside("a", Beside()) == {"resources"}
    assert shelf.ids("resources") == {"a/n://1"}
    assert listed(curation, "resources") == []
    assert curation.learn_beside("a", Beside()) == frozenset()


def test_lists_that_no_agent_could_see_anything_of_are_not_wanted():
    curation = room({"a": Beside(), "b": Beside(), "c": Beside()}, prompts=["a/*"], resources=["b*/x:1", "service/*"])
    assert [curation.wants_beside(name) for name in ("a", "b", "c", "service")] == [True, True, False, False]
