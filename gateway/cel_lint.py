"""What a CEL expression may say, decided from its text before it ever runs.

Lives only here: the functions an expression has, the shapes that could take long, and the did-you-mean. Measured on the library
(0.10): map() and filter() copy their list at every step (a list of 1,000 took a minute), nested all()/exists() multiply,
and a pattern taken from an argument lets the caller choose a costly one; so these are load errors. Must not know what
is asked of an expression, or values. Called by policy's conditions and by `expressions.py`.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.cel_door import cel

_TYPES = frozenset({"int", "uint", "double", "string", "bytes", "bool", "list", "map", "null_type"})
_FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "timestamp", "duration", "type", "dyn", "getFullYear"}
    | {"getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds"}
    | {"getMilliseconds", "int", "uint", "double", "string", "bytes"}
)
MAX_TEXT: Final = 1000

# A raw string, a string, or a comment; triple quotes are refused before this is asked.
_LITERAL = re.compile(r"""[rR]"[^"]*"|[rR]'[^']*'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|//[^\n]*""")
_LOOP = re.compile(r"\.\s*(all|exists|exists_one|existsOne)\s*\(\s*(\w+)\s*,")
_BUILDS = re.compile(r"\.\s*(map|filter)\s*\(")
_ARGUMENT = re.compile(r"(?<![.\w])args\s*(?:\.\s*([A-Za-z_]\w*)(?!\w*\s*\()|\[\s*\"(\d+)\"\s*\])")
_PATTERN = re.compile(r"\.\s*matches\s*\(\s*\"(\d+)\"\s*\)")


@dataclass(frozen=True, slots=True)
class Source:
    """An expression with its string literals set aside, so that words inside them mean nothing."""

    text: str
    bare: str
    """Each literal is replaced by its number in quotes."""
    literals: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Source":
        literals: list[str] = []

        def aside(match: re.Match[str]) -> str:
            if match[0].startswith("//"):
                return " "
            literals.append(match[0])
            return f'"{len(literals) - 1}"'

        return cls(text, _LITERAL.sub(aside, text), tuple(literals))

    @property
    def loops(self) -> tuple[re.Match[str], ...]:
        return tuple(_LOOP.finditer(self.bare))

    @property
    def reads(self) -> frozenset[str] | None:
        """Names of the arguments it reads; None where `args` is used in another way than `args.name`."""
        named = list(_ARGUMENT.finditer(self.bare))
        if len(named) != len(re.findall(r"(?<![.\w])args\b", self.bare)):
            return None
        names = {match[1] or self.literals[int(match[2])].lstrip("rR")[1:-1] for match in named}
        return None if any("\\" in name for name in names) else frozenset(names)


def lint(source: Source, variables: frozenset[str]) -> list[tuple[str, str]]:
    """Every reason to refuse the expression, each with what to write instead; empty for a good one."""
    if len(source.text) > MAX_TEXT:
        return [(f"has more than {MAX_TEXT} characters", "split it; several rows may name several conditions")]
    if '"""' in source.text or "'''" in source.text:
        return [("has a triple-quoted string", "write '…', \"…\" or r'…'")]
    try:
        program = cel.compile(source.text)
    except ValueError as error:
        place = re.search(r"<input>:(\d+):(\d+)", str(error))
        where = f" at column {place[2]}" if place else ""
        return [(f"does not parse as CEL{where}", "CEL reads like args.amount > 0 && args.amount <= 100")]
    return [*_names(source, variables, program.variables(), program.functions()), *_costs(source), *_patterns(source)]


def _names(source: Source, known: frozenset[str], variables: list[str], functions: list[str]) -> list[tuple[str, str]]:
    bound = {loop[2] for loop in source.loops}
    faults = [
        (f"calls its own variable {name!r}, a name it already has", "take another, such as x")
        for name in sorted(bound & (known | _TYPES))
    ]
    faults += [
        (f"reads {name!r}, which is nothing here", instead(name, known))
        for name in variables
        if name not in known | _TYPES | bound
    ]
    faults += [
        (f"calls {name}(), which does not exist", instead(name, _FUNCTIONS))
        for name in functions
        if name.isidentifier() and not name.startswith("_") and name not in _FUNCTIONS
    ]
    return faults


def _costs(source: Source) -> list[tuple[str, str]]:
    faults = [
        (f"uses {match[1]}(), whose cost grows with the square of the list", "ask with all() or exists()")
        for match in _BUILDS.finditer(source.bare)
    ]
    ends = [_close(source.bare, loop.end()) for loop in source.loops]
    starts = [loop.start() for loop in source.loops]
    if any(start < other < end for start, end in zip(starts, ends, strict=True) for other in starts):
        faults.append(("has a loop inside a loop", "one all() or exists() may not stand inside another"))
    if source.loops and "matches" in source.bare:
        faults.append(("uses matches() beside a loop", "use startsWith, endsWith or contains there"))
    return faults


def _close(bare: str, position: int) -> int:
    """Where the parenthesis that was opened before `position` closes."""
    depth = 1
    while depth and position < len(bare):
        depth += {"(": 1, ")": -1}.get(bare[position], 0)
        position += 1
    return position


def _patterns(source: Source) -> list[tuple[str, str]]:
    literal = list(_PATTERN.finditer(source.bare))
    if len(literal) != len(re.findall(r"\bmatches\b", source.bare)):
        return [("takes a pattern from somewhere", "write matches('…') with the pattern itself, after a dot")]
    faults = []
    for match in literal:
        try:
            cel.compile(f"''.matches({source.literals[int(match[1])]})").execute({})
        except Exception:  # noqa: BLE001  whatever the library raises, it is not a pattern
            faults.append(("has a pattern that is not a regular expression", "RE2 syntax: no look-around, no \\1"))
    return faults


def instead(word: str, known: Iterable[str]) -> str:
    """`write one of a, b`, or `did you mean a?` where one is close."""
    choices = sorted(known)
    if near := difflib.get_close_matches(word, choices, 1) or [name for name in choices if name == word.lower()]:
        return f"did you mean {near[0]}?"
    return f"write one of {', '.join(choices)}" if choices else "there is none to name"
