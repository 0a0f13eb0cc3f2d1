"""Arguments against an input schema: compiled once, checked in a microsecond, explained without echoing a value.

Lives only here: the one door of `jsonschema_rs`. Its trap: errors are collected before the first is seen (15 s on a
million wrong items), so validity is asked first and a rule is named only for small arguments. Must not know agents,
effects or configuration. Called by `definition` and `offer`.
"""

from collections.abc import Mapping
from typing import Any, Final

from jsonschema_rs import FancyRegexOptions, ValidationError, ValidationErrorKind, Validator, validator_for

from gateway.catalog.names import shown
from gateway.catalog.weight import Unusable, weigh

_EXPLAINED_VALUES: Final = 2_000
"""Values in arguments up to which a broken rule is looked for: under `anyOf` every one of them becomes an error."""
_PATTERNS = FancyRegexOptions(backtrack_limit=100_000)
"""A pattern that backtracks further than this (about 1 ms) does not match."""


def compiled(schema: dict[str, Any]) -> Validator:
    """A validator that never fetches anything. Raises Unusable."""
    try:
        weigh(schema)
        return validator_for(schema, offline=True, pattern_options=_PATTERNS)
    except Unusable:
        raise
    except RecursionError:
        raise Unusable("its inputSchema is nested too deep") from None
    except ValueError:
        raise Unusable("its inputSchema is not valid JSON Schema") from None


def fits(validator: Validator, arguments: Mapping[str, Any]) -> bool:
    """Whether the arguments satisfy the schema; what the validator cannot judge does not."""
    try:
        return validator.is_valid(arguments)
    except ValueError:
        return False


def misfit(validator: Validator, fixed: Mapping[str, Any]) -> str | None:
    """A fixed argument whose value the schema forbids."""
    places = (error.instance_path for error in validator.iter_errors(fixed))
    return next((str(place[0]) for place in places if place), None)


def broken_rule(validator: Validator, arguments: Mapping[str, Any]) -> str:
    """Where arguments break the schema, as JSON pointer and rule; never a value, which may be a secret."""
    if _few_values(arguments):
        try:
            validator.validate(arguments)
        except ValidationError as error:
            steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
            place = shown("".join(f"/{step}" for step in steps), 128)
            return f"{place or 'the top level'} breaks the rule {_rule(error)}"
        except ValueError:
            pass
    return "they do not match its inputSchema"


def _rule(error: ValidationError) -> str:
    kind = ValidationErrorKind
    match error.kind:
        case kind.Required(name):
            return f"required: {shown(name)!r} is missing"
        case kind.Type(types):
            return f"type: {' or '.join(sorted(types))}"
        case kind.AdditionalProperties(names) | kind.UnevaluatedProperties(names):
            return f"{error.kind.name}: there is no {', '.join(repr(shown(name)) for name in names[:3])}"
        case kind.FalseSchema():
            return "additionalProperties: there are no such arguments"
        case other:
            return other.name


def _few_values(value: Any) -> bool:
    waiting, seen = [value], 0
    while waiting:
        seen += 1
        if seen > _EXPLAINED_VALUES:
            return False
        match waiting.pop():
            case dict() as inner:
                waiting.extend(inner.values())
            case list() as inner:
                waiting.extend(inner)
            case _:
                pass
    return True
