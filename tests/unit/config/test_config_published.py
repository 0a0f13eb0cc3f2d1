"""The published JSON Schema: current, lets through what the gateway takes, refuses what it refuses."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from config_kit import faults

from gateway.config.publish import published

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"
SCHEMA = json.loads((ROOT / "gateway/config/schema.json").read_text())


def test_the_published_schema_is_current() -> None:
    assert published() == SCHEMA, "run `make schema`"


def test_the_published_schema_lets_the_example_through() -> None:
    document = yaml.safe_load(EXAMPLE.read_text())

    jsonschema_rs.validator_for(SCHEMA, validate_formats=True).validate(document)


def test_the_published_schema_offers_no_default_that_it_would_refuse() -> None:
    checked = 0
    for kind in (SCHEMA, *SCHEMA["$defs"].values()):
        for name, member in kind.get("properties", {}).items():
            if "default" in member:
                checked += 1
                rule = {**member, "$defs": SCHEMA["$defs"]}
                assert jsonschema_rs.is_valid(rule, member["default"], validate_formats=True), (name, member["default"])
    assert checked > 40


@pytest.mark.parametrize("section", ["loops: {window: 15}", "loops: {window: PT15M}", "lisen: {}", "audit: {segment_bytes: 1}"])  # fmt: skip
def test_what_the_schema_refuses_the_gateway_refuses(tmp_path: Path, section: str) -> None:
    assert not jsonschema_rs.is_valid(SCHEMA, {"version": 1, **yaml.safe_load(section)})
    assert faults(tmp_path, f"version: 1\n{section}\n")
