"""Single values as text in a URL or a header, and back, by the type their schema states.

Lives only here: the spelling of numbers and booleans; JSON's, so that nothing is lost on the way and back. Must not know
where a text stands or how it is escaped. Pure; called by `openapi_request.py` and `openapi_match.py`.
"""

import json
import math
import re
from typing import Any, Final, assert_never

from gateway.upstream.openapi_operation import Kind

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,399})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,399})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,9})?")


class Misfit(ValueError):
    """A value that its kind does not have; the text is ours and quotes no value."""


def text_of(kind: Kind, value: Any) -> str:
    """Raises Misfit."""
    match kind, value:
        case "string", str():
            return value
        case "boolean", bool():
            return "true" if value else "false"
        case "integer" | "number", bool():
            pass
        case "integer" | "number", int():
            return str(value)
        case "integer", float() if value.is_integer():
            return str(int(value))
        case "number", float() if math.isfinite(value):
            return json.dumps(value)
        case _:
            pass
    raise Misfit(f"it is no {kind}")


def value_of(kind: Kind, text: str) -> str | int | float | bool:
    """Raises Misfit."""
    match kind:
        case "string":
            return text
        case "boolean":
            if text in {"true", "false"}:
                return text == "true"
        case "integer":
            if _INTEGER.fullmatch(text):
                return int(text)
        case "number":
            if _INTEGER.fullmatch(text):
                return int(text)
            if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
                return number
        case _:
            assert_never(kind)
    raise Misfit(f"it is no {kind}")
