"""Entries: what one is made of, and how it becomes the bytes that are chained.

Lives only here: the field names (read from `record.schema.json`, their one list), the stamp of id and time, and the
promise that every entry has a JSON form. Must not know files, threads or who writes. Used by trail, journal, recovery.
"""

import json
import math
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import uuid_utils

from gateway.model.audit import stamp
from gateway.ports import Clock
from gateway.wire import strict_json

SCHEMA: Final[Mapping[str, Any]] = json.loads(
    files("gateway.audit").joinpath("record.schema.json").read_text(encoding="utf-8")
)
FIELDS: Final = frozenset(SCHEMA["properties"])
KINDS: Final = frozenset(SCHEMA["properties"]["kind"]["enum"])

FREE_TEXTS: Final = frozenset({"asked", "run", "method", "version"})
"""Fields that hold words of the caller's own."""

_LONGEST = 128
_UNPRINTABLE = re.compile(r"[^\w./:@ -]", re.ASCII)


def entry(kind: str, moment: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A complete entry: kind, its own id, time, then the facts that are known (not None)."""
    made: dict[str, Any] = {"kind": kind, "id": str(uuid_utils.uuid7()), "time": stamp(moment)}
    made.update((name, value) for name, value in facts.items() if value is not None)
    return made


def stamped(made: Mapping[str, Any], clock: Clock) -> Mapping[str, Any]:
    """The entry itself, or a complete one where its maker had no clock (`gap`)."""
    if "id" in made:
        return made
    return entry(made["kind"], clock.now(), {name: value for name, value in made.items() if name != "kind"})


def checked(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises TypeError for a name that is not in the schema: a defect of the caller."""
    if not facts.keys() <= FIELDS:
        raise TypeError(f"not in record.schema.json: {', '.join(sorted(facts.keys() - FIELDS))}")
    return facts


def cleaned(text: str) -> str:
    """Words of a caller, fit for a record: short, no character that a terminal or a log would act on."""
    return _UNPRINTABLE.sub("?", text[:_LONGEST])


def body(made: Mapping[str, Any]) -> bytes:
    """The JSON as it will be chained. Never raises: what has no JSON form is written in words."""
    try:
        return strict_json.dump(made)
    except (TypeError, ValueError, RecursionError):
        return strict_json.dump(_plain(made))


def _plain(value: Any, depth: int = 0) -> Any:
    match value:
        case None | bool() | int():
            return value
        case str():
            return value.encode("utf-8", "replace").decode()
        case float():
            return value if math.isfinite(value) else repr(value)
        case Mapping() if depth < strict_json.MAX_DEPTH:
            return {_plain(str(name)): _plain(item, depth + 1) for name, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth < strict_json.MAX_DEPTH:
            return [_plain(item, depth + 1) for item in value]
        case _:
            return f"({type(value).__name__})"
