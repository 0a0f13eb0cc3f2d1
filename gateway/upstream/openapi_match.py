"""From an HTTP request to the operation behind it and the tool's arguments: the way back of `openapi_request.py`.

Lives only here: matching a raw path against path templates (decoded segment by segment, after splitting, so that `%2F`
never makes a slash; literal segments win) and reading values by type. A template whose operation is hidden still takes the
paths it matches. Must not know listeners, documents or sockets. Implements `ports.HttpTools`, fed by `openapi.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ToolId
from gateway.upstream.openapi_operation import BODY, Operation, Parameter, Segment, shown
from gateway.upstream.openapi_values import Misfit, value_of

_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template; `operation` is None when the operation there is hidden."""

    method: str
    segments: tuple[Segment, ...]
    operation: Operation | None


@dataclass(frozen=True, slots=True)
class Matched:
    """One operation and the path that led to it; implements `ports.HttpOperation`."""

    tool: ToolId
    operation: Operation
    _path: Mapping[str, str]
    """By parameter, percent-encoded."""

    def arguments(self, query: str, headers: Mapping[str, str], body: Any) -> Mapping[str, Any]:
        """Headers that are no parameter are ignored; anything else that is none is refused."""
        asked = self._asked(query)
        found: dict[str, Any] = {}
        for parameter in self.operation.parameters:
            match parameter.place:
                case "path":
                    raw = [self._path[parameter.name]]
                case "query":
                    raw = asked.pop(parameter.name, [])
                case "header":
                    value = headers.get(parameter.name.lower())
                    raw = [] if value is None else [value]
            if raw:
                found[parameter.name] = self._value(parameter, raw)
        if asked:
            raise self._refused(f"has no query parameter {shown(min(asked))!r}")
        if body is not None:
            if not self.operation.takes_body:
                raise self._refused("takes no body")
            found[BODY] = body
        return found

    def _asked(self, query: str) -> dict[str, list[str]]:
        """Raw values by decoded name."""
        asked: dict[str, list[str]] = {}
        for part in query.split("&"):
            if part:
                name, _, value = part.replace("+", "%20").partition("=")
                asked.setdefault(self._decoded(name), []).append(value)
        return asked

    def _value(self, parameter: Parameter, raw: list[str]) -> Any:
        if parameter.repeated:
            texts = raw
        elif len(raw) > 1:
            raise self._refused(f"takes the parameter {shown(parameter.name)!r} once")
        else:
            texts = raw[0].split(",") if parameter.many else raw
        if parameter.place == "header":
            texts = [text.strip(" \t") for text in texts]
        else:
            texts = [self._decoded(text) for text in texts]
        try:
            values = [value_of(parameter.kind, text) for text in texts]
        except Misfit as misfit:
            raise self._refused(f"cannot read the parameter {shown(parameter.name)!r}: {misfit}") from None
        return values if parameter.many else values[0]

    def _decoded(self, text: str) -> str:
        if (found := _decoded(text)) is None:
            raise self._refused("cannot read the query: it is not percent-encoded UTF-8")
        return found

    def _refused(self, what: str) -> Refused:
        return Refused(Reason.INVALID_ARGUMENTS, f"{self.tool} {what}.")


class Routes:
    """The path templates of one document."""

    def __init__(self, upstream: str, routes: Iterable[Route] = ()) -> None:
        self._upstream = upstream
        self._by_shape: dict[tuple[str, int], list[Route]] = defaultdict(list)
        for route in routes:
            self._by_shape[route.method, len(route.segments)].append(route)
        for alike in self._by_shape.values():
            alike.sort(key=lambda route: [segment.rank for segment in route.segments])

    def match(self, method: str, path: str) -> Matched | None:
        """None for a path that leads nowhere, to a hidden operation, or that has no single reading."""
        parts = path[1:].split("/") if path.startswith("/") else []
        alike = self._by_shape.get((method, len(parts)))
        if alike is None or (texts := _texts(parts)) is None:
            return None
        for route in alike:
            if (values := _values(route.segments, parts, texts)) is not None:
                if route.operation is None:
                    return None
                return Matched(f"{self._upstream}/{route.operation.name}", route.operation, values)
        return None


class HttpRoutes:
    """The routes of every plain HTTP upstream; implements `ports.HttpTools`."""

    def __init__(self) -> None:
        self._routes: dict[str, Routes] = {}

    def learn(self, upstream: str, routes: Routes) -> None:
        """Replaces what is known of an upstream."""
        self._routes[upstream] = routes

    def serves(self, upstream: str) -> bool:
        return upstream in self._routes

    def match(self, upstream: str, method: str, path: str) -> Matched | None:
        routes = self._routes.get(upstream)
        return None if routes is None else routes.match(method, path)


def _texts(parts: list[str]) -> list[str] | None:
    """Segments decoded, once for all templates; None when one of them has no single reading."""
    texts = []
    for part in parts:
        text = _decoded(part)
        if text is None or text in {".", ".."}:
            return None
        texts.append(text)
    return texts


def _values(segments: tuple[Segment, ...], parts: list[str], texts: list[str]) -> dict[str, str] | None:
    """What stands for each parameter, percent-encoded; None when the path is another one. `texts` are the `parts` decoded."""
    values: dict[str, str] = {}
    for segment, part, text in zip(segments, parts, texts, strict=True):
        if segment.parameter is None:
            if text != segment.before:
                return None
        elif segment.rank > 1:
            if not text:
                return None
            values[segment.parameter] = part
        else:
            inner = text.removeprefix(segment.before).removesuffix(segment.after)
            if not inner or segment.before + inner + segment.after != text:
                return None
            values[segment.parameter] = quote(inner, safe="")
    return values


def _decoded(text: str) -> str | None:
    if _STRAY_PERCENT.search(text):
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
