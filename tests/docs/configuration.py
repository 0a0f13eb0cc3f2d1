"""The page of `config.yaml`, made from its schema: `python -m tests.docs.configuration > docs/configuration.md`."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.publish import published

_HEAD = """\
# Every field of config.yaml

<!-- Made by `python -m tests.docs.configuration > docs/configuration.md` from gateway/config/schema.py; a test keeps
the two equal. -->

[`config.example.yaml`](../config.example.yaml) is the short way in. Unknown keys are refused. A duration carries its
unit: `250ms`, `10s`, `5m`, `2h`, `1d`. `${env:NAME}` stands for a variable, wherever a text may stand; secrets belong
there. The environment wins over the file: `SALLYPORT_LISTEN__AGENT=0.0.0.0:8080`. `sallyport check` tells every fault as
`file:line: what: remedy`. YAML is read as version 1.2: `off` and `2026-01-31` are text.

`version` is `1`.
"""
Schema = Mapping[str, Any]


class Page:
    """The page as it grows: a table for every section, told once, where it is first needed."""

    def __init__(self) -> None:
        self._schema = published()
        self._told: set[str] = set()

    def text(self) -> str:
        """The whole page, newline at the end."""
        parts = [_HEAD]
        for name, member in self._schema["properties"].items():
            if name == "version":
                continue
            parts.append(f"\n## `{name}`\n")
            kind = self._kind(member)
            if "$ref" not in member:
                parts.append(f"\n{kind[0].upper()}{kind[1:]}.\n")
            parts += [self._table(inner, named="$ref" not in member) for inner in self._inner(member)]
        return "".join(parts)

    def _table(self, name: str, *, named: bool = True) -> str:
        section = self._schema["$defs"][name]
        rows = [
            f"| `{field}` | {self._kind(member)} | {_default(field, member, section)} | {member.get('description', '')} |\n"
            for field, member in section["properties"].items()
        ]
        below = [self._table(inner) for member in section["properties"].values() for inner in self._inner(member)]
        told = f"**{name}**: {section['description']}" if named else section["description"]
        return f"\n{told}\n\n| field | is | default | meaning |\n|---|---|---|---|\n{''.join(rows)}{''.join(below)}"

    def _inner(self, member: Schema) -> Iterator[str]:
        """Sections that a member refers to and that were not told yet."""
        if "$ref" in member and (name := _name(member)) not in self._told:
            self._told.add(name)
            yield name
        parts = [*member.get("anyOf", ()), *member.get("oneOf", ()), *member.get("patternProperties", {}).values()]
        for part in (*parts, member.get("items"), member.get("additionalProperties")):
            if part:
                yield from self._inner(part)

    def _kind(self, member: Schema) -> str:
        """In a few words, what may stand there."""
        match member:
            case {"$ref": _}:
                return f"**{_name(member)}**"
            case {"anyOf": parts} | {"oneOf": parts}:
                return " or ".join(self._kind(part) for part in parts)
            case {"enum": values}:
                return ", ".join(f"`{_shown(value)}`" for value in values)
            case {"const": value}:
                return f"`{_shown(value)}`"
            case {"type": "array"}:
                return f"list of {self._kind(member['items'])}"
            case {"type": "object"}:
                values = member.get("additionalProperties") or next(iter(member["patternProperties"].values()))
                return f"map of names to {self._kind(values)}"
            case {"examples": ["10s", *_]}:
                return "duration"
            case {"type": "null"}:
                return "nothing"
            case {"type": "string"}:
                return "text"
            case _:
                return str(member.get("type", "any value"))


def _name(member: Schema) -> str:
    return str(member["$ref"]).rpartition("/")[2]


def _default(field: str, member: Schema, section: Schema) -> str:
    if field in section.get("required", ()):
        return "required"
    default = member.get("default")
    return "" if default is None or default in ([], {}) or isinstance(default, dict) else f"`{_shown(default)}`"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(Page().text())
