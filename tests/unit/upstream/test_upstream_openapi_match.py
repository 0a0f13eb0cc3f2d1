"""Arguments become one request and come back from it; an argument never leaves its place; paths have one reading."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_kit import PETS, document, get, matched, named, only, parameter, post

from gateway.model.refusal import Reason, Refused
from gateway.upstream.openapi_document import read
from gateway.upstream.openapi_match import HttpRoutes, Routes
from gateway.upstream.openapi_request import Unwritable, request

_PETS = read(PETS)
_WIDE = read(
    document(
        {
            "/a/{key}/b.{kind}/{list}": {
                "put": {
                    "operationId": "wide",
                    "parameters": [
                        parameter("key", place="path", required=True),
                        parameter("kind", {"type": "integer"}, "path", required=True),
                        parameter("list", {"type": "array", "items": {"type": "string"}}, "path", required=True),
                        parameter("q&=?", {"type": "string"}),
                        parameter("n", {"type": ["number", "null"]}),
                        parameter("on", {"type": "boolean"}),
                        parameter("many", {"type": "array", "items": {"type": "string"}}),
                        parameter("joined", {"type": "array", "items": {"type": "number"}}, explode=False),
                        parameter("X-One", place="header"),
                        parameter("X-Many", {"type": "array", "items": {"type": "integer"}}, "header"),
                    ],
                    "requestBody": {"content": {"application/json": {"schema": True}}},
                }
            }
        }
    )
)
_OPERATION = only(_WIDE)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SEGMENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\"), min_size=1, max_size=8).filter(
    lambda text: text not in {".", ".."}
)
_ITEMS = st.lists(_SEGMENT, min_size=1, max_size=3).filter(lambda items: ",".join(items) not in {".", ".."})
_HEADER = st.from_regex(r"[!-~]([ -~]{0,8}[!-~])?", fullmatch=True)
_NUMBER = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
_BODY = st.recursive(
    st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner),
    max_leaves=5,
)
_ARGUMENTS = st.fixed_dictionaries(
    {"key": _SEGMENT, "kind": st.integers(), "list": _ITEMS},
    optional={
        "q&=?": _TEXT,
        "n": _NUMBER,
        "on": st.booleans(),
        "many": st.lists(_TEXT, min_size=1, max_size=3),
        "joined": st.lists(_NUMBER, min_size=1, max_size=3),
        "X-One": _HEADER,
        "X-Many": st.lists(st.integers(), min_size=1, max_size=3),
        "body": _BODY,
    },
)


def came_back(found, written):
    """What an agent's request of this form would ask for."""
    target = urlsplit(f"http://h{written.path}?{written.query}")
    assert target.path == written.path
    there = matched(found, written.method, written.path)
    if there is None:
        return None
    headers = {name.lower(): value for name, value in written.headers.items()}
    body = None if written.body is None else json.loads(written.body)
    return there.operation.name, there.arguments(target.query, headers, body)


@settings(max_examples=200, deadline=None)
@given(_ARGUMENTS)
def test_arguments_come_back_from_their_request_as_they_were(arguments) -> None:
    written = request(_OPERATION, arguments)
    assert written.path.count("/") == 4
    assert written.path.isascii()
    assert written.query.isascii()
    assert came_back(_WIDE, written) == ("wide", arguments)


@settings(max_examples=150, deadline=None)
@given(
    _TEXT | st.sampled_from([".", "..", "a/b", "../..", "%2e%2e", "a\\b", "", "mine", "photo.png", "%2F", "x?y#z;a=b"])
)
def test_a_path_argument_stays_in_its_segment_or_is_not_sent(value) -> None:
    try:
        written = request(named(_PETS, "getPet"), {"petId": value})
    except Unwritable:
        assert not value or "/" in value or "\\" in value or value in {".", ".."}
        return
    assert written.path.count("/") == 2
    assert written.query == ""
    there = came_back(_PETS, written)
    assert there == ("getPet", {"petId": value}) or (value == "mine" and there == ("getMine", {}))


def test_values_that_are_null_or_empty_lists_are_left_out() -> None:
    written = request(named(_PETS, "listPets"), {"limit": None, "tags": [], "ids": [3, 4], "sold": False})
    assert (written.path, written.query, written.headers, written.body) == ("/pets", "ids=3,4&sold=false", {}, None)


def test_whole_numbers_are_written_without_a_point() -> None:
    assert request(named(_PETS, "listPets"), {"limit": 5.0}).query == "limit=5"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "an argument in its path is missing"),
        ({"petId": None}, "an argument in its path is missing"),
        ({"petId": "a/b"}, "would leave its place"),
        ({"petId": 7}, "is not of the type stated for it"),
        ({"petId": "\ud800"}, "is not of the type stated for it"),
        ({"petId": "a", "other": 1}, "it has no such argument"),
        ({"petId": "a", "body": {}}, "it has no such argument"),
    ],
)
def test_arguments_no_request_can_carry_are_not_sent(arguments, sentence) -> None:
    with pytest.raises(Unwritable, match=sentence):
        request(named(_PETS, "getPet"), arguments)


@pytest.mark.parametrize("value", ["a\r\nHost: x", "ü", " a", "a ", "", "\t"])
def test_what_cannot_stand_in_a_header_is_not_sent(value) -> None:
    with pytest.raises(Unwritable, match="cannot stand in a header"):
        request(named(_PETS, "listPets"), {"X-Region": value})
    items = only(read(get(parameter("X-All", {"type": "array", "items": {"type": "string"}}, "header"))))
    with pytest.raises(Unwritable, match="cannot stand in a header"):
        request(items, {"X-All": ["a,b"]})


def test_a_body_that_json_cannot_say_is_not_sent() -> None:
    with pytest.raises(Unwritable, match="no JSON form"):
        request(only(read(post({}))), {"body": {"a": {1, 2}}})


def test_literal_segments_win_over_parameters() -> None:
    key = parameter("key", place="path", required=True)
    paths = {
        path: {"get": {"operationId": name, "parameters": [key] if "{" in path else []}}
        for path, name in (("/a/{key}", "any"), ("/a/v{key}", "mixed"), ("/a/v1", "literal"), ("/{key}/v1", "other"))
    }
    for ordered in (paths, dict(reversed(paths.items()))):
        found = read(document(ordered))
        for path, name in (
            ("/a/v1", "literal"),
            ("/a/v2", "mixed"),
            ("/a/v", "any"),
            ("/a/x", "any"),
            ("/b/v1", "other"),
        ):
            there = matched(found, "GET", path)
            assert there is not None
            assert there.operation.name == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "pets",
        "/pets/",
        "//pets",
        "/pets//",
        "/pets/.",
        "/pets/%2e%2E",
        "/pets/%zz",
        "/pets/%ff",
        "/pets/a/b",
        "/Pets",
        "/pets%2fx",
    ],
)
def test_paths_that_are_no_operations_match_nothing(path) -> None:
    assert matched(_PETS, "GET", path) is None


def test_a_method_that_the_path_does_not_have_matches_nothing() -> None:
    assert matched(_PETS, "PATCH", "/pets/1") is None
    assert matched(_PETS, "get", "/pets/1") is None


def test_an_encoded_slash_stays_in_its_segment() -> None:
    there = matched(_PETS, "GET", "/pets/a%2Fb%20c")
    assert there is not None
    assert there.arguments("", {}, None) == {"petId": "a/b c"}
    assert there.tool == "pets/getPet"


def test_a_trailing_slash_is_another_path() -> None:
    found = read(
        document(
            {
                "/a": {"get": {"operationId": "a"}},
                "/a/": {"get": {"operationId": "b"}},
                "/": {"get": {"operationId": "c"}},
            }
        )
    )
    there = [matched(found, "GET", path) for path in ("/a", "/a/", "/")]
    assert [one and one.operation.name for one in there] == ["a", "b", "c"]


def test_texts_become_values_by_their_type() -> None:
    there = matched(_PETS, "GET", "/pets")
    assert there is not None
    assert there.tool == "pets/listPets"
    query = "limit=5&tags=a+b&tags=c%2Cd&ids=1,2&sold=true&&"
    headers = {"x-region": " eu ", "authorization": "Bearer x", "unknown": "y"}
    assert there.arguments(query, headers, None) == {
        "limit": 5, "tags": ["a b", "c,d"], "ids": [1, 2], "sold": True, "X-Region": "eu",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "body", "sentence"),
    [
        ("page=1", None, "has no query parameter 'page'"),
        ("limit=5&limit=6", None, "takes the parameter 'limit' once"),
        ("ids=1&ids=2", None, "takes the parameter 'ids' once"),
        ("limit=five", None, "cannot read the parameter 'limit': it is no integer"),
        ("limit=05", None, "it is no integer"),
        ("limit=" + "9" * 401, None, "it is no integer"),
        ("limit", None, "it is no integer"),
        ("sold=1", None, "it is no boolean"),
        ("sold=True", None, "it is no boolean"),
        ("tags=%ff", None, "is not percent-encoded UTF-8"),
        ("%zz=1", None, "is not percent-encoded UTF-8"),
        ("", {}, "takes no body"),
    ],
)
def test_requests_that_say_something_else_are_refused(query, body, sentence) -> None:
    there = matched(_PETS, "GET", "/pets")
    assert there is not None
    with pytest.raises(Refused, match=sentence) as refused:
        there.arguments(query, {}, body)
    assert refused.value.refusal.reason is Reason.INVALID_ARGUMENTS


@pytest.mark.parametrize("text", ["1e999", ".5", "+1", "0x1", "1_000", "١", "nan", ""])
def test_numbers_are_read_as_json_spells_them(text) -> None:
    there = matched(read(get(parameter("n", {"type": "number"}))), "GET", "/things")
    assert there is not None
    with pytest.raises(Refused, match="it is no number"):
        there.arguments(f"n={text}", {}, None)
    assert there.arguments("n=-1.5e3", {}, None) == {"n": -1500.0}


def test_upstreams_are_known_before_their_documents_are() -> None:
    routes = HttpRoutes()
    assert not routes.serves("pets")
    routes.learn("pets", Routes("pets"))
    assert routes.serves("pets")
    assert routes.match("pets", "GET", "/pets") is None
    routes.learn("pets", Routes("pets", _PETS.routes))
    assert routes.match("pets", "GET", "/pets") is not None
    assert routes.match("other", "GET", "/pets") is None
