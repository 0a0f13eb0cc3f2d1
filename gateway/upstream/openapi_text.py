"""The bytes of an OpenAPI document as one JSON value, however hostile they are.

Lives only here: what may be read at all (10 MB, a million values, 100 levels, aliases counted for what they stand for) and
YAML as far as it is JSON in other clothes: no tags, no merge keys, no directives, keys as text. Read from parser events
into a stack of our own, so that nothing recurses and nothing unfolds. Must not know OpenAPI. Called by `openapi.py`, in a
thread; pure.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from gateway.config.written import PLAIN_SCALARS
from gateway.wire.strict_json import MAX_NUMBER, MalformedJson, parse

LARGEST: Final = 10 * 1024 * 1024
"""Bytes of a document."""
MOST_VALUES: Final = 1_000_000
"""Values in a document: an empty object costs 64 bytes of memory and 3 of text."""
DEEPEST: Final = 100

_TAGS: Final = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_LINE: Final = re.compile(r"[^\r\n\x85\u2028\u2029]+")
_FIRST: Final = frozenset(first for _, _, firsts in PLAIN_SCALARS for first in firsts)
_KINDS: Final = [(kind, re.compile(rf"(?:{pattern})\Z")) for kind, pattern, _ in PLAIN_SCALARS]
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is a hundred times faster, and not everywhere


class BadDocument(Exception):
    """A document that cannot be used; the text is ours and quotes nothing of it."""


def value_of(data: bytes) -> Any:
    """What begins with a brace is JSON, anything else YAML. Raises BadDocument."""
    if len(data) > LARGEST:
        raise BadDocument(f"it is larger than {LARGEST // 1024 // 1024} MB")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.lstrip().startswith(b"{"):
        return _from_yaml(data)
    if data.count(b",") + data.count(b"{") + data.count(b"[") > MOST_VALUES:
        raise BadDocument(f"it holds more than {MOST_VALUES} values")
    try:
        return parse(data, max_depth=DEEPEST)
    except MalformedJson as fault:
        raise BadDocument(f"it is not JSON: {fault}") from None


def _from_yaml(data: bytes) -> Any:
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        raise BadDocument(f"it is not UTF-8 at byte {fault.start}") from None
    lines = (match[0].strip() for match in _LINE.finditer(text))  # one at a time: a line costs twenty times its newline
    if next((line for line in lines if line and not line.startswith("#")), "").startswith("%"):
        raise BadDocument("it begins with a YAML directive, which is not supported")
    reading = _Reading()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentEndEvent):
                return reading.root
            reading.take(event)
    except yaml.MarkedYAMLError as fault:
        where = f" at line {fault.problem_mark.line + 1}" if fault.problem_mark else ""
        raise BadDocument(f"it is not YAML{where}") from None
    except yaml.YAMLError:
        raise BadDocument("it is not YAML") from None
    raise BadDocument("it is empty")


@dataclass(slots=True)
class _Open:
    """A collection that is not closed yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    size: int = 1
    key: str | None = None
    """Of a mapping: the key that waits for its value."""


class _Reading:
    """Values built from parser events."""

    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Any, int]] = {}

    def take(self, event: yaml.Event) -> None:
        """Raises BadDocument."""
        match event:
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() if event.tag not in _TAGS:
                raise BadDocument(f"it has a YAML tag{_at(event)}")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(self._open) >= DEEPEST:
                    raise BadDocument(f"it is nested deeper than {DEEPEST} levels")
                self._open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))
            case yaml.CollectionEndEvent():
                closed = self._open.pop()
                self._put(closed.value, closed.size, closed.anchor, event)
            case yaml.ScalarEvent(value=text):
                plain = event.implicit[0] and event.tag is None
                if self._awaits_key():
                    self._name(_key(text, event, plain=plain))
                else:
                    self._put(_plain(text) if plain else text, 1, event.anchor, event)
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in self._anchored:
                    raise BadDocument("a YAML alias stands for nothing, or for what it stands in")
                self._put(*self._anchored[anchor], None, event)
            case _:
                pass

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _name(self, key: str) -> None:
        here = self._open[-1]
        if key in here.value:
            raise BadDocument("it has the same key twice in one mapping")
        here.key = key

    def _put(self, value: Any, size: int, anchor: str | None, event: yaml.Event) -> None:
        if anchor is not None:
            self._anchored[anchor] = (value, size)
        if not self._open:
            self.root = value
            return
        here = self._open[-1]
        here.size += size
        if here.size > MOST_VALUES:
            raise BadDocument(f"it holds more than {MOST_VALUES} values")
        match here.value:
            case list() as items:
                items.append(value)
            case members:
                if here.key is None:
                    raise BadDocument(f"it has a key that is no text{_at(event)}")
                members[here.key] = value
                here.key = None


def _key(text: str, event: yaml.ScalarEvent, *, plain: bool) -> str:
    """Status codes are written as numbers, and are text all the same."""
    if plain and text == "<<":
        raise BadDocument(f"it has a YAML merge key{_at(event)}, which is not supported")
    return text


def _at(event: yaml.Event) -> str:
    return f" at line {event.start_mark.line + 1}" if event.start_mark else ""


def _plain(text: str) -> Any:
    """A scalar without quotes, by the rules of YAML 1.2."""
    if text[:1] not in _FIRST:
        return text
    match next((kind for kind, spelling in _KINDS if spelling.match(text)), "str"):
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case "int" if len(text) <= MAX_NUMBER:
            return int(text)
        case "float" if not text.strip("-+").startswith((".i", ".n")) and math.isfinite(value := float(text)):
            return value
        case "int" | "float":
            raise BadDocument("it has a number that JSON does not have")
        case _:
            return text
