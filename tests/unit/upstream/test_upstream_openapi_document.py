"""Which tools an OpenAPI document becomes, and what is said of the rest."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for
from openapi_kit import PETS, document, get, matched, named, only, parameter, post, schema_of

from gateway.catalog.settings import effect_of
from gateway.model.tool import Effect
from gateway.upstream.openapi_document import read
from gateway.upstream.openapi_text import BadDocument


def test_a_document_becomes_tools_and_one_sentence_for_everything_left_out() -> None:
    found = read(PETS)
    names = ["listPets", "create_pet_", "getPet", "replacePet", "delete_pets_petId", "getMine", "getPhoto"]
    assert [operation.name for operation in found.operations] == names
    assert found.problems == (
        "GET /pets: an optional parameter is left out: the parameter filter has a style that is not supported",
        "GET /pets: an optional parameter is left out: session is a parameter in a cookie",
        "POST /upload: hidden: its body cannot be application/json",
    )


def test_a_tool_says_what_its_operation_says() -> None:
    found = read(PETS)
    assert named(found, "listPets").definition | {"inputSchema": None} == {
        "name": "listPets",
        "title": "List pets",
        "description": "All pets, a page at a time.",
        "inputSchema": None,
        "annotations": {"readOnlyHint": True},
        "_meta": {"io.sallyport/http": {"method": "GET", "path": "/pets"}},
    }
    assert named(found, "create_pet_").definition["description"] == "Register a pet"
    assert named(found, "getMine").definition["description"] == "GET /pets/mine"


def test_arguments_are_the_parameters_under_their_names_and_the_body_under_body() -> None:
    listing = named(read(PETS), "listPets").definition["inputSchema"]
    assert listing["properties"]["limit"] == {
        "type": "integer",
        "maximum": 100,
        "exclusiveMinimum": 0,
        "description": "How many",
    }
    assert list(listing["properties"]) == ["limit", "tags", "ids", "sold", "X-Region"]
    assert "required" not in listing
    assert listing["additionalProperties"] is False
    making = named(read(PETS), "create_pet_").definition["inputSchema"]
    assert making["properties"] == {"body": {"$ref": "#/$defs/Pet", "description": "The new pet"}}
    assert making["required"] == ["body"]
    assert "required" not in (named(read(PETS), "replacePet").definition["inputSchema"]["properties"]["body"])


def test_what_only_travels_the_other_way_is_no_argument_and_no_answer() -> None:
    pet = named(read(PETS), "create_pet_").definition
    assert list(pet["inputSchema"]["$defs"]["Pet"]["properties"]) == ["secret", "nickname", "mother", "kind", "friends"]
    assert pet["inputSchema"]["$defs"]["Pet"]["required"] == ["name"]
    assert "secret" not in pet["outputSchema"]["$defs"]["Pet"]["properties"]
    assert "id" in pet["outputSchema"]["$defs"]["Pet"]["properties"]


def test_an_output_schema_is_given_only_where_the_one_success_is_always_an_object() -> None:
    found = read(PETS)
    with_output = {one.name for one in found.operations if "outputSchema" in one.definition}
    assert with_output == {"create_pet_", "getPet"}
    json_object = {"content": {"application/json": {"schema": {"type": "object"}}}}
    for responses in (
        {"200": json_object, "204": {}},
        {"202": json_object},
        {"2XX": json_object},
        {"200": {"content": {**json_object["content"], "text/csv": {}}}},
        {"200": {"content": {"application/json": {"schema": {"type": ["object", "null"]}}}}},
        {"200": {"content": {"application/json": {"schema": {"$ref": "#/nowhere"}}}}},
        {"200": {"$ref": "https://x.example/r"}},
    ):
        assert "outputSchema" not in only(read(get(responses=responses))).definition
    assert only(read(get(responses={"200": json_object}))).definition["outputSchema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("method", "effect"),
    [
        ("get", Effect.READ), ("head", Effect.READ), ("options", Effect.READ), ("put", Effect.IDEMPOTENT),
        ("delete", Effect.IDEMPOTENT), ("post", Effect.MUTATING), ("patch", Effect.MUTATING),
    ],
)  # fmt: skip
def test_the_effect_follows_the_method_and_an_operator_may_overrule_it(method, effect) -> None:
    annotations = only(read(document({"/a": {method: {}}}))).definition.get("annotations")
    assert effect_of(Effect.UNSET, annotations, trusted=True) is effect
    for stated in (Effect.READ, Effect.IDEMPOTENT, Effect.MUTATING):
        assert effect_of(stated, annotations, trusted=True) is stated


def test_a_method_or_path_that_changes_changes_the_definition() -> None:
    definitions = [
        only(read(document({path: {method: {"operationId": "same"}}}))).definition
        for path, method in (("/a", "put"), ("/a", "delete"), ("/b", "put"))
    ]
    assert len({json.dumps(definition) for definition in definitions}) == 3


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "it is not an object"),
        ({"swagger": "2.0"}, "it is Swagger 2.0"),
        ({"openapi": "3.2.0"}, "it is no OpenAPI 3.0 or 3.1"),
        ({"openapi": "3.10.0"}, "it is no OpenAPI 3.0 or 3.1"),
        ({"paths": {}}, "it is no OpenAPI 3.0 or 3.1"),
        ({"openapi": "3.0.0", "paths": []}, "its paths are not an object"),
    ],
)
def test_a_document_that_is_none_is_refused_with_the_reason(value, sentence) -> None:
    with pytest.raises(BadDocument, match=sentence):
        read(value)


_ID = parameter("id", {"type": "integer"}, "path", required=True)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (document({"/a": {"get": 5}}), "GET /a: hidden: it is not an object"),
        (document({"/a": 5}), "/a: hidden: it is not an object"),
        (document({"/a": {"$ref": "other.yaml#/a"}}), "/a: hidden: it refers to another document"),
        (document({"/a": {"$ref": "#/paths/~1a"}}), "/a: hidden: it refers to itself"),
        (document({"/a": {"$ref": "#/components/x"}}), "/a: hidden: a reference leads nowhere"),
        (document({"/a": {"trace": {}}}), "TRACE /a: hidden: TRACE is not carried"),
        (document({"/a/../b": {"get": {}}}), "/a/../b: hidden: this path has no single reading"),
        (document({"/a//b": {"get": {}}}), "this path has no single reading"),
        (document({"/a?x=1": {"get": {}}}), "this path has no single reading"),
        (document({"/{a}-{b}": {"get": {}}}), "this path has no single reading"),
        (document({"/%2e%2e/b": {"get": {}}}), "this path has no single reading"),
        (document({"a": {"get": {}}}), "this path has no single reading"),
        (get(path="/a/{id}"), "its path and its path parameters do not name the same"),
        (get(_ID), "its path and its path parameters do not name the same"),
        (get(_ID, path="/{id}/{id}"), "its path and its path parameters do not name the same"),
        (get(parameter("a", place="cookie", required=True)), "hidden: a is a parameter in a cookie"),
        (get(parameter("a", place="body", required=True)), "hidden: a is a parameter in an unknown place"),
        (get(parameter("a", {"type": "object"}, required=True)), "no single value of one type"),
        (get(parameter("a", {"type": ["string", "integer"]}, required=True)), "no single value of one type"),
        (get(parameter("a", {"type": "array"}, required=True)), "nor a list of values of one type"),
        (get(parameter("a", style="deepObject", required=True)), "has a style that is not supported"),
        (get({"name": "a", "in": "query", "required": True, "content": {}}), "the parameter a has no schema"),
        (get(parameter("a b", place="header", required=True)), "a b is no name of a header"),
        (get(parameter("a"), parameter("a", place="header")), "two of its parameters are named a"),
        (get(5), "a parameter is not an object"),
        (get({"in": "query"}), "a parameter has no name or no place"),
        (get(requestBody={"required": True, "content": {"application/json": {}}}), "GET has no body"),
        (get(requestBody={"content": {"application/json": {}}}), "its optional body is left out: GET has none"),
        (get(parameter("host", place="header", required=True)), "the header host is never an argument"),
        (post({"$ref": "http://x.example/a.json"}), "it refers to another document"),
        (post({"$ref": "#anchor"}), "a reference is no JSON pointer"),
        (post({"$dynamicRef": "#a"}), "a schema uses $dynamicRef, which is not supported"),
        (post({"properties": []}), "properties of a schema holds no schemas"),
        (post(5), "a schema is not an object"),
        (post({"$ref": "#/components/schemas/A"}, A={"allOf": [{"$ref": "#/components/schemas/A"}]}), "without end"),
        (post({"description": "x" * 300_000}), "its schemas hold more than 256 KB of text"),
    ],
)
def test_what_cannot_be_carried_is_named_and_hides_nothing_else(value, sentence) -> None:
    value["paths"]["/fine"] = {"get": {"operationId": "fine"}}
    found = read(value)
    [problem] = found.problems
    assert sentence in problem
    assert "fine" in {operation.name for operation in found.operations}


def test_operations_that_share_a_name_or_a_path_are_all_hidden() -> None:
    same_name = read(
        document({"/a": {"get": {"operationId": "x"}}, "/b": {"get": {"operationId": "x"}}, "/c": {"get": {}}})
    )
    assert [operation.name for operation in same_name.operations] == ["get_c"]
    assert len(same_name.problems) == 2
    entry = {"parameters": [_ID]}
    other = {"parameters": [{**_ID, "name": "key"}]}
    same_path = read(document({"/a/{id}": {"get": entry}, "/a/{key}": {"get": other, "put": other}}))
    assert [operation.name for operation in same_path.operations] == ["put_a_key"]
    assert same_path.problems[0].endswith("another operation has the same method and path")


def test_credentials_and_what_is_set_by_us_never_become_arguments() -> None:
    names = [
        "Authorization",
        "Cookie",
        "Idempotency-Key",
        "traceparent",
        "X-Forwarded-For",
        "Sallyport-User",
        "X-HTTP-Method-Override",
    ]
    found = read(get(*(parameter(name, place="header") for name in names), parameter("X-Mine", place="header")))
    assert list(only(found).definition["inputSchema"]["properties"]) == ["X-Mine"]
    key = get(parameter("X-Api-Key", place="header", required=True))
    assert list(schema_of(key)["properties"]) == ["X-Api-Key"]
    assert only(read(key, frozenset({"x-api-key"}))).definition["inputSchema"]["properties"] == {}


def test_the_parameters_of_an_operation_win_over_those_of_its_path() -> None:
    item = {
        "parameters": [parameter("a"), parameter("b")],
        "get": {"parameters": [parameter("a", {"type": "integer"})]},
    }
    properties = schema_of(document({"/x": item}))["properties"]
    assert {name: schema["type"] for name, schema in properties.items()} == {"a": "integer", "b": "string"}


def test_a_hidden_operation_keeps_its_path_to_itself() -> None:
    item = {"parameters": [parameter("id", place="path", required=True)], "get": {"operationId": "one"}}
    found = read(document({"/a/{id}": item, "/a/secret": {"get": {"requestBody": {"required": True}}}}))
    assert matched(found, "GET", "/a/b") is not None
    assert matched(found, "GET", "/a/secret") is None


def test_more_operations_than_the_limit_are_left_out_with_a_sentence() -> None:
    found = read(document({f"/p{number}": {"get": {}} for number in range(2_001)}))
    assert len(found.operations) == 2_000
    assert found.problems == ("it has more than 2000 operations: those from /p2000 on are hidden",)


def test_tool_names_fit_and_are_never_too_long() -> None:
    for stated, name in (
        ("a b/c", "a_b_c"),
        ("", "get_x_y"),
        (7, "get_x_y"),
        ("n" * 200, "n" * 128),
        ("größe", "gr_e"),
    ):
        assert only(read(document({"/x/y": {"get": {"operationId": stated}}}))).name == name


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_WORDS = st.sampled_from(
    ["get", "post", "parameters", "schema", "type", "name", "in", "$ref", "#/paths", "#/paths/~1a", "requestBody", "content",
     "application/json", "responses", "200", "properties", "allOf", "items", "required", "query", "path", "string", "array",
     "object", "enum", "nullable", "exclusiveMinimum", "a", "operationId", "default", "not"]
)  # fmt: skip
_ALIKE = st.recursive(
    _WORDS | st.booleans() | st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(value=_JSON | _ALIKE, version=st.sampled_from(["3.0.1", "3.1.0", None]))
def test_no_value_raises_anything_but_a_bad_document(value, version) -> None:
    for whole in (value, {"openapi": version, "paths": {"/a": value, "/{a}": {"get": value, "post": value}}}):
        try:
            found = read(whole)
        except BadDocument:
            continue
        for operation in found.operations:
            json.dumps(operation.definition)


def test_every_input_schema_compiles_and_stands_alone() -> None:
    for operation in read(PETS).operations:
        for schema in ("inputSchema", "outputSchema"):
            if schema in operation.definition:
                validator_for(operation.definition[schema], offline=True)
