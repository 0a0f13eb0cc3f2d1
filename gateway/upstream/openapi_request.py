"""From an operation and a call's arguments to the one HTTP request that carries them.

Lives only here: percent-encoding, and the promise that an argument stays where its parameter stands: in its segment of
the path, in its value of the query, on its line of the head. Must not know base URLs, credentials or sockets. Pure; the way
back is `openapi_match.py`. Called by `openapi.py`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from gateway.upstream.openapi_operation import BODY, Operation, Parameter, Segment
from gateway.upstream.openapi_parameters import HEADER
from gateway.upstream.openapi_values import Misfit, text_of
from gateway.wire.strict_json import dump

_LEAVES: Final = frozenset("/\\")
_DOTS: Final = frozenset({".", ".."})
_HEADER_TEXT: Final = re.compile(HEADER["pattern"])


class Unwritable(Exception):
    """Arguments that no request of the operation can carry; the text is ours and quotes no value."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes out, below the base URL."""

    method: str
    path: str
    """Percent-encoded, with its leading slash."""
    query: str
    """Percent-encoded, without its question mark."""
    headers: dict[str, str]
    body: bytes | None
    """JSON; None: no body."""


def request(operation: Operation, arguments: Mapping[str, Any]) -> HttpRequest:
    """Arguments that are null or an empty list are left out. Raises Unwritable."""
    body = None
    if operation.takes_body and BODY in arguments:
        body = _json(arguments[BODY])
    texts = dict(_texts(operation, arguments))
    path, query, headers = "", [], {}
    for segment in operation.segments:
        path += f"/{_segment(segment, texts)}"
    for parameter in operation.parameters:
        found = texts.get(parameter.name)
        if found is None or parameter.place == "path":
            continue
        if parameter.place == "header":
            headers[parameter.name] = _header(parameter, found)
        else:
            values = [quote(text, safe="") for text in found]
            name = quote(parameter.name, safe="")
            query += [f"{name}={value}" for value in (values if parameter.repeated else [",".join(values)])]
    return HttpRequest(operation.method, path, "&".join(query), headers, body)


def _texts(operation: Operation, arguments: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """By parameter: one text, or one for each item."""
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name, value in arguments.items():
        parameter = known.get(name)
        if parameter is None:
            if name == BODY and operation.takes_body:
                continue
            raise Unwritable("it has no such argument")
        if value is None or value == []:
            continue
        items = value if parameter.many else [value]
        try:
            if not isinstance(items, list):
                raise Misfit("it is no list")
            texts = [text_of(parameter.kind, item) for item in items]
            "".join(texts).encode()
        except ValueError:
            raise Unwritable(f"an argument in its {parameter.place} is not of the type stated for it") from None
        yield name, texts


def _segment(segment: Segment, texts: Mapping[str, list[str]]) -> str:
    if segment.parameter is None:
        return quote(segment.before, safe="")
    found = texts.get(segment.parameter, [])
    whole = ",".join(found)
    if not whole or _LEAVES & {*whole} or {whole, segment.before + whole + segment.after} & _DOTS:
        raise Unwritable("an argument in its path is missing, empty, or would leave its place there")
    value = ",".join(quote(text, safe="") for text in found)
    return quote(segment.before, safe="") + value + quote(segment.after, safe="")


def _header(parameter: Parameter, texts: list[str]) -> str:
    if any(not _HEADER_TEXT.fullmatch(text) or (parameter.many and "," in text) for text in texts):
        raise Unwritable("an argument cannot stand in a header")
    return ",".join(texts)


def _json(value: Any) -> bytes:
    try:
        return dump(value)
    except (TypeError, ValueError):
        raise Unwritable("its body has no JSON form") from None
