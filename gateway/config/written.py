"""One YAML file as it is written: its values, the line of every place in it, and what is wrong with it.

Lives only here: strict reading of YAML, and the shape of a fault. Must not know what a key means or what the environment
says. Called by `load`, and by verbs that show what the file itself says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Place = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_KEYS = {f"{_TAG}str", f"{_TAG}merge"}


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


PLAIN_SCALARS: Final = (
    ("bool", r"true|True|TRUE|false|False|FALSE", ("t", "T", "f", "F")),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", tuple("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
        tuple("-+.0123456789"),
    ),
    ("merge", r"<<", ("<",)),
)
"""What more than text a plain scalar of YAML 1.2 can be: kind, spelling, first characters; the first that fits holds."""


class _Reader(yaml.SafeLoader):
    """YAML 1.2: only what JSON has is more than text. PyYAML speaks 1.1, where `off` is false and 22:22 is 1342."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  as PyYAML declares it


for _kind, _pattern, _first in PLAIN_SCALARS:
    _Reader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """One YAML mapping and the line of every place in it. Raises ConfigFaults."""

    def fault(what: str, remedy: str, line: int = 1) -> ConfigFaults:
        return ConfigFaults([Fault(str(path), line, what, remedy)])

    try:
        return _read(str(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise fault("no such file", "give its path with --config") from None
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}", "give a file that this user may read") from None
    except UnicodeDecodeError as error:
        raise fault("not UTF-8", f"save it as UTF-8 (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise fault(f"not YAML: {error.problem}", "correct the syntax here", line) from None
    except yaml.YAMLError as error:
        raise fault("not YAML", str(error).splitlines()[0]) from None
    except RecursionError:
        raise fault("nested without end", "write out what its aliases stand for") from None
    except ValueError:
        raise fault("not YAML: a value does not fit its tag", "remove the tags that begin with !!") from None


def _read(name: str, text: str) -> tuple[dict[str, Any], dict[Place, int]]:
    reader = _Reader(text)
    node = reader.get_single_node()
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFaults([Fault(name, 1, "not a mapping", "start with `version: 1`")])
    lines: dict[Place, int] = {}
    faults = [Fault(name, line, what, remedy) for line, what, remedy in _places(node, (), lines)]
    if faults:
        raise ConfigFaults(faults)
    values: dict[str, Any] = reader.construct_document(node)
    return values, lines


def _places(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Iterator[tuple[int, str, str]]:
    """Fills `lines`; yields line, fault and remedy of every key that is no text or stands twice (PyYAML keeps the last)."""
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in _KEYS:
                yield line, f"a key of {dotted(place) or 'the file'} is not text", "put it in quotes"
                continue
            here = (*place, key.value)
            if here in lines:
                yield line, f"the key {dotted(here)!r} stands twice", "remove one of them"
            lines[here] = line
            yield from _places(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _places(item, (*place, position), lines)


def dotted(place: Place) -> str:
    """The place as people write it."""
    return ".".join(map(str, place))
