"""The generation of a memory: its name, and how the next process of a state folder knows it and how far it was.

Lives only here: how a generation is written, which one follows another by an operator's word, and the file
`redis-generation`. What was counted after the file was written stands in the journal (`Witness`). Must not know servers
or quarantine. Used by the amnesia guard.
"""

import logging
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

Kind = Literal["first", "accepted"]
LOST: Final = "lost"
"""Stands on the server instead of a generation from the moment when a gateway found its memory incomplete."""
_log = logging.getLogger("sallyport.store")


@dataclass(frozen=True, slots=True)
class Generation:
    """One memory, from its beginning until it is lost."""

    kind: Kind
    """`first`: begun on an empty server; `accepted`: by an operator who accepted the loss of the one before."""
    name: str
    born: int
    """Unix seconds; nothing older is known in it."""

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}.{self.born}"

    @classmethod
    def new(cls, kind: Kind, born: int) -> "Generation":
        """A generation nobody has seen."""
        return cls(kind, secrets.token_hex(16), born)

    @classmethod
    def of(cls, text: str) -> "Generation | None":
        """None for what is no generation."""
        match text.split("."):
            case [("first" | "accepted") as kind, str(name), str(born)] if born.isdigit():
                return cls(kind, name, int(born))
            case _:
                return None

    def accepted_after(self, other: "Generation") -> bool:
        """Whether it replaces `other` by an operator's word: then everybody follows."""
        return self.kind == "accepted" and self.born > other.born


@dataclass(frozen=True, slots=True)
class Witness:
    """What somebody knew of a memory: which it was, how far it had counted, and the server's process that kept it."""

    generation: Generation | None = None
    beat: int = 0
    run: str = ""
    """Empty when unknown: then nobody can say that the server did not restart since."""

    def __str__(self) -> str:
        return f"{self.generation} {self.beat} {self.run}".rstrip()

    @classmethod
    def of(cls, text: str) -> "Witness":
        """Knows nothing where the text says nothing."""
        generation, beat, run, *_ = [*text.split(" "), "", "", ""]
        return cls(Generation.of(generation), int(beat) if beat.isdigit() else 0, run)

    def joined(self, later: "Witness") -> "Witness":
        """Both together: the generation that is in force, and the most that was counted in it."""
        if later.generation is None or later.generation == self.generation:
            return replace(self, beat=max(self.beat, later.beat if later.generation is not None else 0))
        if self.generation is None or later.generation.accepted_after(self.generation):
            return later
        return self


class Remembered:
    """The file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False

    def read(self) -> Witness:
        """What an earlier process knew; nothing when there was none."""
        try:
            return Witness.of(self._path.read_text("ascii").strip())
        except FileNotFoundError:
            return Witness()

    def write(self, witness: Witness) -> None:
        """Whole or not at all. A folder that cannot be written is told of, no more: the running process remembers."""
        unnamed = self._path.with_name(f"{self._path.name}.new")
        try:
            unnamed.write_text(f"{witness}\n", "ascii")
            unnamed.replace(self._path)
            self._told = False
        except OSError as error:
            if not self._told:
                _log.warning("%s cannot be written: %s", self._path, error.strerror)
            self._told = True
