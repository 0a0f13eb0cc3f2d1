"""One tool as one agent gets it: its published form, and the way from published arguments to final ones.

Lives only here: the override of a tool and the resolution of a call. What `resolve` returns is what policy, ledger and
upstream see. Must not know other tools, users or policy. Made by `room`, asked by `view`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema_rs import Validator

from gateway.catalog import rewrite
from gateway.catalog.definition import Known
from gateway.catalog.names import shown
from gateway.catalog.schema import broken_rule, fits, misfit
from gateway.catalog.weight import Unusable
from gateway.config.schema import ToolOverride
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.wire import strict_json


@dataclass(frozen=True, slots=True)
class Offer:
    """A curated tool."""

    name: str
    tool: Tool
    definition: Mapping[str, Any]
    """As published."""
    digest: str
    """SHA-256 (hex) of the published definition."""
    validator: Validator
    fixed: Mapping[str, Any]
    special: frozenset[str]
    """Arguments a caller may not simply send: fixed, hidden and our own."""
    repeatable: bool
    """Whether `x_occurrence` is published."""

    def resolve(self, arguments: Mapping[str, Any]) -> ResolvedCall:
        """Raises Refused: invalid-arguments. Defaults of the schema are not filled in: the upstream knows its own."""
        if not isinstance(arguments, dict):
            raise self._invalid("they are not an object")
        occurrence, final = 1, arguments
        if not self.special.isdisjoint(arguments):
            occurrence, final = self._stripped(arguments)
        if self.fixed:
            final = {**final, **self.fixed}
        if not fits(self.validator, final):
            raise self._invalid(broken_rule(self.validator, final))
        return ResolvedCall(self.tool, self.name, final, occurrence, self.repeatable)

    def _stripped(self, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The occurrence, and the arguments without it."""
        rest = dict(arguments)
        occurrence = rest.pop(rewrite.OCCURRENCE, 1) if self.repeatable else 1
        if refused := self.special & rest.keys():
            raise self._invalid(f"there is no argument {shown(min(refused))!r}")
        # `type`, not `isinstance`: True is an int in Python.
        if type(occurrence) is not int or not 1 <= occurrence <= rewrite.MOST_OCCURRENCES:
            raise self._invalid(f"/{rewrite.OCCURRENCE} is not an integer from 1 to {rewrite.MOST_OCCURRENCES}")
        return occurrence, rest

    def _invalid(self, why: str) -> Refused:
        return Refused(Reason.INVALID_ARGUMENTS, f"The arguments of {self.name} were refused: {why}.")


def offered(known: Known, name: str, override: ToolOverride | None, *, repeats: bool = True) -> Offer:
    """Lays an agent's override over a tool. Raises Unusable for an override that does not fit its schema.

    `repeats`: whether a model may say by `x_occurrence` that it repeats a call on purpose.
    """
    arguments = override.args if override else {}
    # `fixed: null` pins null, so presence is asked of the model and not of the value.
    fixed = {argument: rule.fixed for argument, rule in arguments.items() if "fixed" in rule.model_fields_set}
    removed = {argument for argument, rule in arguments.items() if rule.hidden} | fixed.keys()
    upstream_schema = known.tool.definition["inputSchema"]
    for argument in sorted(removed - fixed.keys()):
        if argument in upstream_schema.get("required", ()):
            raise Unusable(f"the required argument {shown(argument)!r} is hidden without being fixed")
    repeatable = repeats and _guessed(known.tool)
    schema = known.cleaned["inputSchema"]
    if removed:
        rewrite.without(upstream_schema, removed)  # what the upstream wrote decides, not what cleaning left of it
        schema = rewrite.without(schema, removed)
    if (wrong := misfit(known.validator, fixed)) in fixed:
        raise Unusable(f"the fixed value of {shown(str(wrong))!r} is not what its inputSchema allows")
    if repeatable:
        schema = rewrite.with_occurrence(schema)
    definition = {**known.cleaned, "name": name, "inputSchema": schema}
    if override and override.description is not None:
        definition["description"] = override.description
    return Offer(
        name=name,
        tool=known.tool,
        definition=definition,
        digest=strict_json.digest(definition),
        validator=known.validator,
        fixed=fixed,
        special=frozenset(removed) | rewrite.OURS,
        repeatable=repeatable,
    )


def _guessed(tool: Tool) -> bool:
    """Whether a second identical call without a key is taken for a repetition even after the first was answered."""
    named = tool.terms.once or tool.terms.key_required
    return tool.effect is Effect.MUTATING and tool.derived == "on" and not named
