"""MCP's request headers (2026-07-28, SEP-2243): their values, what a call must carry, and whether they agree with a body.

Lives only here: the Base64 sentinel, `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` and the rules of `x-mcp-header`. Headers are
set by whoever stands in between, so they are compared, never believed. Must not know HTTP servers or clients, tools or
policy. Called by the listener (does the front agree with itself?), the upstream leg (what to send) and tool listings.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = "mcp-protocol-version"
METHOD: Final = "mcp-method"
NAME: Final = "mcp-name"
PARAM_PREFIX: Final = "mcp-param-"
SESSION: Final = "mcp-session-id"

_NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_SENTINEL = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_PLAIN = re.compile(r"[\x20-\x7e\t]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.0+)?")
_OWS = " \t"

# Keywords of JSON Schema 2020-12 that hold schemas. `properties` alone keeps a position reachable from the arguments;
# `$ref` is never followed, and instance data (`const`, `default`, `enum`, `examples`) is never mistaken for a schema.
_HOLDS_ONE: Final = frozenset(
    {"items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties"}
    | {"not", "if", "then", "else", "contentSchema"}
)
_HOLDS_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_HOLDS_MAP: Final = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})
_MOST_SCHEMAS: Final = 1_024


class MalformedHeader(ValueError):
    """A header that proves nothing; the text is ours and quotes no value."""


def encode(value: str) -> str:
    """The value as a header carries it: plain where that survives, else `=?base64?…?=` over UTF-8."""
    if _PLAIN.fullmatch(value) and value == value.strip(_OWS) and not _SENTINEL.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def decode(value: str) -> str:
    """Inverse of `encode`, canonical Base64 only. Raises MalformedHeader."""
    value = value.strip(_OWS)
    if (match := _SENTINEL.fullmatch(value)) is None:
        if not _PLAIN.fullmatch(value):
            raise MalformedHeader("a header value holds characters that must be Base64")
        return value
    try:
        raw = base64.b64decode(match[1], validate=True)
        if base64.b64encode(raw).decode() == match[1]:
            return raw.decode()
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise MalformedHeader("a header value is not canonical Base64 of UTF-8")


def collect(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The MCP headers of a request by lower-case name, outer whitespace stripped.

    Raises MalformedHeader when one stands there twice: two readers would pick different ones.
    """
    found: dict[str, str] = {}
    for name, value in raw:
        lower = name.lower()
        if lower.startswith(b"mcp-"):
            key = lower.decode("latin-1")
            if key in found:
                raise MalformedHeader(f"{key if len(key) <= 64 else 'an Mcp-* header'} appears more than once")
            found[key] = value.decode("latin-1").strip(_OWS)
    return found


def name_of(method: str, params: Mapping[str, Any]) -> str | None:
    """What `Mcp-Name` must repeat for this request; None when it has no name."""
    member = _NAMED_BY.get(method)
    value = params.get(member) if member is not None else None
    return value if isinstance(value, str) else None


def mcp_headers(
    method: str, name: str | None, params_schema: Mapping[str, Any] | None, arguments: Mapping[str, Any]
) -> dict[str, str]:
    """`Mcp-Method`, `Mcp-Name` and the `Mcp-Param-*` that the tool's inputSchema asks for."""
    found = {METHOD: method}
    if name is not None:
        found[NAME] = encode(name)
    for declared in _declared(params_schema):
        if (text := _text(_at(arguments, declared.path))) is not None:
            found[declared.header] = encode(text)
    return found


def routing_mismatch(found: Mapping[str, str], version: Any, method: str, name: str | None) -> str | None:
    """Why the version, method or name headers disagree with the body, or None. `found` comes from `collect`."""
    if found.get(VERSION) != version:
        return f"{VERSION} does not repeat the version in _meta"
    if found.get(METHOD) != method:
        return f"{METHOD} does not repeat the body's method"
    if name is not None:
        try:
            if NAME not in found or decode(found[NAME]) != name:
                return f"{NAME} does not repeat the body's name"
        except MalformedHeader:
            return f"{NAME} is malformed"
    return None


def param_mismatch(
    found: Mapping[str, str], params_schema: Mapping[str, Any] | None, arguments: Mapping[str, Any]
) -> str | None:
    """Why an `Mcp-Param-*` header disagrees with its argument, or None.

    Both must be there and equal, or both absent (null counts as absent). A schema whose annotations are invalid asks for
    nothing: conforming clients dropped the tool.
    """
    for declared in _declared(params_schema):
        value = _at(arguments, declared.path)
        text, sent = _text(value), found.get(declared.header)
        if (text is None) != (sent is None):
            return f"{declared.header} and its argument are not both present"
        if text is None or sent is None:
            continue
        try:
            if not _agrees(declared.type, value, text, decode(sent)):
                return f"{declared.header} does not repeat its argument"
        except MalformedHeader:
            return f"{declared.header} is malformed"
    return None


def invalid_x_mcp_header(schema: Any) -> str | None:
    """Why the `x-mcp-header` annotations of an inputSchema break the rules, or None; clients must drop such a tool."""
    seen: set[str] = set()
    for path, node in _positions(schema):
        if "x-mcp-header" not in node:
            continue
        header = node["x-mcp-header"]
        if not path:
            return "x-mcp-header stands where no argument can be reached through properties alone"
        if not isinstance(header, str) or not _TOKEN.fullmatch(header):
            return "x-mcp-header is not an HTTP token"
        if node.get("type") not in ("string", "integer", "boolean"):
            return "x-mcp-header stands on something other than a string, integer or boolean"
        if header.lower() in seen:
            return "two arguments have the same x-mcp-header"
        seen.add(header.lower())
    return None


@dataclass(frozen=True, slots=True)
class _Declared:
    path: tuple[str, ...]
    header: str
    type: Any


_known: Final[dict[int, tuple[Mapping[str, Any], Sequence[_Declared]]]] = {}
"""By the identity of schemas, which nobody changes once they were listed."""


def _declared(schema: Mapping[str, Any] | None) -> Sequence[_Declared]:
    """What a schema asks for; nothing when its annotations are invalid. Kept: walking a large one costs more than a call."""
    if schema is None:
        return ()
    if (known := _known.get(id(schema))) is None:
        if len(_known) >= _MOST_SCHEMAS:
            _known.clear()
        found = () if invalid_x_mcp_header(schema) is not None else tuple(_annotated(schema))
        known = _known[id(schema)] = (schema, found)  # with the schema, so that its id cannot become another one's
    return known[1]


def _annotated(schema: Mapping[str, Any]) -> Iterator[_Declared]:
    stack: list[tuple[tuple[str, ...], Any]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, Mapping):
            continue
        token = node.get("x-mcp-header")
        if path and isinstance(token, str) and _TOKEN.fullmatch(token):
            yield _Declared(path, PARAM_PREFIX + token.lower(), node.get("type"))
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            stack.extend(((*path, name), sub) for name, sub in properties.items())


def _positions(root: Any) -> Iterator[tuple[tuple[str, ...] | None, Mapping[str, Any]]]:
    """Every schema inside a schema, with its path of `properties` keys; None once another keyword was crossed."""
    stack: list[tuple[tuple[str, ...] | None, Any]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, Mapping):
            continue
        yield path, node
        for keyword, held in node.items():
            if keyword == "properties" and isinstance(held, Mapping):
                stack.extend((None if path is None else (*path, name), sub) for name, sub in held.items())
            elif keyword in _HOLDS_ONE:
                stack.append((None, held))
            elif keyword in _HOLDS_LIST and isinstance(held, list):
                stack.extend((None, sub) for sub in held)
            elif keyword in _HOLDS_MAP and isinstance(held, Mapping):
                stack.extend((None, sub) for sub in held.values())


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(key)
    return arguments


def _text(value: Any) -> str | None:
    """How an argument is written in a header; None when it has no such form."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return None


def _agrees(declared_type: Any, value: Any, text: str, sent: str) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if declared_type == "integer" and whole and not isinstance(value, bool) and _DECIMAL.fullmatch(sent):
        return int(sent.partition(".")[0]) == int(value)
    return sent == text
