"""Schemas: compiled without reaching out, weighed before they can hang the loop, broken rules named without a value."""

import pytest

from gateway.catalog.schema import broken_rule, compiled, fits, misfit
from gateway.catalog.weight import Unusable


def bomb(levels):
    """`levels` definitions, each asking twice for the one before: 2^levels evaluations of one value."""
    steps = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}, {"$ref": f"#/$defs/a{n - 1}"}]} for n in range(1, levels)
    }
    return {"type": "object", "$defs": {"a0": {"type": "object"}, **steps}, "$ref": f"#/$defs/a{levels - 1}"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "$ref": "#/$defs/nowhere"},
        {"type": "object", "$ref": "http://127.0.0.1:9/x.json"},
        {"type": "object", "$ref": "file:///etc/passwd"},
        {"type": "object", "$ref": "other.json#/x"},
        {"type": "object", "$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"$schema": "https://weird.example/schema", "type": "object"},
        {"type": "object", "properties": {"a": {"$id": "http://e.example/", "type": "string"}}},
        {"type": "object", "required": "a"},
    ],
)
def test_a_schema_that_is_invalid_or_leaves_the_document_is_unusable(schema):
    with pytest.raises(Unusable):
        compiled(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"child": {"$ref": "#"}}},
        {"type": "object", "$defs": {"s": {"$anchor": "s", "type": "string"}}, "properties": {"a": {"$ref": "#s"}}},
        {
            "$id": "http://e.example/s",
            "type": "object",
            "$defs": {"a/b": {}},
            "properties": {"a": {"$ref": "#/$defs/a~1b"}},
        },
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "definitions": {"x": {"type": "null"}},
        },
        {"type": "object", "properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
    ],
)
def test_a_schema_with_references_inside_itself_is_compiled(schema):
    assert fits(compiled(schema), {})


def test_a_schema_bomb_is_refused_before_it_is_compiled():
    assert fits(compiled(bomb(10)), {})
    with pytest.raises(Unusable, match="unfolds"):
        compiled(bomb(60))


def test_a_bomb_built_with_anchors_is_refused_as_well():
    steps = {f"a{n}": {"$anchor": f"a{n}", "anyOf": [{"$ref": f"#a{n - 1}"}] * 2} for n in range(1, 40)}
    with pytest.raises(Unusable, match="unfolds"):
        compiled({"type": "object", "$defs": {"a0": {"$anchor": "a0"}, **steps}, "$ref": "#a39"})


def test_the_validator_itself_fetches_nothing_even_where_the_weighing_let_a_reference_pass(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.catalog.schema.weigh", lambda schema: None)
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(Unusable, match="not valid"):
        compiled({"type": "object", "$ref": f"file://{tmp_path}/s.json"})


def test_a_pattern_that_backtracks_for_ever_is_a_pattern_that_does_not_match():
    # The second branch would match, but only after the first has tried every way to split the text.
    validator = compiled({"type": "object", "properties": {"a": {"pattern": "^(?:(?=a)(?:a|aa)*(?=b)c|.*)$"}}})
    assert fits(validator, {"a": "a" * 5})
    assert not fits(validator, {"a": "a" * 22})


@pytest.mark.parametrize(
    ("schema", "arguments", "told"),
    [
        (
            {"properties": {"a/b": {"items": {"type": "string"}}}},
            {"a/b": ["x", 5]},
            "/a~1b/1 breaks the rule type: string",
        ),
        ({"properties": {"a": {"minimum": 3}}}, {"a": 1}, "/a breaks the rule minimum"),
        ({"required": ["a"]}, {}, "the top level breaks the rule required: 'a' is missing"),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"b\u202e": 1},
            "the top level breaks the rule additionalProperties: there is no 'b?'",
        ),
        ({"properties": {"a": {"type": ["integer", "null"]}}}, {"a": "x"}, "/a breaks the rule type: integer or null"),
    ],
)
def test_a_broken_rule_is_told_as_pointer_and_rule(schema, arguments, told):
    validator = compiled({"type": "object", **schema})
    assert not fits(validator, arguments)
    assert broken_rule(validator, arguments) == told


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "integer"}, {"enum": ["a"]}, {"const": "b"}, {"pattern": "^z$"}, {"maxLength": 2}, {"not": {}},
        {"anyOf": [{"type": "null"}]}, {"oneOf": [{"type": "null"}]}, {"format": "date", "minLength": 99},
    ],
)  # fmt: skip
def test_the_value_that_broke_a_rule_is_never_quoted(rule):
    secret = "hunter2-hunter2"
    told = broken_rule(compiled({"type": "object", "properties": {"password": rule}}), {"password": secret})
    assert "/password" in told
    assert secret not in told


def test_large_wrong_arguments_are_refused_without_looking_for_the_rule():
    validator = compiled({"type": "object", "properties": {"a": {"anyOf": [{"items": {"type": "string"}}]}}})
    arguments = {"a": list(range(100_000))}
    assert not fits(validator, arguments)
    assert broken_rule(validator, arguments) == "they do not match its inputSchema"


def test_integers_of_any_size_are_judged_exactly():
    validator = compiled({"type": "object", "properties": {"n": {"type": "integer", "maximum": 10**30}}})
    assert fits(validator, {"n": 10**30})
    assert not fits(validator, {"n": 10**30 + 1})


def test_a_fixed_value_the_schema_forbids_is_found_and_missing_arguments_are_not_its_fault():
    validator = compiled({"type": "object", "properties": {"currency": {"enum": ["EUR"]}}, "required": ["amount"]})
    assert misfit(validator, {"currency": "XXX"}) == "currency"
    assert misfit(validator, {"currency": "EUR"}) is None
