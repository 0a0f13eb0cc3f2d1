"""conditions.yaml: named CEL expressions, compiled once, evaluated with bounded work.

Lives only here: CEL. Must not know rows; whoever asks decides what a failure means (a deny or ask row then matches, an
allow row does not). The library has no limits of its own and holds the interpreter's lock while it works, so what could take
long is refused at load (`cel_lint.py`) or kept small here: all() and exists() only look through `MAX_WEIGHT`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from gateway.cel_door import Program, cel
from gateway.cel_lint import Source, lint
from gateway.policy.faults import Findings
from gateway.policy.rule import ALWAYS

VARIABLES: Final = frozenset({"args", "user", "agent", "tool", "now"})
MAX_WEIGHT: Final = 1000
"""Values (64 characters of text count as one) that a condition with all(), exists() or exists_one() looks through."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    name: str
    program: Program
    variables: frozenset[str]
    reads: frozenset[str] | None
    """The arguments it reads; None where it looks at `args` as a whole."""
    loops: bool

    def holds(self, facts: Mapping[str, Any]) -> bool | None:
        """None where it cannot be evaluated: a missing argument, a wrong type, too much to look through."""
        known = {name: facts[name] for name in self.variables if name in facts}
        if self.reads is not None and "args" in known:
            known["args"] = {name: known["args"][name] for name in self.reads if name in known["args"]}
        if self.loops and _weight(known, MAX_WEIGHT) > MAX_WEIGHT:
            return None
        try:
            answer = self.program.execute(known)
        except Exception:  # noqa: BLE001  the library raises a dozen types; none may pass for an answer
            return None
        return answer if isinstance(answer, bool) else None


def _weight(value: Any, limit: int) -> int:
    """How much there is to look through; stops counting soon after `limit`."""
    if isinstance(value, str):
        return 1 + len(value) // 64
    if not isinstance(value, Mapping | list):
        return 1
    total = 1
    for item in value.values() if isinstance(value, Mapping) else value:
        total += _weight(item, limit - total)
        if total > limit:
            break
    return total + (sum(len(key) // 64 for key in value) if isinstance(value, Mapping) else 0)


def read_conditions(text: str, found: Findings) -> dict[str, Condition | None]:
    """name → condition, None for a bad one; each of those adds to `found`."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        found.add(line, "not YAML", "write one `name: expression` a line; quote an expression that holds : or #")
        return {}
    except (yaml.YAMLError, RecursionError):
        found.add(1, "not YAML", "write one `name: expression` a line, in UTF-8")
        return {}
    if document is None:
        return {}
    if not isinstance(document, yaml.MappingNode):
        found.add(document.start_mark.line + 1, "not a list of names", "write one `name: expression` a line")
        return {}
    conditions: dict[str, Condition | None] = {}
    seen: dict[str, int] = {}
    for key, value in document.value:
        line, name = key.start_mark.line + 1, key.value
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            found.add(line, "a condition is one name and one expression", "write `name: expression`")
        elif name in seen:
            found.add(line, f"condition {name!r} stands on line {seen[name]} already", "give it its own name")
        else:
            conditions[name] = _compile(name, value.value, line, found)
        seen.setdefault(str(name), line)
    return conditions


def _compile(name: str, expression: str, line: int, found: Findings) -> Condition | None:
    if name == ALWAYS or not name.replace("-", "").isalnum() or not name.isascii():
        found.add(line, f"condition name {name!r}", "letters, digits and - only")
        return None
    source = Source.of(expression)
    faults = lint(source, VARIABLES)
    for what, remedy in faults:
        found.add(line, f"condition {name!r} {what}", remedy)
    if faults:
        return None
    program = cel.compile(expression)
    return Condition(name, program, frozenset(program.variables()), source.reads, bool(source.loops))
