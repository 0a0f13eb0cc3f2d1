"""Reads a journal from its first byte to its last and says whether the chain holds; needs nothing but the folder.

Lives only here: the checks between segments and the words for what is wrong. Must not repair, and must not know the
gateway: it works on a copy, offline, while another process writes. Called by the command line and the operator plane.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.audit import record, segments
from gateway.audit.segments import Line

TAIL_NOTE: Final = "A chain alone cannot show that whole entries were cut off at the very end; compare the last hash with one noted earlier."


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the journal is not what was written."""

    file: str
    line: int
    """Counted from 1; 0 for the file as a whole."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, up to the fault if there is one."""

    segments: int
    entries: int
    last_hash: str
    fault: Fault | None
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.fault is None


class _Broken(Exception):
    def __init__(self, number: int, what: str) -> None:
        super().__init__(what)
        self.number, self.what = number, what


class _Reader:
    """The chain as far as it was followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.head = segments.GENESIS
        self.entries = 0
        self.previous = ""
        self.told: Counter[str] = Counter()

    def segment(self, name: str, *, last: bool) -> None:
        """Follows one segment. Raises _Broken."""
        if segments.first_of(name) != self.entries + 1:
            before = f"after {self.previous}" if self.previous else "before it"
            raise _Broken(0, f"a segment is missing {before}: entry {self.entries + 1} should come next")
        number = 0
        with (self.folder / name).open("rb") as file:
            for number, line in enumerate(segments.lines(file), 1):
                self._line(line, number, last=last)
        if not number:
            raise _Broken(0, "the segment is empty")
        self.previous = name

    def _line(self, line: Line, number: int, *, last: bool) -> None:
        if not line.raw.endswith(b"\n") and last:
            raise _Broken(number, "the last line is torn: it is being written now, or was when the gateway stopped")
        if not line.whole:
            raise _Broken(number, "this is not an entry: the line was altered")
        if not line.follows(self.head):
            raise _Broken(number, self._mismatch(line, number))
        made = _decoded(line)
        if made.get("kind") not in record.KINDS or (made["kind"] == "segment") != (number == 1):
            raise _Broken(number, "the chain holds, but this entry does not belong here")
        if made["kind"] == "segment":
            self._link(made)
        self.told["dropped"] += made.get("dropped", 0)
        self.told[made["kind"]] += 1
        self.head = line.stated
        self.entries += 1

    def _mismatch(self, line: Line, number: int) -> str:
        if number == 1:
            return f"it does not continue {self.previous or 'from the beginning'}: a segment was removed or altered"
        if line.stated == self.head:
            return "this entry stands twice"
        return "the chain breaks: this entry was altered or moved, or entries before it were removed"

    def _link(self, made: dict[str, Any]) -> None:
        expected = {"name": self.previous, "hash": self.head.hex()} if self.previous else None
        if made.get("previous") != expected or made.get("first") != self.entries + 1:
            raise _Broken(1, "the chain holds, but the segment names another one as its previous")

    def notes(self) -> tuple[str, ...]:
        """What an honest reader should know besides."""
        notes = [TAIL_NOTE]
        if self.told["gap"]:
            notes.append(
                f"{self.told['gap']} gaps: the journal could not be written; {self.told['dropped']} entries lost."
            )
        if self.told["recovered"]:
            notes.append(f"{self.told['recovered']} recoveries: torn tails were cut and kept in *.torn files.")
        return tuple(notes)


def _decoded(line: Line) -> dict[str, Any]:
    try:
        made: dict[str, Any] = json.loads(line.body)
    except ValueError:
        return {}
    return made


def verify(folder: Path) -> Report:
    """Follows the chain to its end or to the first fault. Raises OSError for files that cannot be read."""
    reader = _Reader(folder)
    names = segments.segments(folder)
    fault = None if names else Fault(str(folder), 0, "there is no journal here")
    for name in names:
        try:
            reader.segment(name, last=name == names[-1])
        except _Broken as broken:
            fault = Fault(str(folder / name), broken.number, broken.what)
            break
    return Report(len(names), reader.entries, reader.head.hex(), fault, reader.notes())
