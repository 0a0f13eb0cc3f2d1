"""Lists beside tools: what is well-formed is kept, the rest is named and left out, and hides nothing else."""

import pytest

from gateway.catalog.beside import LARGEST, MOST, examine_beside
from gateway.config.upstreams import McpHttp
from gateway.model.tool import Beside, Effect

SERVER = McpHttp.model_validate({"kind": "mcp-http", "url": "http://127.0.0.1:7001/mcp", "timeout": "3s"})
GOOD = {
    "prompts": {"name": "greet", "title": "Greet", "arguments": [{"name": "to", "required": True}], "x": {"y": 1}},
    "resources": {"uri": "note://1", "name": "One", "mimeType": "text/plain", "x": 1},
    "templates": {"uriTemplate": "day://{date}", "name": "Day", "x": 1},
}
OWN = {"prompts": "name", "resources": "uri", "templates": "uriTemplate"}


def examined(kind, *entries, publish=lambda entry, _: entry, before=None):
    return examine_beside("notes", SERVER, Beside(**{kind: entries}), publish, before)


def broken(kind, **members):
    return {**GOOD[kind], **members}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_entry_becomes_a_read_of_its_kind_with_unknown_members_kept(kind):
    offering = examined(kind, GOOD[kind])

    (item,) = offering.items[kind].values()
    own = GOOD[kind][OWN[kind]]
    assert (item.tool.id, item.tool.name, item.tool.upstream) == (f"notes/{own}", own, "notes")
    assert (item.tool.effect, item.tool.timeout_s) == (Effect.READ, 3.0)
    assert item.tool.kind == ("prompt" if kind == "prompts" else "resource")
    assert item.cleaned == item.tool.definition == GOOD[kind]
    assert offering.problems == ()


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    "bad",
    ["", None, 7, "a b", "a\u202eb", "a\x1b[31m", "a\u200b", "x" * 5000],
)
def test_an_entry_whose_name_or_uri_is_unclean_is_hidden_and_hides_nothing_else(kind, bad):
    offering = examined(kind, broken(kind, **{OWN[kind]: bad}), GOOD[kind])

    assert list(offering.items[kind]) == [GOOD[kind][OWN[kind]]]
    (problem,) = offering.problems
    assert problem.startswith("notes")
    assert "hidden: its" in problem
    assert problem.isprintable()


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("entry", [None, "greet", ["greet"], {}, 7])
def test_what_is_no_entry_is_hidden(kind, entry):
    offering = examined(kind, entry, GOOD[kind])

    assert len(offering.items[kind]) == 1
    assert len(offering.problems) == 1


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_listed_twice_is_hidden(kind):
    offering = examined(kind, GOOD[kind], broken(kind, title="another"))

    assert offering.items[kind] == {}
    assert "more than once" in offering.problems[0]


@pytest.mark.parametrize("kind", ["resources", "templates"])
def test_a_resource_without_a_name_is_hidden(kind):
    assert examined(kind, broken(kind, name=None)).items[kind] == {}


@pytest.mark.parametrize(
    "arguments",
    [None, {}, "to", ["to"], [{}], [{"name": 7}], [{"name": ""}], [{"name": "a\u202eb"}], [{"name": "x" * 200}]],
)
def test_a_prompt_whose_arguments_cannot_be_read_is_hidden(arguments):
    offering = examined("prompts", broken("prompts", arguments=arguments), broken("prompts", name="other"))

    assert list(offering.items["prompts"]) == ["other"]


@pytest.mark.parametrize("kind", GOOD)
def test_an_entry_that_is_too_large_is_hidden(kind):
    offering = examined(kind, broken(kind, title="x" * LARGEST), broken(kind, **{OWN[kind]: "small"}))

    assert list(offering.items[kind]) == ["small"]


@pytest.mark.parametrize("kind", GOOD)
def test_what_comes_after_the_most_is_left_out_and_told(kind):
    entries = [broken(kind, **{OWN[kind]: f"n{number}"}) for number in range(MOST[kind] + 2)]

    offering = examined(kind, *entries)

    assert len(offering.items[kind]) == MOST[kind]
    assert offering.problems == (
        f"notes: {kind} {MOST[kind] + 1} to {MOST[kind] + 2}: hidden: there are more than {MOST[kind]}",
    )


@pytest.mark.parametrize("kind", GOOD)
def test_what_cannot_be_cleaned_is_hidden(kind):
    def publish(entry, listed):
        assert listed == kind
        if "bad" in entry[OWN[kind]]:
            raise RuntimeError("text of an exception")
        return {**entry, "cleaned": True}

    offering = examined(kind, broken(kind, **{OWN[kind]: "bad"}), GOOD[kind], publish=publish)

    (item,) = offering.items[kind].values()
    assert item.cleaned["cleaned"]
    assert offering.problems == ("notes/bad: hidden: it could not be cleaned (RuntimeError)",)


def test_only_the_kinds_that_changed_are_told_and_what_did_not_change_is_not_cleaned_again():
    cleaned = []

    def publish(entry, _):
        cleaned.append(entry["name"])
        return entry

    lists = {kind: [entry] for kind, entry in GOOD.items()}
    first = examine_beside("notes", SERVER, Beside(**lists), publish, None)
    assert first.changed(None) == {"prompts", "resources", "templates"}

    lists["resources"] = [broken("resources", title="new")]
    second = examine_beside("notes", SERVER, Beside(**lists), publish, first)

    assert second.changed(first) == {"resources"}
    assert cleaned == ["greet", "One", "Day", "One"]
    assert examine_beside("notes", SERVER, Beside(), publish, None).changed(None) == frozenset()
