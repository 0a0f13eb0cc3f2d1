"""What is wrong with a policy file, where, and what to write instead.

Lives only here: the shape of a load error. Must not know what any file means. Every loader of the room appends to one list,
so that an operator sees all faults at once; `load.py` raises them together.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class PolicyFault:
    """One load error. Prints as `file:line: what: remedy`."""

    file: str
    line: int
    """Counted from 1; 1 also where the whole file is meant."""
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: {self.remedy}"


class PolicyFaults(Exception):
    """A policy that must not come into force; carries every fault that was found."""

    def __init__(self, faults: Iterable[PolicyFault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Findings:
    """The faults of one file, as a loader collects them."""

    file: str
    faults: list[PolicyFault]

    def add(self, line: int, what: str, remedy: str) -> None:
        self.faults.append(PolicyFault(self.file, line, what, remedy))
