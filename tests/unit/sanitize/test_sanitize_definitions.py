"""Definitions: prose is cleaned, what programs rely on stays, and what hides there is told."""

import copy

import pytest
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.model.refusal import Refused
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(max_nodes=100, max_depth=10), b"k" * 32)
HIDDEN = "\u200b\u202e"

DEFINITION = {
    "name": "tool",
    "title": "T",
    "description": "D",
    "annotations": {"title": "A", "readOnlyHint": True},
    "inputSchema": {
        "type": "object",
        "description": "S",
        "properties": {
            "description": {
                "type": "string",
                "title": "P",
                "description": "Q",
                "pattern": "^a$",
                "default": "v",
                "x-mcp-header": "X-P",
            },
            "enum": {"description": "R", "enum": ["e"], "examples": ["x"]},
        },
        "required": ["enum"],
        "anyOf": [{"$comment": "C", "$ref": "#/$defs/d"}],
        "$defs": {"d": {"const": "c", "x-note": "N"}},
    },
    "_meta": {"m": "M"},
}
PROSE = [
    ("title",), ("description",), ("annotations", "title"), ("inputSchema", "description"), ("_meta", "m"),
    ("inputSchema", "properties", "description", "title"), ("inputSchema", "properties", "description", "description"),
    ("inputSchema", "properties", "enum", "description"), ("inputSchema", "anyOf", 0, "$comment"),
    ("inputSchema", "$defs", "d", "x-note"),
]  # fmt: skip
DATA = [
    ("name",), ("inputSchema", "properties", "description", "x-mcp-header"), ("inputSchema", "properties", "description", "pattern"), ("inputSchema", "properties", "description", "default"),
    ("inputSchema", "properties", "enum", "enum", 0), ("inputSchema", "properties", "enum", "examples", 0),
    ("inputSchema", "required", 0), ("inputSchema", "anyOf", 0, "$ref"), ("inputSchema", "$defs", "d", "const"),
]  # fmt: skip


def dirty(path):
    definition = copy.deepcopy(DEFINITION)
    holder = definition
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] += HIDDEN
    return definition


@pytest.mark.parametrize("path", PROSE)
def test_prose_is_cleaned(path):
    cleaned = CLEAN.definition(dirty(path))
    assert cleaned.value == DEFINITION
    assert cleaned.findings == {"joiner": 1, "bidi-control": 1}


@pytest.mark.parametrize("path", DATA)
def test_data_is_told_and_left_alone(path):
    definition = dirty(path)
    cleaned = CLEAN.definition(definition)
    assert cleaned.value == definition
    assert cleaned.findings == {"schema-hidden": 1}


def test_a_property_name_that_hides_something_is_told():
    definition = {"name": "t", "inputSchema": {"properties": {"a\u200b": {"description": "d"}}}}
    cleaned = CLEAN.definition(definition)
    assert cleaned.value == definition
    assert cleaned.findings == {"schema-hidden": 1}


def test_an_honest_definition_has_no_findings():
    assert CLEAN.definition(DEFINITION).value == DEFINITION
    assert not CLEAN.definition(DEFINITION).changed


def test_isolates_go_even_beside_right_to_left_text():
    assert CLEAN.definition({"name": "t", "description": "שם \u2068x\u2069"}).value["description"] == "שם x"


def test_secrets_in_descriptions_are_redacted():
    token = SAMPLES["slack-token"][0][1]
    assert token not in CLEAN.definition({"name": "t", "description": f"use {token}"}).value["description"]


def test_a_definition_over_the_limits_is_refused():
    with pytest.raises(Refused, match="max_nodes"):
        CLEAN.definition({"name": "t", "inputSchema": {"enum": ["x"] * 200}})
