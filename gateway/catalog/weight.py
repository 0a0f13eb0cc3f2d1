"""How heavy an input schema is: what stands between the event loop and a schema bomb.

Lives only here: the estimate. Thirty lines of `allOf` over `$ref` cost 2^30 evaluations of a single value and nobody can
interrupt them, so a schema is weighed with every reference followed before it is compiled. Forms that cannot be weighed
(other documents, embedded `$id`) are refused. Pure; must not know the validator. Called by `schema`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from gateway.catalog.names import shown

HEAVIEST: Final = 200_000
"""Subschemas with every reference followed: about 3 ms for one value."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")


class Unusable(ValueError):
    """A schema, or an override of it, that cannot be served; the text is ours and safe to show."""


def weigh(schema: Mapping[str, Any]) -> None:
    """Raises Unusable for a schema too heavy to be validated against, or one that cannot be weighed."""
    anchors: dict[str, dict[str, Any]] = {}
    for node in _objects(schema):
        if node is not schema and isinstance(node.get("$id"), str):
            raise Unusable("its inputSchema embeds another document with $id")
        anchors.update((name, node) for key in _ANCHORS if isinstance(name := node.get(key), str))
    if _weight(schema, schema, anchors, {}) > HEAVIEST:
        raise Unusable(f"its inputSchema unfolds to more than {HEAVIEST} subschemas")


def _weight(node: Any, root: Any, anchors: Mapping[str, Any], known: dict[int, int]) -> int:
    match node:
        case list():
            return sum(_weight(item, root, anchors, known) for item in node)
        case dict():
            if (weight := known.get(id(node))) is not None:
                return weight
            known[id(node)] = 1  # a cycle counts once: the validator cuts it
            targets = (_target(node[key], root, anchors) for key in _REFERENCES if isinstance(node.get(key), str))
            weight = 1 + sum(_weight(child, root, anchors, known) for child in (*node.values(), *targets))
            known[id(node)] = weight
            return weight
        case _:
            return 0


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    waiting = [node]
    while waiting:
        match waiting.pop():
            case dict() as found:
                yield found
                waiting.extend(found.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass


def _target(reference: str, root: Any, anchors: Mapping[str, Any]) -> Any:
    if not reference.startswith("#"):
        raise Unusable(f"its inputSchema refers to another document: {shown(reference)}")
    fragment = unquote(reference[1:])
    return _pointed(root, fragment) if fragment[:1] in {"", "/"} else anchors.get(fragment)


def _pointed(node: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901); None where there is none, which the compiler will refuse."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node
