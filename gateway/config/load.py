"""From `config.yaml` and the environment to one frozen `Config`, or to faults a person can act on.

Lives only here: `${env:NAME}` references, the environment's say (`SALLYPORT_…`), and turning every fault of a value into
`file:line: what: remedy`. Must not know YAML (`written` does) nor what a section means to its room. Called by the
command line before anything else is built.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from gateway.config.schema import Config
from gateway.config.written import ConfigFaults, Fault, Place, dotted, read_yaml

_REFERENCE = re.compile(r"\$\{env:([^}]*)\}")
_RENAMED: Final[Mapping[Place, str]] = {("loops", "repeats"): "in_a_row"}
"""Keys of earlier versions, and what they are called now."""
_SHAPES: Final = {
    r"^https?://": "write a URL that begins with http:// or https://",
    r"^[a-z][a-z0-9-]*$": "write a small letter, then small letters, digits and hyphens, such as support-bot",
    r"^[a-z][a-z0-9-]*/[^*\s]+$": "write upstream/tool, such as helpdesk/ticket_get",
    r"^[A-Za-z0-9_.*-]+/[A-Za-z0-9_./*-]+$": "write upstream/tool, such as helpdesk/ticket_get or helpdesk/*",
    r"^args(\.[A-Za-z0-9_-]+)+$": "write the path of an argument, such as args.invoice_id",
    r"^result(\.[A-Za-z0-9_-]+)+$": "write a path into the result, such as result.structuredContent.price",
}
"""Patterns of the schema, and what fits them."""


def load(path: Path, environ: Mapping[str, str] = os.environ, *, only: frozenset[str] | None = None) -> Config:
    """Reads, resolves references, lays the environment over the file and validates. Raises ConfigFaults.

    With `only`, the other sections are not looked at: a client verb needs addresses, not the upstreams' secrets.
    """
    document, lines = read_yaml(path)
    if only is not None:
        document = {key: value for key, value in document.items() if key in only}
    faults: list[Fault] = []
    resolved = _resolve(document, (), lines, str(path), environ, faults)
    if faults:
        raise ConfigFaults(faults)
    try:
        return _with_environment(resolved)
    except SettingsError as error:
        what = str(error).partition(" from source")[0]
        raise ConfigFaults([Fault(str(path), 1, f"the environment: {what}", "write it as JSON")]) from None
    except ValidationError as error:
        # `loops` is a mapping or `off`, and pydantic tells what is wrong with it as either
        details = [detail for detail in error.errors() if "literal['off']" not in detail["loc"]]
        raise ConfigFaults([_fault(str(path), lines, detail) for detail in details]) from None


def _resolve(
    value: Any,
    place: Place,
    lines: Mapping[Place, int],
    name: str,
    environ: Mapping[str, str],
    faults: list[Fault],
) -> Any:
    """`${env:NAME}` → the variable's value; a missing variable is a fault, never an empty secret."""
    match value:
        case dict():
            return {k: _resolve(v, (*place, str(k)), lines, name, environ, faults) for k, v in value.items()}
        case list():
            return [_resolve(v, (*place, i), lines, name, environ, faults) for i, v in enumerate(value)]
        case str():
            for missing in (n for n in _REFERENCE.findall(value) if n not in environ):
                what = f"{dotted(place)} refers to ${{env:{missing}}}, which is not set"
                faults.append(Fault(name, _line(lines, place), what, f"export {missing} before starting"))
            return _REFERENCE.sub(lambda found: environ.get(found[1], ""), value)
        case _:
            return value


def _with_environment(document: dict[str, Any]) -> Config:
    """The environment wins over the file: `SALLYPORT_LISTEN__AGENT=0.0.0.0:8080`."""

    class Sourced(Config):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return EnvSettingsSource(settings_cls), InitSettingsSource(settings_cls, init_kwargs=document)

    return Sourced()


def _fault(name: str, lines: Mapping[Place, int], detail: ErrorDetails) -> Fault:
    place = _as_written(detail["loc"])
    what = dotted(place) or "the configuration"
    if (variable := "SALLYPORT_" + "__".join(map(str, place)).upper()) in {known.upper() for known in os.environ}:
        what = f"{what} (from {variable})"
    match detail["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(place[-1]), _names(place[:-1]), n=1)
            if place in _RENAMED:
                return Fault(name, _line(lines, place), f"unknown key {what!r}", f"it is {_RENAMED[place]!r} now")
            remedy = f"did you mean {close[0]!r}?" if close else "remove it; the key is not known here"
            return Fault(name, _line(lines, place), f"unknown key {what!r}", remedy)
        case "missing":
            return Fault(name, _line(lines, place[:-1]), f"{what} is missing", "add it")
        case "union_tag_not_found":
            return Fault(name, _line(lines, place), f"{what}.kind is missing", "write mcp-http, mcp-stdio or openapi")
        case _:
            return Fault(name, _line(lines, place), what, _remedy(detail))


def _remedy(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "tuple_type":
            return "write a list: [one, another]"
        case "string_pattern_mismatch" if shape := _SHAPES.get(detail["ctx"]["pattern"]):
            return shape
        case _:
            return detail["msg"].removeprefix("Value error, ")


def _as_written(place: Place) -> Place:
    """The place as the file has it: pydantic adds the kind of an upstream, the class of `loops`, and `[key]`."""
    match place:
        case ("upstreams", id_, "mcp-http" | "mcp-stdio" | "openapi", *rest):
            return ("upstreams", id_, *rest)
        case ("loops", "Loops", *rest):
            return ("loops", *rest)
        case (*rest, "[key]"):
            return tuple(rest)
        case _:
            return place


def _names(place: Place) -> list[str]:
    """Known keys at a place, for did-you-mean; best effort along plain sections."""
    section: type[BaseModel] = Config
    for part in place:
        field = section.model_fields.get(str(part))
        if field is None:
            continue
        kinds = [kind for kind in _sections(field.annotation) if issubclass(kind, BaseModel)]
        if len(kinds) != 1:
            return [known for kind in kinds for known in kind.model_fields]
        section = kinds[0]
    return list(section.model_fields)


def _sections(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _sections(part)


def _line(lines: Mapping[Place, int], place: Place) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)
