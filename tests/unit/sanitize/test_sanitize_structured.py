"""Structured content: cleaned, and still what the tool's outputSchema promises."""

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Tool
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(max_text=5000), b"k" * 32)
TOKEN = SAMPLES["github-token"][0][1]
CARD = SAMPLES["card"][0][1]


def tool(schema):
    definition = {"name": "t"} | ({} if schema is None else {"outputSchema": schema})
    return Tool("up/t", "up", "t", definition, json.dumps(schema, sort_keys=True))


def clean(content, schema=None):
    cleaned = CLEAN.result({"structuredContent": content}, tool(schema))
    if schema is not None:
        assert jsonschema_rs.is_valid(schema, cleaned.value["structuredContent"], validate_formats=True)
    return cleaned.value["structuredContent"], cleaned.findings


def of(leaf):
    return {"type": "object", "properties": {"x": leaf}, "required": ["x"]}


def test_strings_are_cleaned_and_nothing_else_is_touched():
    content = {
        "a\u200bb": "c\u200bd",
        "n": 4111111111111111,
        "big": 10**30,
        "f": 1e400 - 1e400 == 0,
        "l": [None, True, 1.5, "\x1b[0mz"],
    }
    cleaned, found = clean(content)
    assert cleaned == content | {"a\u200bb": "cd", "l": [None, True, 1.5, "z"]}
    assert list(cleaned) == list(content)
    assert found == {"joiner": 1, "terminal-sequence": 1, "key-hidden": 1}


def test_a_member_name_that_tells_is_context_for_its_value():
    cleaned, found = clean({"clientSecret": "q8Zr-77yP_0aLm4", "nextPageToken": "q8Zr-77yP_0aLm4"})
    assert cleaned["clientSecret"].startswith("[REDACTED:named:")
    assert cleaned["nextPageToken"] == "q8Zr-77yP_0aLm4"
    assert found == {"redacted-named": 1}


@pytest.mark.parametrize(
    ("leaf", "text", "fitted"),
    [
        ({"type": "string", "format": "email"}, f"{TOKEN}@x.example", "redacted@invalid.example"),
        ({"format": "uri"}, f"https://x.example/?token={TOKEN}", "https://redacted.invalid/"),
        ({"pattern": "^[0-9 ]{19}$"}, CARD, "0000 0000 0000 0000"),
        ({"maxLength": 20}, CARD, "0000 0000 0000 0000"),
        ({"enum": ["a\u200bb", "c"]}, "a\u200bb", "a\u200bb"),
        ({"const": "n\xado"}, "n\xado", "n\xado"),
        ({"minLength": 3}, "a\u200b\u200b", "a\u200b\u200b"),
        ({"anyOf": [{"const": "other"}, {"format": "ipv4"}, {"pattern": "^\\d"}]}, CARD, "0000 0000 0000 0000"),
        ({"$ref": "#/$defs/card"}, CARD, "0000 0000 0000 0000"),
        ({"allOf": [{"pattern": "^4"}, {"type": "string"}]}, "4\u200b2", "42"),
    ],
)
def test_an_edited_string_takes_the_form_its_schema_demands(leaf, text, fitted):
    schema = of(leaf) | {"$defs": {"card": {"pattern": "^[0-9 ]{19}$"}}}
    cleaned, found = clean({"x": text}, schema)
    assert cleaned == {"x": fitted}
    assert found


def test_a_named_value_is_masked_where_the_token_does_not_fit():
    schema = {"type": "object", "properties": {"password": {"maxLength": 12}}}
    assert clean({"password": "S0mmer!2024"}, schema)[0] == {"password": "X0xxxx!0000"}


def test_items_and_further_members_find_their_schema():
    schema = {
        "type": "object",
        "properties": {"l": {"type": "array", "prefixItems": [{}], "items": {"maxLength": 19}}},
        "additionalProperties": {"format": "uuid"},
    }
    assert clean({"l": [CARD, CARD]}, schema)[0]["l"][1] == "0000 0000 0000 0000"
    assert clean({"l": [CARD]}, schema)[0]["l"][0].startswith("[REDACTED:card:")


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        ({"const": TOKEN}, TOKEN),
        ({"pattern": "^ghp_"}, TOKEN),
        ({"pattern": "\u202e"}, "a\u202eb"),
        ({"const": "\U000e0061\U000e0062\U000e0063\U000e0064"}, "\U000e0061\U000e0062\U000e0063\U000e0064"),
    ],
)
def test_what_may_neither_pass_nor_be_fitted_is_withheld(leaf, text):
    with pytest.raises(Refused) as refused:
        clean({"x": text}, of(leaf))
    assert refused.value.refusal.reason is Reason.RESULT_WITHHELD
    assert TOKEN not in refused.value.refusal.detail


def test_content_whose_parts_fit_but_not_the_whole_is_withheld():
    other = SAMPLES["card"][1][1]
    schema = {"type": "array", "uniqueItems": True, "items": {"maxLength": 19, "pattern": "^[0-9]+$"}}
    assert clean([other], schema)[0] == ["0" * len(other)]
    with pytest.raises(Refused, match="outputSchema"):
        clean([other, "3714496" + "35398431"], schema)


def test_a_schema_is_never_read_from_elsewhere(tmp_path):
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    cleaned = CLEAN.result(
        {"structuredContent": {"x": "a\u200bb"}}, tool({"$ref": (tmp_path / "schema.json").as_uri()})
    )
    assert cleaned.findings["schema-unusable"] == 1


def test_content_that_arrived_invalid_is_cleaned_all_the_same():
    cleaned = CLEAN.result({"structuredContent": {"x": f"{TOKEN}", "y": 1}}, tool(of({}) | {"required": ["z"]}))
    assert TOKEN not in json.dumps(cleaned.value)


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "https://x.example/schema.json"}, {"$ref": "#/$defs/none"}]
)
def test_an_unusable_schema_is_told_and_fetches_nothing(schema):
    cleaned = CLEAN.result({"structuredContent": {"x": "a\u200bb"}}, tool(schema))
    assert cleaned.value == {"structuredContent": {"x": "ab"}}
    assert cleaned.findings == {"joiner": 1, "schema-unusable": 1}


def test_a_string_over_the_limit_withholds_the_result():
    with pytest.raises(Refused, match="max_text"):
        clean({"x": "y" * 5001})


LEAVES = st.sampled_from(
    [({}, TOKEN), ({"format": "email"}, f"{TOKEN}@x.example"), ({"maxLength": 60}, f"a\u200b {TOKEN}"), ({"pattern": "^[0-9 ]+$"}, CARD),
     ({"format": "uri"}, "https://x.example/\u200b"), ({"enum": ["o\xadk"]}, "o\xadk"), ({"format": "date"}, "2024-01-01")]
)  # fmt: skip


@given(st.lists(LEAVES, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_content_that_arrived_valid_leaves_valid(leaves):
    schema = {"type": "array", "prefixItems": [leaf for leaf, _ in leaves]}
    cleaned, _ = clean([text for _, text in leaves], schema)
    assert TOKEN not in json.dumps(cleaned)
