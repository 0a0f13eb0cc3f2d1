"""How single values of `config.yaml` are written: durations, ids, globs.

Lives only here: their spelling, bounds and published patterns. Must not know sections. Used by the sections.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema

from gateway.wire.strict_json import canonical

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$"


def _duration(value: Any) -> Any:
    """`10s`, `250ms`, `5m`, `2h`, `1d` → timedelta; a bare number has no unit and is refused."""
    if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
        value = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta) and value > timedelta(0):
        return value
    raise ValueError("write a duration above zero with its unit: 250ms, 10s, 5m, 2h or 1d")


def duration(value: timedelta) -> str:
    """As the configuration spells durations: the largest unit that leaves a whole number."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value and not value % timedelta(seconds=size):
            return f"{value // timedelta(seconds=size)}{unit}"
    return f"{value / timedelta(milliseconds=1):.3f}".rstrip("0").rstrip(".") + "ms"


def json_value(value: Any) -> Any:
    """YAML knows values that JSON does not, such as dates and .nan."""
    try:
        canonical(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"write a value that JSON has: {error}") from None
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["10s", "250ms"]}),
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*-]+/[A-Za-z0-9_./*-]+$")]
ToolIdText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*/[^*\s]+$")]
PublishedName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
