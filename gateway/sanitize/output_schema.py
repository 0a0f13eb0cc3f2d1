"""A tool's outputSchema: whether structured content satisfies it, and what it demands of one string.

Lives only here: JSON Schema, compiled once per tool and never fetching anything, and the stand-ins a redacted string
may take where the schema demands a form. Must not know how strings are cleaned. Called by `structured.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jsonschema_rs

from gateway.sanitize.walk import Path

_STRING_KEYWORDS: Final = ("const", "enum", "pattern", "format", "minLength", "maxLength")
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONS: Final = ("then", "else")
_MOST_SCHEMAS: Final = 200
"""Subschemas looked at for one string; a schema that needs more is answered by full validation alone."""
_MOST_CHECKS: Final = 256
_OPTIONS: Final[dict[str, Any]] = {
    "validate_formats": True,
    "offline": True,
    "pattern_options": jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
}

STAND_INS: Final[Mapping[str, str]] = {
    "email": "redacted@invalid.example",
    "idn-email": "redacted@invalid.example",
    "uri": "https://redacted.invalid/",
    "uri-reference": "https://redacted.invalid/",
    "iri": "https://redacted.invalid/",
    "iri-reference": "https://redacted.invalid/",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "hostname": "redacted.invalid",
    "idn-hostname": "redacted.invalid",
    "ipv4": "0.0.0.0",  # noqa: S104  an address that nothing is bound to
    "ipv6": "::",
}
"""format → a value of that format that says nothing."""
TIMES: Final = frozenset({"date", "time", "date-time", "duration"})
"""Formats that leave no room for a secret: a finding there is a false alarm."""


class UnusableSchema(Exception):
    """The schema cannot be compiled, or refers to something that is not in it."""


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """One compiled outputSchema."""

    schema: Mapping[str, Any]
    _validator: jsonschema_rs.Validator
    _checks: dict[str, jsonschema_rs.Validator] = field(default_factory=dict)

    @classmethod
    def compile(cls, schema: Mapping[str, Any]) -> "OutputSchema":
        """Raises UnusableSchema."""
        try:
            return cls(schema, jsonschema_rs.validator_for(dict(schema), **_OPTIONS))
        except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
            raise UnusableSchema from error

    def valid(self, content: Any) -> bool:
        """Whether the content satisfies the schema, formats included."""
        return bool(self._validator.is_valid(content))

    def demands(self, path: Path, text: str) -> Sequence[Mapping[str, Any]]:
        """What the schema asks of the string at the path, as far as `text`, which stood there, satisfied it."""
        demands = []
        for schema in self._at(path):
            demand = {word: schema[word] for word in _STRING_KEYWORDS if word in schema}
            if demand and self.meets([demand], text):
                demands.append(demand)
        return demands

    def meets(self, demands: Sequence[Mapping[str, Any]], text: str) -> bool:
        """Whether the text satisfies every demand."""
        return all(self._check(demand).is_valid(text) for demand in demands)

    def _check(self, demand: Mapping[str, Any]) -> jsonschema_rs.Validator:
        key = json.dumps(demand, sort_keys=True)
        check = self._checks.get(key)
        if check is None:
            check = jsonschema_rs.validator_for(dict(demand), **_OPTIONS)
            if len(self._checks) < _MOST_CHECKS:
                self._checks[key] = check
        return check

    def _at(self, path: Path) -> list[Mapping[str, Any]]:
        schemas = self._widened([self.schema])
        for step in path:
            schemas = self._widened([inner for schema in schemas for inner in _below(schema, step)])
        return schemas

    def _widened(self, schemas: list[Any]) -> list[Mapping[str, Any]]:
        """The schemas and every one they apply in place: branches, conditions, local references."""
        waiting = list(schemas)
        seen: list[Mapping[str, Any]] = []
        while waiting and len(seen) < _MOST_SCHEMAS:
            schema = waiting.pop()
            if not isinstance(schema, Mapping) or any(schema is known for known in seen):
                continue
            seen.append(schema)
            for word in _BRANCHES:
                waiting += schema.get(word, ())
            waiting += [schema[word] for word in _CONDITIONS if word in schema]
            if isinstance(reference := schema.get("$ref"), str):
                waiting.append(self._local(reference))
        return seen

    def _local(self, reference: str) -> Any:
        """The target of `#/a/b`; None for anything else."""
        if not reference.startswith("#"):
            return None
        target: Any = self.schema
        for step in filter(None, reference[1:].split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        return target


def _below(schema: Mapping[str, Any], step: str | int) -> Iterator[Any]:
    """Subschemas that apply to a member or an item."""
    if isinstance(step, int):
        prefix = schema.get("prefixItems", ())
        yield prefix[step] if step < len(prefix) else schema.get("items")
        yield schema.get("contains")
        return
    properties = schema.get("properties", {})
    if step in properties:
        yield properties[step]
    else:
        yield schema.get("additionalProperties")
        yield from schema.get("patternProperties", {}).values()
