"""JSON, once: the one strict parse of requests and answers, the one canonical form, the one way back to bytes.

Lives only here: what counts as well-formed JSON (duplicate keys, NaN, lone surrogates, depth and size refused), RFC 8785
with integers written exactly, and serialisation. Must not know JSON-RPC, MCP or who sent the bytes. Called by the
listener, the upstream leg, catalog, ledger and audit.
"""

import hashlib
import json
import math
import re
from typing import Any, NoReturn

import orjson

MAX_DEPTH = 64
MAX_NUMBER = 400
"""Characters of one number; longer ones are an attack on whoever converts them."""

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedJson(ValueError):
    """Not JSON we accept; the text says what and where, and quotes nothing of the input."""


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedJson("an object has the same key twice")
    return found


def _int(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise MalformedJson(f"a number has more than {MAX_NUMBER} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= MAX_NUMBER else float("inf")
    if math.isinf(value):
        raise MalformedJson("a number is out of range")
    return value


_strict = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_refuse_constant, parse_int=_int, parse_float=_float
)


_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A string as a whole, or a bracket. Never gives back what it took and ends an open string with the data: nothing is read twice."""


def _too_deep(data: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest deeper than `limit`; cheap when there are few brackets."""
    if data.count(b"{") + data.count(b"[") <= limit:
        return False
    depth = 0
    for token in _BRACKET.finditer(data):
        match token[0]:
            case b"{" | b"[":
                depth += 1
                if depth > limit:
                    return True
            case b"}" | b"]":
                depth -= 1
            case _:
                pass
    return False


def parse(data: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The one parse. Raises MalformedJson."""
    if _too_deep(data, max_depth):
        raise MalformedJson(f"nested deeper than {max_depth} levels")
    try:
        text = data.decode()
        value = _strict.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJson(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise MalformedJson(f"nested deeper than {max_depth} levels") from None
    if _SURROGATE_ESCAPE.search(data) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise MalformedJson("a string holds half of a surrogate pair")
    return value


def dump(value: Any) -> bytes:
    """Compact UTF-8 JSON; integers exact at any size. Raises TypeError for what has no JSON form, and lone surrogates.

    NaN would be written as null: `parse` and the configuration refuse it, so it does not get here.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


_PERHAPS_FLOAT = re.compile(rb"[0-9][.eE]|null")
"""Also null: that is how orjson writes NaN, which has no canonical form."""


def canonical(value: Any) -> bytes:
    """RFC 8785, except that integers are written exactly at any size: the form that is hashed, never sent."""
    try:
        fast = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _written(value)
    # orjson sorts by UTF-8 and spells floats its own way; neither can show in ASCII without a number's dot or exponent.
    return fast if fast.isascii() and not _PERHAPS_FLOAT.search(fast) else _written(value)


def _written(value: Any) -> bytes:
    """The canonical form, member by member."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts).encode()


def digest(value: Any) -> str:
    """SHA-256 (hex) over the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _write(value: Any, out: Any) -> None:
    match value:
        case None | bool() | str() | int():
            out(json.dumps(value, ensure_ascii=False))
        case float():
            out(_ecmascript(value))
        case dict():
            out("{")
            for position, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be"))):
                out(("," if position else "") + json.dumps(key, ensure_ascii=False) + ":")
                _write(value[key], out)
            out("}")
        case list() | tuple():
            out("[")
            for position, item in enumerate(value):
                if position:
                    out(",")
                _write(item, out)
            out("]")
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")


def _ecmascript(value: float) -> str:
    """Number::toString of ECMA-262, as RFC 8785 §3.2.2.3 asks: 1.0 is 1, -0.0 is 0, 1e21 is 1e+21."""
    if not math.isfinite(value):
        raise ValueError("NaN and Infinity have no JSON form")
    if value == 0:
        return "0"
    sign, text = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    head = digits if count == 1 else digits[0] + "." + digits[1:]
    return f"{sign}{head}e{'+' if power > 0 else '-'}{abs(power)}"
