"""The published form of an input schema: arguments taken out, arguments of ours put in, everything else as it was.

Lives only here: which keywords of a schema mention an argument of its root object. `$defs`, anchors, conditions,
`x-mcp-header` and unknown keywords are passed on untouched. Pure; must not know agents. Called by `offer`.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.catalog.names import shown
from gateway.catalog.weight import Unusable

OCCURRENCE: Final = "x_occurrence"
OURS: Final = frozenset({OCCURRENCE, "x_reason"})
"""Arguments of ours; an upstream tool that has one of them is refused."""
MOST_OCCURRENCES: Final = 100

_OCCURRENCE_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_OCCURRENCES,
    "description": "Leave out. 2 means: deliberately do an identical action a second time; 3 a third time.",
}


def without(schema: Mapping[str, Any], removed: Collection[str]) -> dict[str, Any]:
    """The schema with arguments taken out of the root's `properties` and `required`.

    Raises Unusable for an argument that is not there, or that a condition of the schema requires as well: then no
    caller of the published form could satisfy it.
    """
    properties = schema.get("properties", {})
    for argument in removed:
        if argument not in properties:
            raise Unusable(f"the override names the argument {shown(argument)!r}, which its inputSchema does not have")
        if _required_by_condition(schema, argument):
            raise Unusable(f"the argument {shown(argument)!r} is also required by a condition of its inputSchema")
    trimmed = {**schema, "properties": {name: rule for name, rule in properties.items() if name not in removed}}
    if required := [name for name in schema.get("required", ()) if name not in removed]:
        trimmed["required"] = required
    else:
        trimmed.pop("required", None)
    return trimmed


def with_occurrence(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with the optional argument `x_occurrence` added (ledger §1.3)."""
    return {**schema, "properties": {**schema.get("properties", {}), OCCURRENCE: dict(_OCCURRENCE_SCHEMA)}}


def _required_by_condition(schema: Mapping[str, Any], argument: str) -> bool:
    """Whether a subschema that applies to the same object as `schema` requires the argument."""
    dependents = [_members(schema, key) for key in ("dependentRequired", "dependentSchemas", "dependencies")]
    if any(
        argument in names or argument in rules
        for rules in dependents
        for names in rules.values()
        if isinstance(names, list)
    ):
        return True
    branches = [schema.get(key) for key in ("if", "then", "else", "not")]
    branches += [branch for key in ("allOf", "anyOf", "oneOf") for branch in schema.get(key, ())]
    branches += [rule for rules in dependents for rule in rules.values()]
    return any(
        argument in branch.get("required", ()) or _required_by_condition(branch, argument)
        for branch in branches
        if isinstance(branch, dict)
    )


def _members(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object-valued keyword; older drafts do not check the keywords they do not know."""
    value = schema.get(key)
    return value if isinstance(value, dict) else {}
