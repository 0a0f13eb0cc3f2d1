"""Schemas of an OpenAPI document as JSON Schema 2020-12 that stands on its own.

Lives only here: `$ref` within the document, what OpenAPI 3.0 spells differently (`nullable`, boolean `exclusiveMinimum`),
and the limits that keep cyclic, deep and huge schemas from exploding. References become `$defs`, so recursion stays
recursion. Titles and what no validator knows (`discriminator`, `xml`, `x-…`) are left out. Must not know operations or tools. Pure; called by
`openapi_document.py` and `openapi_parameters.py`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, Literal
from urllib.parse import unquote

MOST_NODES: Final = 5_000
"""Values in the schemas of one tool."""
MOST_NODES_TOTAL: Final = 500_000
"""Values that are looked at for all operations of a document: about 2 s of a thread's time."""
MOST_TEXT: Final = 256 * 1024
"""Characters in the schemas of one tool; they are counted before anything is written out."""
MOST_TEXT_TOTAL: Final = 16 * 1024 * 1024
"""In all operations of a document; as tools they take about fifteen times the memory while a changed document is taken."""
DEEPEST: Final = 48
_MOST_HOPS: Final = 32
_LONGEST_REFERENCE: Final = 1_000

_COPIED: Final = frozenset(
    {
        "type", "description", "format", "enum", "const", "default", "required", "pattern", "minLength",
        "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
        "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "dependentRequired",
        "contentEncoding", "contentMediaType", "deprecated",
    }
)  # fmt: skip
_HOLDS_ONE: Final = frozenset(
    {"items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
    | {"not", "if", "then", "else"}
)
_HOLDS_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_HOLDS_MAP: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_UNSUPPORTED: Final = frozenset({"$id", "$dynamicRef", "$recursiveRef"})
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")

Use = Literal["input", "output"]


class Bad(Exception):
    """A part of a document that cannot be used; the text is ours, and quotes names at most."""


@dataclass(slots=True)
class Document:
    """One document: its values, how references into it are followed, and how much of it may still be looked at."""

    root: Mapping[str, Any]
    old: bool
    """OpenAPI 3.0, whose schemas are no JSON Schema."""
    nodes_left: int = MOST_NODES_TOTAL
    text_left: int = MOST_TEXT_TOTAL

    def spend(self, nodes: int, text: int = 0) -> None:
        """Pays for a look at so many values and characters: by references a small document can ask for endless ones. Raises Bad."""
        self.nodes_left -= nodes
        self.text_left -= text
        if self.nodes_left < 0:
            raise Bad(f"the document unfolds to more than {MOST_NODES_TOTAL} values in all")
        if self.text_left < 0:
            raise Bad(f"the document unfolds to more than {MOST_TEXT_TOTAL} characters in all")

    def resolved(self, value: Any, what: str) -> Mapping[str, Any]:
        """The object that `value` is or refers to. Raises Bad."""
        for _ in range(_MOST_HOPS):
            if not isinstance(value, dict):
                raise Bad(f"{what} is not an object")
            if "$ref" not in value:
                return value
            value = self.target(value["$ref"])
        raise Bad(f"{what} refers to itself, or through more than {_MOST_HOPS} references")

    def target(self, reference: Any) -> Any:
        """What a reference within the document points at (RFC 6901). Raises Bad."""
        self.spend(1)
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise Bad("it refers to another document: only references within this one (#/…) are followed")
        if not reference.startswith("#/"):
            raise Bad("a reference is no JSON pointer (#/…)")
        if len(reference) > _LONGEST_REFERENCE:
            raise Bad(f"a reference is longer than {_LONGEST_REFERENCE} characters")
        value: Any = self.root
        for step in unquote(reference[2:]).split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and re.fullmatch("[0-9]{1,9}", key) and int(key) < len(value):
                value = value[int(key)]
            else:
                raise Bad("a reference leads nowhere")
        return value


@dataclass(slots=True)
class Translation:
    """The schemas of one tool, input or output; they share `$defs` and limits."""

    document: Document
    use: Use
    _named: dict[str, str] = field(default_factory=dict)
    """Reference → its name in `$defs`."""
    _waiting: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    """The last number given to each name in `$defs`."""
    _nodes: int = 0
    _text: int = 0

    def schema(self, value: Any, depth: int = 0) -> Any:
        """A schema, its references pointing into `$defs`. Raises Bad."""
        self._count(depth)
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            raise Bad("a schema is not an object")
        if unsupported := _UNSUPPORTED & value.keys():
            raise Bad(f"a schema uses {min(unsupported)}, which is not supported")
        reference = {"$ref": f"#/$defs/{self._name(value['$ref'])}"} if "$ref" in value else {}
        if reference and self.document.old:
            return reference  # OpenAPI 3.0: whatever stands beside a reference is ignored
        self.document.spend(sum(not _known(keyword) for keyword in value))
        found = {
            keyword: self._member(keyword, member, depth + 1) for keyword, member in value.items() if _known(keyword)
        }
        self._hide(value, found)
        if self.document.old:
            found = _from_3_0(value, found)
        return reference | found

    def described(self, schema: dict[str, Any], holder: Mapping[str, Any]) -> dict[str, Any]:
        """The schema with the description of what holds it, where that has one. Raises Bad."""
        if not isinstance(description := holder.get("description"), str):
            return schema
        self._weigh(description, 0)
        return {**schema, "description": description}

    def definitions(self) -> dict[str, Any]:
        """`$defs` for everything translated so far; empty when nothing was referred to. Raises Bad."""
        found: dict[str, Any] = {}
        while self._waiting:
            reference = self._waiting.pop()
            found[self._named[reference]] = self.schema(self.document.target(reference))
        try:
            TopologicalSorter({name: set(_in_place(schema)) for name, schema in found.items()}).prepare()
        except CycleError:
            raise Bad("a schema refers to itself without end") from None
        return {"$defs": found} if found else {}

    def _name(self, reference: Any) -> str:
        if isinstance(reference, str) and reference in self._named:
            return self._named[reference]
        self.document.target(reference)
        stem = _UNFIT.sub("_", unquote(reference).rpartition("/")[2])[:64] or "schema"
        number = self._numbers.get(stem, 0) + 1
        while (name := stem if number == 1 else f"{stem}_{number}") in self._numbers:
            number += 1
        self._numbers[stem] = number
        self._numbers.setdefault(name, 1)
        self._named[reference] = name
        self._waiting.append(reference)
        return name

    def _member(self, keyword: str, member: Any, depth: int) -> Any:
        if keyword in _COPIED:
            self._weigh(member, depth)
            return member
        if keyword in _HOLDS_ONE:
            return self.schema(member, depth)
        self._count(depth, _text_of(member))
        if keyword in _HOLDS_LIST and isinstance(member, list):
            return [self.schema(item, depth + 1) for item in member]
        if keyword in _HOLDS_MAP and isinstance(member, dict):
            return {name: self.schema(item, depth + 1) for name, item in member.items()}
        raise Bad(f"{keyword} of a schema holds no schemas")

    def _hide(self, value: Mapping[str, Any], found: dict[str, Any]) -> None:
        """Leaves out properties that only travel the other way."""
        mark = "readOnly" if self.use == "input" else "writeOnly"
        properties = value.get("properties")
        hidden = {
            name for name, item in (properties or {}).items() if isinstance(item, dict) and item.get(mark) is True
        }
        if not hidden:
            return
        found["properties"] = {name: item for name, item in found["properties"].items() if name not in hidden}
        if isinstance(required := found.get("required"), list):
            found["required"] = [name for name in required if not (isinstance(name, str) and name in hidden)]

    def _weigh(self, value: Any, depth: int) -> None:
        self._count(depth, _text_of(value))
        match value:
            case dict():
                for item in value.values():
                    self._weigh(item, depth + 1)
            case list():
                for item in value:
                    self._weigh(item, depth + 1)
            case _:
                pass

    def _count(self, depth: int, text: int = 0) -> None:
        self._nodes += 1
        self._text += text
        if depth > DEEPEST:
            raise Bad(f"its schemas are nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            raise Bad(f"its schemas hold more than {MOST_NODES} values")
        if self._text > MOST_TEXT:
            raise Bad(f"its schemas hold more than {MOST_TEXT // 1024} KB of text")
        self.document.spend(1, text)


def _known(keyword: str) -> bool:
    return keyword in _COPIED or keyword in _HOLDS_ONE or keyword in _HOLDS_LIST or keyword in _HOLDS_MAP


def _text_of(value: Any) -> int:
    """Characters of a text, or of an object's keys."""
    match value:
        case str():
            return len(value)
        case dict():
            return sum(map(len, value))
        case _:
            return 0


def _from_3_0(value: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 says with booleans what JSON Schema says with numbers and types."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(flag := found.get(exclusive), bool):
            del found[exclusive]
            if flag and bound in found:
                found[exclusive] = found.pop(bound)
    if value.get("nullable") is not True:
        return found
    if isinstance(found.get("type"), str) and not found.keys() & {"enum", "const", "allOf", "anyOf", "oneOf", "not"}:
        return found | {"type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


def _in_place(schema: Any) -> Iterator[str]:
    """Names of `$defs` that hold for the very value the schema holds for."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield schema["$ref"].removeprefix("#/$defs/")
    for word in ("not", "if", "then", "else"):
        yield from _in_place(schema.get(word))
    branches = [branch for word in ("allOf", "anyOf", "oneOf") for branch in schema.get(word, ())]
    for branch in (*branches, *schema.get("dependentSchemas", {}).values()):
        yield from _in_place(branch)
