"""An upstream's list: one bad entry is named and left out, and never hides the others."""

import pytest

from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect

BAD = {
    "no name": {"inputSchema": {"type": "object"}},
    "empty name": {"name": "", "inputSchema": {"type": "object"}},
    "name is a number": {"name": 7, "inputSchema": {"type": "object"}},
    "name with a star": {"name": "get_*", "inputSchema": {"type": "object"}},
    "name with a line break": {"name": "a\nb", "inputSchema": {"type": "object"}},
    "name with an override mark": {"name": "a\u202eb", "inputSchema": {"type": "object"}},
    "long name": {"name": "x" * 129, "inputSchema": {"type": "object"}},
    "no schema": {"name": "bad"},
    "schema is a list": {"name": "bad", "inputSchema": []},
    "root is not an object": {"name": "bad", "inputSchema": {"type": "array"}},
    "root type is missing": {"name": "bad", "inputSchema": {}},
    "root may be null": {"name": "bad", "inputSchema": {"type": ["object", "null"]}},
    "invalid schema": {"name": "bad", "inputSchema": {"type": "object", "required": "a"}},
    "remote reference": {"name": "bad", "inputSchema": {"type": "object", "$ref": "http://127.0.0.1:9/s"}},
    "argument of ours": {"name": "bad", "inputSchema": {"type": "object", "properties": {"x_occurrence": {}}}},
    "required of ours": {"name": "bad", "inputSchema": {"type": "object", "required": ["x_reason"]}},
    "too large": {"name": "bad", "description": "x" * 512 * 1024, "inputSchema": {"type": "object"}},
    "not JSON": {"name": "bad", "extra": {1, 2}, "inputSchema": {"type": "object"}},
    "NaN": {"name": "bad", "extra": float("nan"), "inputSchema": {"type": "object"}},
    "not an object": "bad",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_definition_is_hidden_and_named_and_the_others_stay(make, bad):
    curation = make.room(make.tool("first"), bad, make.tool("last"))
    assert curation.ids("bot") == {"helpdesk/first", "helpdesk/last"}
    assert len(curation.problems) == 1
    assert curation.problems[0].startswith("helpdesk")
    assert curation.problems[0].isascii()


def test_a_name_that_comes_twice_is_hidden_both_times(make):
    curation = make.room(make.tool("refund"), make.tool("refund", description="Another."), make.tool("other"))
    assert curation.ids("bot") == {"helpdesk/other"}
    assert curation.problems == ("helpdesk/refund: hidden: its name is in the list more than once",)


def test_a_definition_that_cannot_be_cleaned_is_hidden(make):
    def publish(definition):
        if definition["name"] == "bad":
            raise Refused(Reason.RESULT_WITHHELD, "secret words of the upstream")
        return definition

    curation = make.room(make.tool("bad"), make.tool("good"), publish=publish)
    assert curation.ids("bot") == {"helpdesk/good"}
    assert "secret" not in curation.problems[0]


def test_the_cleaned_definition_is_published_and_the_raw_one_is_kept_for_the_tool(make):
    curation = make.room(make.tool(), publish=lambda definition: {**definition, "description": "Clean."})
    view = make.view(curation)
    assert view.tools[0]["description"] == "Clean."
    assert (
        view.resolve("helpdesk_refund", {"amount": 1, "currency": "EUR"}).tool.definition["description"] == "Refunds."
    )


def test_settings_of_the_configuration_are_laid_over_the_definition(make):
    curation = make.room(make.tool(), tools={"ref*": {"effect": "mutating", "derived": "off", "timeout": "3s"}})
    tool = make.view(curation).resolve("helpdesk_refund", {"amount": 1, "currency": "EUR"}).tool
    assert (tool.effect, tool.derived, tool.timeout_s) == (Effect.MUTATING, "off", 3.0)


def test_the_timeout_of_the_upstream_holds_where_the_tool_has_none(make):
    curation = make.room(make.tool(), timeout="7s")
    assert make.view(curation).resolve("helpdesk_refund", {"amount": 1, "currency": "EUR"}).tool.timeout_s == 7.0


def test_a_hint_that_contradicts_the_configuration_is_reported_and_hides_nothing(make):
    curation = make.room(make.tool(annotations={"readOnlyHint": False}), tools={"*": {"effect": "read"}})
    tool = make.view(curation).resolve("helpdesk_refund", {"amount": 1, "currency": "EUR"}).tool
    assert tool.effect is Effect.UNSET
    assert "handled as `unset`" in curation.problems[0]


def test_the_digest_of_a_tool_does_not_depend_on_the_order_of_keys(make):
    def digest(definition):
        return make.view(make.room(definition)).resolve("helpdesk_refund", {"amount": 1, "currency": "E"}).tool.digest

    definition = make.tool()
    assert digest(definition) == digest(dict(reversed(definition.items())))


def test_a_business_key_or_price_that_no_call_can_bring_is_reported_and_hides_nothing(make):
    said = {"effect": "mutating", "once": ["args.currency", "args.nope"], "price": {"argument": "args.price.net"}}
    curation = make.room(make.tool(), tools={"refund": said})
    assert curation.ids("bot") == {"helpdesk/refund"}
    assert [problem.split("`")[1] for problem in curation.problems] == [
        "once: args.nope",
        "price.argument: args.price.net",
    ]
