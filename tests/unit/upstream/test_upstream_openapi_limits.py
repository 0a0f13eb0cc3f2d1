"""What a hostile document costs: references and aliases let a small one ask for endless work, and it does not get it."""

import tracemalloc

import pytest
from openapi_kit import document, matched, post

from gateway.upstream.openapi_document import read
from gateway.upstream.openapi_text import BadDocument, value_of

_MANY = 100_000
_TEXT = "x" * 1_000_000
_STRING = {"type": "string"}


def _same_item(**item):
    """A thousand paths that are one and the same."""
    value = document({f"/p{number}": {"$ref": "#/components/item"} for number in range(1_000)})
    value["components"]["item"] = {"get": {"responses": {}, **item}}
    return value


def _same_body(schema):
    """A thousand operations whose bodies have one and the same schema."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}}}
    return document({f"/p{number}": {"post": {"requestBody": body}} for number in range(1_000)}, S=schema)


@pytest.mark.timeout(20)  # each took minutes, or all memory, when it was not bounded
@pytest.mark.parametrize(
    ("value", "unfolds_to"),
    [
        (_same_item(parameters=[{"name": f"p{n}", "in": "query", "schema": _STRING} for n in range(_MANY)]), "values"),
        (_same_item(parameters=[{"name": "p", "in": "query", "schema": {"anyOf": [_STRING] * _MANY}}]), "values"),
        (_same_item(parameters=[{"name": "p", "in": "query", "schema": {"enum": ["x"] * _MANY}}]), "values"),
        (_same_item(responses=dict.fromkeys(map(str, range(300, _MANY)), 1)), "values"),
        (_same_item(responses={"200": {"content": dict.fromkeys(map(str, range(_MANY)), 1)}}), "values"),
        (_same_item(description=_TEXT), "characters"),
        (_same_body({"type": "object"} | dict.fromkeys(map(str, range(_MANY)), 1)), "values"),
        (_same_body({"type": "object", "description": "x" * 200_000}), "characters"),
    ],
)
def test_what_many_operations_share_is_paid_for_each_time(value, unfolds_to) -> None:
    found = read(value)
    assert len(found.operations) < 200
    assert (
        f"the document unfolds to more than {500_000 if unfolds_to == 'values' else 16_777_216} {unfolds_to} in all"
        in found.problems[-1]
    )


@pytest.mark.timeout(5)
def test_many_references_to_places_of_one_name_are_named_in_a_line() -> None:
    places = {f"S{number}": {"x": _STRING} for number in range(1_600)}
    body = {"allOf": [{"$ref": f"#/components/schemas/S{number}/x"} for number in range(1_600)]}
    for _ in range(40):
        assert "x_1600" in read(post(body, **places)).operations[0].definition["inputSchema"]["$defs"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (post({"enum": [_TEXT] * 4_000}), "its schemas hold more than 256 KB of text"),
        (post({"properties": {_TEXT: True}}), "its schemas hold more than 256 KB of text"),
        (post({"default": {_TEXT: True}}), "its schemas hold more than 256 KB of text"),
        (post({"$ref": f"#/{_TEXT}"}), "a reference is longer than 1000 characters"),
        (document({"/" + "a/" * 1_000: {"get": {}}}), "this path has no single reading"),
        (document({"/a": {"get": {"parameters": [{"name": _TEXT, "in": "query"}]}}}), "too long a name"),
    ],
)
def test_long_texts_hide_their_operation_before_they_are_written_out(value, sentence) -> None:
    tracemalloc.start()
    try:
        [problem] = read(value).problems
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert problem.endswith(sentence)


@pytest.mark.timeout(5)
def test_a_long_operation_id_is_cut_before_it_is_looked_at() -> None:
    entry = {"operationId": "a!" * 500_000}
    assert read(document({"/a": {"get": entry}})).operations[0].name == "a_" * 64
    assert read(document({f"/{number}": {"get": entry} for number in range(200)})).operations == ()


def test_a_document_of_short_lines_is_not_held_line_by_line() -> None:
    text = b"#ab\n" * 500_000
    tracemalloc.start()
    try:
        with pytest.raises(BadDocument, match="it is empty"):
            value_of(text)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(text)
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(20)
def test_a_long_path_is_decoded_once_and_not_for_each_operation() -> None:
    y = {"name": "y", "in": "path", "required": True, "schema": _STRING}
    found = read(document({f"/x{number}/{{y}}": {"get": {"parameters": [y]}} for number in range(1_000)}))
    for _ in range(20):
        assert matched(found, "GET", "/" + "%41" * 5_000 + "/b") is None
    there = matched(found, "GET", "/%78999/%41")
    assert there is not None
    assert there.arguments("", {}, None) == {"y": "A"}
