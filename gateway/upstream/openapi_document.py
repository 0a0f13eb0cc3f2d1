"""An OpenAPI 3.0 or 3.1 document as operations that can be called as tools, and what is wrong with the rest.

An operation's arguments are its path, query and header parameters under their own names, and its JSON body, whatever its
schema, under the one name `body`. Its annotations say what RFC 9110 promises of its method and nothing more: GET, HEAD and
OPTIONS only read, PUT and DELETE may be repeated, POST and PATCH promise nothing. One bad operation never hides the others.

Lives only here: what of a document is supported, and the tool definition an operation becomes. `servers`, security schemes,
callbacks and webhooks are not read: address and credentials are the operator's. Pure; called by `openapi.py`, in a thread.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.upstream import openapi_parameters as parameters
from gateway.upstream.openapi_match import Route
from gateway.upstream.openapi_operation import BODY, Operation, Segment, segments, shown
from gateway.upstream.openapi_schema import Bad, Document, Translation
from gateway.upstream.openapi_text import BadDocument
from gateway.wire.strict_json import dump

MOST_OPERATIONS: Final = 2_000
LARGEST: Final = 256 * 1024
"""Bytes of one definition."""
LONGEST_NAME: Final = 128
_LONGEST_ID: Final = 8 * LONGEST_NAME
META: Final = "io.sallyport/http"
"""Member of a definition's `_meta`: method and path template, so that changing them changes the tool's digest."""

_READS: Final = frozenset({"get", "head", "options"})
_REPEATABLE: Final = frozenset({"put", "delete"})
_METHODS: Final = ("get", "head", "options", "put", "delete", "post", "patch", "trace")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a document came to."""

    operations: tuple[Operation, ...]
    routes: tuple[Route, ...]
    """Of every operation whose path can be read, hidden ones too: a path of theirs is nobody else's."""
    problems: tuple[str, ...]
    """One sentence for each thing left out."""


def read(value: Any, configured: frozenset[str] = frozenset()) -> Found:
    """`configured`: names (lower case) of headers that the operator sets. Raises BadDocument, and nothing else."""
    document = _document(value)
    paths = document.root.get("paths", {})
    if not isinstance(paths, dict):
        raise BadDocument("its paths are not an object")
    routes: list[Route] = []
    problems: list[str] = []
    for path, item in paths.items():
        if len(routes) >= MOST_OPERATIONS:
            problems.append(f"it has more than {MOST_OPERATIONS} operations: those from {shown(path)} on are hidden")
            break
        if not path.startswith("x-"):
            routes += _path(document, path, item, configured, problems)
    return _without_twins(routes, problems)


def _document(value: Any) -> Document:
    if not isinstance(value, dict):
        raise BadDocument("it is not an object")
    if "swagger" in value:
        raise BadDocument("it is Swagger 2.0: convert it to OpenAPI 3")
    version = str(value.get("openapi")).split(".")[:2]
    if version not in (["3", "0"], ["3", "1"]):
        raise BadDocument("it is no OpenAPI 3.0 or 3.1 document")
    return Document(value, old=version == ["3", "0"])


def _path(document: Document, path: str, item: Any, configured: frozenset[str], problems: list[str]) -> list[Route]:
    if (template := segments(path)) is None:
        problems.append(f"{shown(path)}: hidden: this path has no single reading")
        return []
    try:
        found = document.resolved(item, "it")
    except Bad as fault:
        problems.append(f"{shown(path)}: hidden: {fault}")
        return []
    routes = []
    for method in _METHODS:
        if method not in found:
            continue
        label = f"{method.upper()} {shown(path)}"
        operation = None
        try:
            operation, left_out = _operation(document, method, path, template, found, configured)
            problems += [f"{label}: {what}" for what in left_out]
        except Bad as fault:
            problems.append(f"{label}: hidden: {fault}")
        routes.append(Route(method.upper(), template, operation))
    return routes


def _operation(
    document: Document,
    method: str,
    path: str,
    template: tuple[Segment, ...],
    item: Mapping[str, Any],
    configured: frozenset[str],
) -> tuple[Operation, list[str]]:
    entry = item[method]
    if not isinstance(entry, dict):
        raise Bad("it is not an object")
    if method == "trace":
        raise Bad("TRACE is not carried")
    into = Translation(document, "input")
    found = parameters.read(document, into, [item.get("parameters", []), entry.get("parameters", [])], configured)
    left_out = list(found.problems)
    properties, required = dict(found.properties), list(found.required)
    named = [segment.parameter for segment in template if segment.parameter is not None]
    if sorted(named) != sorted(one.name for one in found.parameters if one.place == "path"):
        raise Bad("its path and its path parameters do not name the same")
    takes_body = "requestBody" in entry
    if takes_body:
        schema, must = _body(document, into, entry["requestBody"])
        if method in _READS and must:
            raise Bad(f"{method.upper()} has no body")
        if method in _READS:
            takes_body = False
            left_out.append(f"its optional body is left out: {method.upper()} has none")
        elif BODY in properties:
            raise Bad(f"a parameter is named {BODY}, like the argument for its body")
        else:
            properties[BODY] = schema
            required += [BODY] if must else []
    arguments: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        arguments["required"] = required
    arguments |= {"additionalProperties": False, **into.definitions()}
    definition = _definition(document, method, path, entry, arguments)
    operation = Operation(definition["name"], method.upper(), path, template, found.parameters, takes_body, definition)
    return operation, left_out


def _body(document: Document, into: Translation, value: Any) -> tuple[Any, bool]:
    """The schema of a JSON body, and whether it must be there. Raises Bad."""
    body = document.resolved(value, "its body")
    media = _json_media(document, body)
    if media is None:
        raise Bad("its body cannot be application/json")
    schema = into.schema(media.get("schema", {}))
    return (into.described(schema, body) if isinstance(schema, dict) else schema), body.get("required") is True


def _json_media(document: Document, holder: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = holder.get("content")
    if not isinstance(content, dict):
        return None
    document.spend(len(content), sum(map(len, content)))
    for kind, media in content.items():
        if kind.partition(";")[0].strip().lower() == "application/json":
            return document.resolved(media, "its media type")
    return None


def _definition(
    document: Document, method: str, path: str, entry: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    said = [entry[key] for key in ("description", "summary") if isinstance(entry.get(key), str)]
    document.spend(0, sum(map(len, said)))
    said = [text for text in said if text.strip()]
    definition: dict[str, Any] = {
        "name": _name(method, path, entry.get("operationId")),
        "description": next(iter(said), f"{method.upper()} {path}"),
        "inputSchema": arguments,
    }
    if len(said) > 1:
        definition["title"] = said[1]
    if method in _READS:
        definition["annotations"] = {"readOnlyHint": True}
    elif method in _REPEATABLE:
        definition["annotations"] = {"idempotentHint": True}
    definition["_meta"] = {META: {"method": method.upper(), "path": path}}
    if (output := _output(document, entry.get("responses"))) is not None:
        with_output = {**definition, "outputSchema": output}
        if _size(with_output) <= LARGEST:
            return with_output
    if _size(definition) > LARGEST:
        raise Bad(f"its definition is larger than {LARGEST // 1024} KB")
    return definition


def _size(definition: Mapping[str, Any]) -> int:
    try:
        return len(dump(definition))
    except (TypeError, ValueError):
        raise Bad("it holds what JSON cannot say") from None


def _name(method: str, path: str, operation_id: Any) -> str:
    stated = _UNFIT.sub("_", operation_id[:_LONGEST_ID]) if isinstance(operation_id, str) else ""
    return (stated or _UNFIT.sub("_", f"{method}_{path.strip('/{}')}").strip("_"))[:LONGEST_NAME]


def _output(document: Document, responses: Any) -> dict[str, Any] | None:
    """The schema of the only success, where that is JSON and always an object: a client holds every answer to it."""
    if not isinstance(responses, dict):
        return None
    try:
        document.spend(len(responses))
        successes = [status for status in responses if status.startswith("2")]
        if len(successes) != 1 or successes[0] not in {"200", "201"}:
            return None
        response = document.resolved(responses[successes[0]], "its response")
        media = _json_media(document, response)
        if media is None or len(response["content"]) != 1 or not _is_object(document, media.get("schema")):
            return None
        into = Translation(document, "output")
        return {"type": "object", **into.schema(media["schema"]), **into.definitions()}
    except Bad:
        return None


def _is_object(document: Document, schema: Any) -> bool:
    found = document.resolved(schema, "a schema")
    parts = parts if isinstance(parts := found.get("allOf"), list) else []
    document.spend(len(parts))
    stated = [found, *(document.resolved(part, "a schema") for part in parts)]
    return found.get("nullable") is not True and any(part.get("type") == "object" for part in stated)


def _without_twins(routes: Sequence[Route], problems: list[str]) -> Found:
    """Hides operations that share a name, or a method and a path: nobody could say which one is meant."""
    names = Counter(route.operation.name for route in routes if route.operation is not None)
    shapes = Counter(map(_shape, routes))
    kept = []
    for route in routes:
        operation, why = route.operation, ""
        if operation is not None and names[operation.name] > 1:
            why = f"the name {operation.name} is given to more than one operation"
        elif operation is not None and shapes[_shape(route)] > 1:
            why = "another operation has the same method and path"
        if operation is not None and why:
            problems.append(f"{operation.method} {shown(operation.path)}: hidden: {why}")
            operation = None
        kept.append(Route(route.method, route.segments, operation))
    operations = tuple(route.operation for route in kept if route.operation is not None)
    return Found(operations, tuple(kept), tuple(problems))


def _shape(route: Route) -> tuple[str, ...]:
    """A route without the names of its parameters."""
    parts = (f"{one.before}\0{one.after}" if one.parameter else one.before for one in route.segments)
    return (route.method, *parts)
