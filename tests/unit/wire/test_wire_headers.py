"""MCP headers: the sentinel is exact, what we send always agrees with the body, and nothing else does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import headers
from gateway.wire.headers import MalformedHeader, collect, decode, encode

_SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "deep": {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": "Deep-A"}}},
        "free": {"type": "string"},
    },
}
_arguments = st.fixed_dictionaries(
    {},
    optional={
        "region": st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
        "count": st.none() | st.integers(),
        "dry": st.booleans(),
        "deep": st.none() | st.fixed_dictionaries({}, optional={"a": st.text(st.characters(codec="utf-8"))}),
        "free": st.text(max_size=3),
    },
)


def _wire(found: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), b" \t" + value.encode("latin-1") + b" ") for name, value in found.items()]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_every_text_survives_the_codec_as_visible_ascii(text) -> None:
    encoded = encode(text)
    assert encoded.isascii()
    assert not set(encoded) & {"\r", "\n", "\0"}
    assert decode(encoded) == text
    assert decode(f" \t{encoded} ") == text


@pytest.mark.parametrize(
    "bad",
    [
        "=?base64?YQ?=",  # no padding
        "=?base64?YR==?=",  # bits beyond the value
        "=?base64?Y Q==?=",
        "=?base64?/w==?=",  # not UTF-8
        "=?base64?é?=",
        "caf\xe9",
        "a\x7fb",
    ],
)
def test_a_value_that_is_not_canonical_is_refused(bad) -> None:
    with pytest.raises(MalformedHeader):
        decode(bad)


def test_a_value_that_looks_like_the_sentinel_is_wrapped() -> None:
    assert encode("=?base64?YQ==?=") != "=?base64?YQ==?="
    assert decode("=?base64?YQ==?=") == "a"


def test_a_doubled_header_is_refused() -> None:
    with pytest.raises(MalformedHeader, match="more than once"):
        collect([(b"Mcp-Name", b"a"), (b"accept", b"*/*"), (b"mcp-name", b"a")])


@settings(max_examples=80, deadline=None)
@given(_arguments)
def test_what_we_send_agrees_with_the_body(arguments) -> None:
    sent = headers.mcp_headers("tools/call", "näme", _SCHEMA, arguments)
    found = collect(_wire(sent | {"mcp-protocol-version": "2026-07-28"}))
    assert headers.param_mismatch(found, _SCHEMA, arguments) is None
    assert headers.routing_mismatch(found, "2026-07-28", "tools/call", "näme") is None


def test_the_headers_of_a_call_are_these() -> None:
    arguments = {"region": "eu", "count": 10**20, "dry": False, "deep": {"a": "é"}, "free": "x"}
    assert headers.mcp_headers("tools/call", "refund", _SCHEMA, arguments) == {
        "mcp-method": "tools/call",
        "mcp-name": "refund",
        "mcp-param-region": "eu",
        "mcp-param-count": "100000000000000000000",
        "mcp-param-dry": "false",
        "mcp-param-deep-a": "=?base64?w6k=?=",
    }


@pytest.mark.parametrize(
    ("sent", "arguments"),
    [
        ({"mcp-param-region": "us"}, {"region": "eu"}),
        ({}, {"region": "eu"}),
        ({"mcp-param-region": "eu"}, {}),
        ({"mcp-param-region": "eu"}, {"region": None}),
        ({"mcp-param-region": "eu"}, {"region": ["eu"]}),
        ({"mcp-param-count": "7"}, {"count": 8}),
        ({"mcp-param-count": "7.5"}, {"count": 7}),
        ({"mcp-param-count": "1e1"}, {"count": 10}),
        ({"mcp-param-dry": "1"}, {"dry": True}),
        ({"mcp-param-dry": "True"}, {"dry": True}),
        ({"mcp-param-region": "=?base64?ZXV=?="}, {"region": "eu"}),
    ],
)
def test_a_header_that_says_something_else_than_its_argument_is_found(sent, arguments) -> None:
    assert headers.param_mismatch(collect(_wire(sent)), _SCHEMA, arguments) is not None


@pytest.mark.parametrize(("sent", "count"), [("7", 7.0), ("7.0", 7), ("-7.00", -7), ("007", 7)])
def test_integers_compare_as_numbers(sent, count) -> None:
    assert headers.param_mismatch({"mcp-param-count": sent}, _SCHEMA, {"count": count}) is None


@pytest.mark.parametrize("missing", ["mcp-protocol-version", "mcp-method", "mcp-name"])
@pytest.mark.parametrize("value", [None, "other", "=?base64?YR==?="])
def test_a_routing_header_that_is_absent_or_different_is_found(missing, value) -> None:
    found = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "refund"}
    assert headers.routing_mismatch(found, "2026-07-28", "tools/call", "refund") is None
    found.pop(missing)
    if value is not None:
        found[missing] = value
    assert headers.routing_mismatch(found, "2026-07-28", "tools/call", "refund") is not None


def test_the_name_is_taken_from_the_member_the_method_says() -> None:
    assert headers.name_of("tools/call", {"name": "a", "uri": "b"}) == "a"
    assert headers.name_of("resources/read", {"name": "a", "uri": "b"}) == "b"
    assert headers.name_of("tools/list", {"name": "a"}) is None
    assert headers.name_of("tools/call", {"name": 5}) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"x-mcp-header": "A", "type": "string"},
        {"properties": {"a": {"type": "string", "x-mcp-header": "no token"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 5}}},
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "A"}}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {n: {"type": "string", "x-mcp-header": h} for n, h in (("a", "X"), ("b", "x"))}},
        {"properties": {"a": {"items": {"properties": {"b": {"type": "string", "x-mcp-header": "B"}}}}}},
        {"$defs": {"a": {"type": "string", "x-mcp-header": "A"}}},
        {"allOf": [{"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}]},
        {"if": {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}},
    ],
)
def test_an_annotation_against_the_rules_is_found_and_asks_for_no_header(schema) -> None:
    assert headers.invalid_x_mcp_header(schema) is not None
    assert headers.param_mismatch({}, schema, {"a": "x"}) is None


@pytest.mark.parametrize(
    "schema",
    [_SCHEMA, None, {}, {"properties": {"a": {"const": {"x-mcp-header": "A"}}}}, {"$ref": "#/x-mcp-header"}],
)
def test_valid_annotations_and_mere_data_are_let_through(schema) -> None:
    assert headers.invalid_x_mcp_header(schema) is None
