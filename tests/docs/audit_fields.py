"""The table of fields of `docs/audit.md`, made from the schema: `python -m tests.docs.audit_fields` prints it."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.audit.record import SCHEMA
from gateway.model.audit import FILTERS


def table() -> str:
    """Every field of an entry, those within others dotted; newline at the end."""
    rows = "".join(f"| `{name}` | {told} | {asked} |\n" for name, told, asked in _rows(SCHEMA["properties"], ""))
    return f"| field | is | filter |\n|---|---|---|\n{rows}"


def _rows(properties: Mapping[str, Mapping[str, Any]], above: str) -> Iterator[tuple[str, str, str]]:
    for name, field in properties.items():
        yield above + name, field["description"], f"`--{name}`" if not above and name in FILTERS else ""
        yield from _rows(field.get("properties", {}), f"{above}{name}.")


if __name__ == "__main__":
    sys.stdout.write(table())
