"""From `config.yaml` and the environment to one frozen `Config`, or to faults a person can act on.

Lives only here: reading YAML with positions, `${env:NAME}` references, the environment's say (`SALLYPORT_…`), and
turning every fault into `file:line: what: remedy`. Must not know what a section means to its room. Called by the
command line before anything else is built.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, PydanticBaseSettingsSource

from gateway.config.schema import Config

_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file, and what to write instead."""

    file: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: {self.remedy}"


class ConfigFaults(Exception):
    """The configuration cannot be used; nothing was started."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class _Reader(yaml.SafeLoader):
    """YAML with the line of every key and with duplicate keys refused (PyYAML keeps the last one silently)."""


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
    except ValidationError as error:
        raise ConfigFaults([_fault(str(path), lines, detail) for detail in error.errors()]) from None


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[_Place, int]]:
    """One YAML mapping and the line of every place in it. Raises ConfigFaults."""
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Reader)
    except FileNotFoundError:
        raise ConfigFaults([Fault(name, 1, "no such file", "give its path with --config")]) from None
    except UnicodeDecodeError as error:
        raise ConfigFaults([Fault(name, 1, "not UTF-8", f"save it as UTF-8 (byte {error.start})")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigFaults([Fault(name, line, f"not YAML: {error.problem}", "correct the syntax here")]) from None
    except yaml.YAMLError as error:
        raise ConfigFaults([Fault(name, 1, "not YAML", str(error).splitlines()[0])]) from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFaults([Fault(name, 1, "not a mapping", "start with `version: 1`")])
    lines: dict[_Place, int] = {}
    faults = [
        Fault(name, line, f"the key {_dotted(place)!r} stands twice", "remove one of them")
        for place, line in _places(node, (), lines)
    ]
    if faults:
        raise ConfigFaults(faults)
    return yaml.load(text, Loader=_Reader), lines  # noqa: S506  _Reader is a SafeLoader


def _places(node: yaml.Node, place: _Place, lines: dict[_Place, int]) -> Iterator[tuple[_Place, int]]:
    """Fills `lines`; yields every place that stands twice."""
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, key.value)
            line = key.start_mark.line + 1
            if here in lines:
                yield here, line
            lines[here] = line
            yield from _places(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _places(item, (*place, position), lines)


def _resolve(
    value: Any,
    place: _Place,
    lines: Mapping[_Place, int],
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
                what = f"{_dotted(place)} refers to ${{env:{missing}}}, which is not set"
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


def _fault(name: str, lines: Mapping[_Place, int], detail: ErrorDetails) -> Fault:
    # pydantic puts the tag of a tagged union into the place; the file does not have it
    place = tuple(part for part in detail["loc"] if part not in {"mcp-http", "mcp-stdio"})
    what = _dotted(place) or "the configuration"
    match detail["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(place[-1]), _names(place[:-1]), n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "remove it; the key is not known here"
            return Fault(name, _line(lines, place), f"unknown key {what!r}", remedy)
        case "missing":
            return Fault(name, _line(lines, place[:-1]), f"{what} is missing", "add it")
        case _:
            return Fault(name, _line(lines, place), what, detail["msg"].removeprefix("Value error, "))


def _names(place: _Place) -> list[str]:
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


def _line(lines: Mapping[_Place, int], place: _Place) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _dotted(place: _Place) -> str:
    return ".".join(map(str, place))
