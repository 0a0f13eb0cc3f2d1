"""Whether the arguments that conditions read exist in the tools they are about.

Lives only here: that one comparison. A condition on an argument that no tool has never holds: its allow row permits
nothing, its deny row denies everything, and nobody is told. Must not know where schemas come from; `check` and the
composition root pass those that are known.
"""

from collections.abc import Mapping
from typing import Any

from gateway.cel_lint import instead
from gateway.model.tool import ToolId
from gateway.policy.faults import PolicyFault
from gateway.policy.globs import tool_match
from gateway.policy.rule import ALWAYS
from gateway.policy.snapshot import Snapshot


def check_conditions(snapshot: Snapshot, schemas: Mapping[ToolId, Mapping[str, Any]]) -> list[PolicyFault]:
    """Best effort: `args.name` and `args["name"]` outside strings, against each inputSchema's `properties`.

    An argument is a fault when none of the known tools a row covers has it; tools without `properties` have any.
    """
    faults: list[PolicyFault] = []
    for rule in snapshot.rules:
        reads = snapshot.conditions[rule.when].reads if rule.when != ALWAYS else None
        covered = [schema.get("properties") for tool, schema in schemas.items() if tool_match(tool, rule.tool)]
        if not reads or not covered or not all(isinstance(properties, Mapping) for properties in covered):
            continue
        known = {name for properties in covered for name in properties or ()}
        faults += [
            PolicyFault(
                snapshot.rows_file,
                rule.line,
                f"condition {rule.when} reads args.{name}, which {rule.tool} does not have",
                instead(name, known),
            )
            for name in sorted(reads - known)
        ]
    return faults
