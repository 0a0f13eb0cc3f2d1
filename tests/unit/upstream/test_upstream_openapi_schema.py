"""Schemas come out as JSON Schema 2020-12 that stands on its own, however they refer to each other."""

import json

import pytest
from jsonschema_rs import validator_for
from openapi_kit import document, only, post, schema_of

from gateway.catalog.weight import weigh
from gateway.upstream.openapi_document import read
from gateway.upstream.openapi_schema import DEEPEST

_ANY = {"type": "string"}


def body_of(schema, version="3.0.3", **components):
    return schema_of(post(schema, version, **components))["properties"]["body"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "string", "enum": ["a"], "nullable": True},
         {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        ({"allOf": [_ANY], "nullable": True}, {"anyOf": [{"allOf": [_ANY]}, {"type": "null"}]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({"exclusiveMinimum": True}, {}),
        ({"xml": {}, "example": 1, "x-a": 2, "externalDocs": {}, "title": "T", "discriminator": {}}, {}),
        ({"type": "object", "additionalProperties": {"nullable": True, "type": "integer"}},
         {"type": "object", "additionalProperties": {"type": ["integer", "null"]}}),
    ],
)  # fmt: skip
def test_what_3_0_spells_differently_is_translated(old, new) -> None:
    assert body_of(old) == new


def test_3_1_is_json_schema_already() -> None:
    schema = {
        "type": ["object", "null"],
        "properties": {"$ref": _ANY, "title": True, "n": {"exclusiveMinimum": 3, "const": {"x-y": 1}}},
        "patternProperties": {"^a": False},
        "if": {"required": ["n"]},
        "then": {"prefixItems": [_ANY]},
        "nullable": True,
    }
    found = body_of(schema, "3.1.0")
    assert found == {key: value for key, value in schema.items() if key != "nullable"}


def test_what_stands_beside_a_reference_counts_in_3_1_only() -> None:
    beside = {"$ref": "#/components/schemas/A", "description": "mine"}
    assert body_of(beside, "3.0.0", A=_ANY) == {"$ref": "#/$defs/A"}
    assert body_of(beside, "3.1.0", A=_ANY) == {"$ref": "#/$defs/A", "description": "mine"}


def test_recursion_stays_recursion() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    schema = schema_of(post({"$ref": "#/components/schemas/Tree"}, Tree={**tree, "additionalProperties": False}))
    assert list(schema["$defs"]) == ["Tree"]
    weigh(schema)
    validator = validator_for(schema, offline=True)
    assert validator.is_valid({"body": {"children": [{"children": []}]}})
    assert not validator.is_valid({"body": {"children": [{"other": 1}]}})


def test_references_to_places_of_the_same_name_get_names_of_their_own() -> None:
    value = post(
        {
            "properties": {
                "a": {"$ref": "#/components/schemas/X"},
                "b": {"$ref": "#/components/other~1x/X"},
                "c": {"$ref": "#/components/schemas/list/0"},
            }
        },
        X=_ANY,
        list=[{"type": "integer"}],
    )
    value["components"]["other/x"] = {"X": {"type": "null"}}
    schema = schema_of(value)
    resolved = {
        name: schema["$defs"][inner["$ref"].removeprefix("#/$defs/")]
        for name, inner in schema["properties"]["body"]["properties"].items()
    }
    assert resolved == {"a": _ANY, "b": {"type": "null"}, "c": {"type": "integer"}}


@pytest.mark.parametrize("step", ["2", "01x", "9" * 900, "-1", "²", "nowhere"])
def test_pointers_that_lead_nowhere_are_problems(step) -> None:
    [problem] = read(post({"$ref": f"#/components/schemas/list/{step}"}, list=[1, 2])).problems
    assert problem == "POST /things: hidden: a reference leads nowhere"


@pytest.mark.parametrize(
    "cycle",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}},
        {"A": {"anyOf": [_ANY, {"not": {"$ref": "#/components/schemas/B"}}]},
         "B": {"if": {"oneOf": [{"$ref": "#/components/schemas/A"}]}}},
        {"A": {"dependentSchemas": {"x": {"$ref": "#/components/schemas/A"}}}},
    ],
)  # fmt: skip
def test_a_schema_that_is_itself_is_a_problem(cycle) -> None:
    [problem] = read(post({"$ref": "#/components/schemas/A"}, **cycle)).problems
    assert problem == "POST /things: hidden: a schema refers to itself without end"


def _nested(depth):
    schema = _ANY
    for _ in range(depth):
        schema = {"items": schema}
    return schema


def test_depth_and_size_are_bounded_and_a_sentence_says_so() -> None:
    assert only(read(post(_nested(DEEPEST - 1)))) is not None
    for schema, sentence in (
        (_nested(DEEPEST), "its schemas are nested deeper than 48 levels"),
        ({"enum": list(range(5_001))}, "its schemas hold more than 5000 values"),
        ({"properties": {str(number): {} for number in range(5_001)}}, "its schemas hold more than 5000 values"),
    ):
        [problem] = read(post(schema)).problems
        assert problem == f"POST /things: hidden: {sentence}"


def test_many_tools_may_share_large_schemas_only_up_to_a_limit() -> None:
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Big"}}}}
    paths = {f"/p{number}": {"post": {"requestBody": body}} for number in range(150)}
    found = read(document(paths, Big={"enum": ["x"] * 4_000}))
    assert len(found.operations) == 124
    assert found.problems[0].endswith("the document unfolds to more than 500000 values in all")


def test_references_that_fan_out_do_not_unfold() -> None:
    components = {
        f"L{level}": {"allOf": [{"$ref": f"#/components/schemas/L{level + 1}"}] * 50} for level in range(20)
    } | {"L20": _ANY}
    found = read(post({"$ref": "#/components/schemas/L0"}, **components))
    assert len(json.dumps(only(found).definition)) < 50_000
    parameter = {"name": "a", "in": "query", "schema": {"$ref": "#/components/schemas/L0"}}
    value = document({"/a": {"get": {"parameters": [parameter]}}}, **components)
    assert only(read(value)).parameters[0].kind == "string"
