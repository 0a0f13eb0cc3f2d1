"""A tool as one agent gets it: overrides, our own arguments, resolution."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.refusal import Reason, Refused

NAME = "helpdesk_refund"
MUTATING = {"*": {"effect": "mutating"}}


def refusal(view, name, arguments):
    with pytest.raises(Refused) as refused:
        view.resolve(name, arguments)
    return refused.value.refusal


def with_args(make, args, schema=None, **config):
    return make.view(make.room(make.tool(schema=schema), override={"helpdesk/refund": {"args": args}}, **config))


def test_valid_arguments_pass_unchanged_and_uncopied(make):
    arguments = {"amount": 5, "currency": "EUR", "note": "as it was"}
    call = make.view(make.room(make.tool())).resolve(NAME, arguments)
    assert call.arguments is arguments
    assert (call.tool.id, call.published_name, call.occurrence) == ("helpdesk/refund", NAME, 1)


def test_defaults_of_the_schema_are_not_filled_in(make):
    schema = {"type": "object", "properties": {"a": {"type": "integer", "default": 3}}}
    assert make.view(make.room(make.tool(schema=schema))).resolve(NAME, {}).arguments == {}


@pytest.mark.parametrize("arguments", [None, [], "x", 5, [{"amount": 1}]])
def test_arguments_that_are_not_an_object_are_refused(make, arguments):
    assert refusal(make.view(make.room(make.tool())), NAME, arguments).reason is Reason.INVALID_ARGUMENTS


def test_arguments_against_the_schema_are_refused_with_pointer_and_rule(make):
    told = refusal(make.view(make.room(make.tool())), NAME, {"amount": "hunter2", "currency": "EUR"})
    assert told.reason is Reason.INVALID_ARGUMENTS
    assert told.detail == "The arguments of helpdesk_refund were refused: /amount breaks the rule type: integer."


def test_a_fixed_argument_leaves_the_published_schema_and_reaches_the_tool(make):
    view = with_args(make, {"currency": {"fixed": "EUR"}})
    schema = view.published_schema(NAME)
    assert (set(schema["properties"]), schema["required"]) == ({"amount"}, ["amount"])
    assert view.resolve(NAME, {"amount": 5}).arguments == {"amount": 5, "currency": "EUR"}


def test_sending_a_fixed_or_hidden_argument_is_refused_even_with_the_same_value(make):
    schema = {"type": "object", "properties": {"amount": {}, "currency": {}, "debug": {}}}
    view = with_args(make, {"currency": {"fixed": "EUR"}, "debug": {"hidden": True}}, schema)
    for sent in ({"currency": "EUR"}, {"debug": True}):
        assert refusal(view, NAME, sent).reason is Reason.INVALID_ARGUMENTS
    assert view.resolve(NAME, {"amount": 1}).arguments == {"amount": 1, "currency": "EUR"}


def test_null_can_be_fixed(make):
    view = with_args(make, {"limit": {"fixed": None}}, {"type": "object", "properties": {"limit": {}}})
    assert view.resolve(NAME, {}).arguments == {"limit": None}


def test_a_schema_without_required_arguments_left_has_no_empty_list(make):
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    assert "required" not in with_args(make, {"a": {"fixed": 1}}, schema).published_schema(NAME)


@pytest.mark.parametrize(
    ("args", "schema"),
    [
        ({"nowhere": {"fixed": 1}}, None),
        ({"nowhere": {"hidden": True}}, None),
        ({"currency": {"hidden": True}}, None),
        ({"currency": {"fixed": 5}}, None),
        ({"a": {"fixed": 1}}, {"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {}]}),
        ({"a": {"fixed": 1}}, {"type": "object", "properties": {"a": {}}, "dependentRequired": {"b": ["a"]}}),
        ({"a": {"fixed": 1}}, {"type": "object", "properties": {"a": {}}, "if": {"not": {"required": ["a"]}}}),
    ],
    ids=["fixed but absent", "hidden but absent", "hidden but required", "wrong value", "anyOf", "dependent", "if"],
)
def test_an_override_that_does_not_fit_the_schema_hides_the_tool_and_is_reported(make, args, schema):
    curation = make.room(make.tool(schema=schema), make.tool("other"), override={"helpdesk/refund": {"args": args}})
    assert curation.ids("bot") == {"helpdesk/other"}
    assert curation.problems[0].startswith("agents.bot.override.helpdesk/refund: hidden: ")


def test_everything_else_of_a_definition_survives_an_override(make):
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"region": {"$anchor": "region", "enum": ["eu", "us"]}},
        "properties": {"region": {"$ref": "#region", "x-mcp-header": "Region"}, "debug": {"type": "boolean"}},
        "if": {"properties": {"region": {"const": "eu"}}},
        "then": {"required": ["vat"]},
        "x-unknown": [1, 2],
    }
    tool = make.tool(
        schema=schema, title="Refund", icons=[{"src": "x"}], _meta={"a": 1}, outputSchema={"type": "object"}
    )
    override = {"helpdesk/refund": {"name": "give_back", "description": "Ours.", "args": {"debug": {"hidden": True}}}}
    (published,) = make.view(make.room(tool, override=override)).tools
    expected = json.loads(json.dumps(tool)) | {"name": "give_back", "description": "Ours."}
    del expected["inputSchema"]["properties"]["debug"]
    assert published == expected


def test_x_occurrence_is_published_for_deduplicated_mutating_tools_only(make):
    def published(**settings):
        view = make.view(make.room(make.tool(), tools={"*": settings}))
        return view.published_schema(NAME)["properties"].get("x_occurrence")

    assert (published(effect="mutating")["minimum"], published(effect="mutating")["maximum"]) == (1, 100)
    assert "x-mcp-header" not in published(effect="mutating")
    for other in ({"effect": "read"}, {"effect": "unset"}, {"effect": "idempotent"}):
        assert published(**other) is None
    for named in ({"derived": "off"}, {"derived": "in_flight_only"}, {"key": "required"}, {"once": ["args.amount"]}):
        assert published(effect="mutating", **named) is None


def test_an_operator_may_do_without_x_occurrence(make):
    arguments = {"amount": 1, "currency": "EUR"}
    view = make.view(make.room(make.tool(), repeats=False, tools=MUTATING))
    assert "x_occurrence" not in view.published_schema(NAME)["properties"]
    assert not view.resolve(NAME, arguments).repeatable
    told = refusal(view, NAME, {**arguments, "x_occurrence": 2})
    assert (told.reason, "there is no argument 'x_occurrence'" in told.detail) == (Reason.INVALID_ARGUMENTS, True)
    assert make.view(make.room(make.tool(), tools=MUTATING)).resolve(NAME, arguments).repeatable


def test_x_occurrence_is_stripped_and_told(make):
    call = make.view(make.room(make.tool(), tools=MUTATING)).resolve(
        NAME, {"amount": 1, "currency": "EUR", "x_occurrence": 2}
    )
    assert (call.occurrence, call.arguments) == (2, {"amount": 1, "currency": "EUR"})


@pytest.mark.parametrize("value", [0, 101, -1, True, 2.0, "2", None, [2]])
def test_an_x_occurrence_that_is_no_integer_from_1_to_100_is_refused(make, value):
    view = make.view(make.room(make.tool(), tools=MUTATING))
    told = refusal(view, NAME, {"amount": 1, "currency": "EUR", "x_occurrence": value})
    assert told.reason is Reason.INVALID_ARGUMENTS


@pytest.mark.parametrize("ours", ["x_occurrence", "x_reason"])
def test_an_argument_of_ours_never_reaches_a_tool_that_does_not_publish_it(make, ours):
    told = refusal(make.view(make.room(make.tool())), NAME, {"amount": 1, "currency": "EUR", ours: 2})
    assert told.reason is Reason.INVALID_ARGUMENTS


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["amount", "currency", "x_occurrence", "x_reason", "debug", "other"]),
        st.integers(-3, 120) | st.booleans() | st.sampled_from(["EUR", "USD", ""]) | st.none(),
    )
)
def test_whatever_is_resolved_has_the_fixed_value_none_of_ours_and_fits_the_schema(make, arguments):
    rules = {"amount": {"type": "integer", "minimum": 1}, "currency": {"type": "string"}, "debug": {"type": "boolean"}}
    view = with_args(
        make,
        {"currency": {"fixed": "EUR"}, "debug": {"hidden": True}},
        {"type": "object", "properties": rules, "required": ["amount", "currency"]},
        tools=MUTATING,
    )
    try:
        call = view.resolve(NAME, arguments)
    except Refused as refused:
        assert refused.refusal.reason is Reason.INVALID_ARGUMENTS
    else:
        assert call.arguments["currency"] == "EUR"
        assert "currency" not in arguments
        assert {"debug", "x_occurrence", "x_reason"}.isdisjoint(call.arguments)
        assert type(call.arguments["amount"]) is int
        assert call.arguments["amount"] >= 1
        assert 1 <= call.occurrence <= 100


def test_a_header_rule_leaves_the_published_schema_with_its_argument_and_stays_in_the_upstreams_own(make):
    rules = {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "tenant": {"type": "string", "x-mcp-header": "Tenant"},
    }
    view = with_args(make, {"tenant": {"fixed": "acme"}}, {"type": "object", "properties": rules})

    assert view.published_schema(NAME)["properties"] == {"region": rules["region"]}
    call = view.resolve(NAME, {"region": "eu"})
    assert call.arguments == {"region": "eu", "tenant": "acme"}
    assert call.tool.definition["inputSchema"]["properties"] == rules
