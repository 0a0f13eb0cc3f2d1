"""What an operator asks of an answer: CEL over plain JSON, compiled once, that never raises toward the road.

Lives only here: evaluating `accept`, `found` and the arguments of a probe. What cannot be evaluated (a missing member, a
wrong type, a number CEL would round, too much to look through) is unknown, and unknown is never a yes. Must not know tools
or calls. Texts are checked when the configuration is loaded; called by conclusion and probing.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from gateway.cel_door import Program, cel
from gateway.cel_lint import Source, lint

ACCEPT: Final = frozenset({"result", "args"})
FOUND: Final = frozenset({"result", "args", "key"})
TEMPLATE: Final = frozenset({"args", "key"})
"""The variables of `accept`, of a probe's `found` and of a probe's arguments."""
MAX_WEIGHT: Final = 5_000
"""Values that an expression with all() or exists() looks through: 15 ms, in which the process does nothing else."""
_LARGEST: Final = 2**63
"""From here on CEL turns an integer into a float, and two different ids may become one."""


def faults(text: str, variables: frozenset[str]) -> list[str]:
    """Every reason to refuse the text, with what to write instead; empty for a good one."""
    return [f"{what}: {remedy}" for what, remedy in lint(Source.of(text), variables)]


def holds(text: str, **facts: Any) -> bool | None:
    """Whether it is true; None where that is unknown."""
    answer = _evaluated(text, facts)
    return answer if isinstance(answer, bool) else None


def filled(templates: Mapping[str, str], **facts: Any) -> dict[str, Any] | None:
    """Name → value; None where any of them is unknown, null or no JSON."""
    values = {name: _evaluated(text, facts) for name, text in templates.items()}
    if any(value is None for value in values.values()):
        return None
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError):
        return None
    return values


def _evaluated(text: str, facts: Mapping[str, Any]) -> Any:
    try:
        program, wanted, loops = _compiled(text)
        known = {name: facts[name] for name in wanted if name in facts}
        weight = sum(map(_weight, known.values()))
        if loops and weight > MAX_WEIGHT:
            return None
        return program.execute(known)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001  a dozen types, and a panic of the library is not even an Exception
        return None


@lru_cache(maxsize=1024)
def _compiled(text: str) -> tuple[Program, frozenset[str], bool]:
    """Raises ValueError."""
    program = cel.compile(text)
    return program, frozenset(program.variables()), bool(Source.of(text).loops)


def _weight(value: Any) -> int:
    """How many values there are; 64 characters of text count as one. Raises OverflowError for what CEL would round."""
    match value:
        case str():
            return 1 + len(value) // 64
        case Mapping():
            return 1 + sum(1 + len(name) // 64 + _weight(item) for name, item in value.items())
        case list() | tuple():
            return 1 + sum(map(_weight, value))
        case int() if not -_LARGEST <= value < _LARGEST:
            raise OverflowError
        case _:
            return 1
