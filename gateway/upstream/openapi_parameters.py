"""The parameters of an operation: which can be carried, of what kind they are, and their schemas.

Lives only here: OpenAPI's styles as far as they have one reading here (simple in paths and headers, form in queries, of
single values and of arrays), and which headers never are an argument. What cannot be carried is left out when it is
optional and hides its operation when it is required. Must not know bodies, tools or sockets. Pure; called by
`openapi_document.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from gateway.upstream.openapi_operation import Kind, Parameter, Place, shown
from gateway.upstream.openapi_schema import Bad, Document, Translation

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
_IN_PLACE: Final = frozenset({"allOf", "anyOf", "oneOf"})
_LISTS: Final = _IN_PLACE | {"enum", "type"}
_STYLES: Final[Mapping[str, str]] = {"path": "simple", "query": "form", "header": "simple"}
_LONGEST_NAME: Final = 256
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

_OURS: Final = frozenset(
    {
        "accept", "accept-encoding", "authorization", "baggage", "connection", "content-encoding", "content-length",
        "content-type", "cookie", "expect", "forwarded", "host", "http2-settings", "idempotency-key", "keep-alive", "te",
        "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-http-method",
        "x-http-method-override", "x-method-override", "x-original-url", "x-request-timeout", "x-rewrite-url",
    }
)  # fmt: skip
"""Set by us or by the connection, credentials, and what turns a request into another one."""
_OURS_BEGIN: Final = ("mcp-", "proxy-", "sallyport-", "sec-", "x-forwarded-")

SEGMENT: Final[Mapping[str, Any]] = {"pattern": r"^[^/\\]+$", "not": {"enum": [".", ".."]}}
"""What every text in a path must be, so that it stays in its segment."""
HEADER: Final[Mapping[str, Any]] = {"pattern": r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"}
"""What every text in a header must be to arrive as it was sent."""
_GUARDS: Final[Mapping[Place, Mapping[str, Any]]] = {"path": SEGMENT, "header": HEADER, "query": {}}


@dataclass(frozen=True, slots=True)
class Read:
    """The parameters of one operation that can be carried."""

    parameters: tuple[Parameter, ...]
    properties: Mapping[str, Any]
    required: tuple[str, ...]
    problems: tuple[str, ...]
    """About optional parameters that were left out."""


def read(document: Document, into: Translation, lists: Sequence[Any], configured: frozenset[str]) -> Read:
    """`lists` are those of the path and of the operation, whose entries win. Raises Bad.

    `configured` are the headers (lower case) that the operator sets; a parameter of that name is none.
    """
    found: list[Parameter] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    problems: list[str] = []
    for (place, name), entry in _entries(document, lists).items():
        must = place == "path" or entry.get("required") is True
        if place == "header" and (name in configured or name in _OURS or name.startswith(_OURS_BEGIN)):
            if must and name not in configured:
                problems.append(f"the header {name} is never an argument: set it in `headers` if the service needs it")
            continue
        try:
            parameter, schema = _parameter(document, into, entry, place)
        except Bad as fault:
            if must:
                raise
            problems.append(f"an optional parameter is left out: {fault}")
            continue
        if parameter.name in properties:
            raise Bad(f"two of its parameters are named {shown(parameter.name)}")
        found.append(parameter)
        properties[parameter.name] = schema
        required += [parameter.name] if must else []
    return Read(tuple(found), properties, tuple(required), tuple(problems))


def _entries(document: Document, lists: Sequence[Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """By place and name; header names have no case."""
    entries: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameters in lists:
        if not isinstance(parameters, list):
            raise Bad("its parameters are not a list")
        document.spend(len(parameters))
        for parameter in parameters:
            entry = document.resolved(parameter, "a parameter")
            name, place = entry.get("name"), entry.get("in")
            if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not isinstance(place, str):
                raise Bad("a parameter has no name or no place, or too long a name")
            entries[place, name.lower() if place == "header" else name] = entry
    return entries


def _parameter(
    document: Document, into: Translation, entry: Mapping[str, Any], place: str
) -> tuple[Parameter, dict[str, Any]]:
    name, label = entry["name"], shown(entry["name"])
    if place not in _STYLES:
        raise Bad(f"{label} is a parameter in {'a cookie' if place == 'cookie' else 'an unknown place'}")
    if place == "header" and not _TOKEN.fullmatch(name):
        raise Bad(f"{label} is no name of a header")
    if "schema" not in entry:
        raise Bad(f"the parameter {label} has no schema")
    if entry.get("style", _STYLES[place]) != _STYLES[place]:
        raise Bad(f"the parameter {label} has a style that is not supported")
    kinds, items = _kinds(document, entry["schema"])
    many = kinds == {"array"}
    if len(kinds) > 1 or not kinds <= {*_SCALARS, "array"} or not items <= _SCALARS or many != (len(items) == 1):
        raise Bad(f"the parameter {label} is no single value of one type, nor a list of values of one type")
    kind = cast("Kind", next(iter(items or kinds), "string"))
    schema = into.schema(entry["schema"])
    schema = schema if isinstance(schema, dict) else {}
    if not kinds:
        schema = {**schema, "type": "string"}
    where = cast("Place", place)
    if kind == "string" and not many:
        schema = _guarded(schema, _GUARDS[where])
    schema = into.described(schema, entry)
    exploded = entry.get("explode") is not False
    return Parameter(name, where, kind, many, many and place == "query" and exploded), schema


def _guarded(schema: dict[str, Any], guard: Mapping[str, Any]) -> dict[str, Any]:
    if guard.keys() & schema.keys():
        return {**schema, "allOf": [*schema.get("allOf", ()), dict(guard)]}
    return {**schema, **guard}


def _kinds(document: Document, schema: Any) -> tuple[set[str], set[str]]:
    """The types a value may have, and those its items may have; null counts as absent, an integer is a number."""
    kinds: set[str] = set()
    items: set[str] = set()
    for found in _branches(document, schema):
        kinds |= _types(found)
        if "items" in found:
            items |= {kind for item in _branches(document, found["items"]) for kind in _types(item)}
    return _reduced(kinds), _reduced(items)


def _reduced(kinds: set[str]) -> set[str]:
    return kinds - {"null"} - ({"integer"} if "number" in kinds else set())


def _branches(document: Document, schema: Any) -> list[Mapping[str, Any]]:
    """The schema and every one it applies in place, each once."""
    waiting, found, seen = [schema], [], set()
    while waiting:
        if isinstance(value := waiting.pop(), bool):
            continue
        branch = document.resolved(value, "the schema of a parameter")
        if id(branch) in seen:
            continue
        seen.add(id(branch))
        found.append(branch)
        lists = {word: inner for word in _LISTS if isinstance(inner := branch.get(word), list)}
        document.spend(1 + sum(map(len, lists.values())))
        for word in _IN_PLACE & lists.keys():
            waiting += lists[word]
    return found


def _types(schema: Mapping[str, Any]) -> set[str]:
    stated = schema.get("type")
    if stated is not None:
        return {kind for kind in (stated if isinstance(stated, list) else [stated]) if isinstance(kind, str)}
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return {_type_of(value) for value in values} if isinstance(values, list) else set()


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case _:
            return "object"
