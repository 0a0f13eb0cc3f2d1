"""The generation of a memory: its name, and the file by which the next process of a state folder knows it.

Lives only here: how a generation is written, which one follows another by an operator's word, and the file
`redis-generation`. Must not know servers or quarantine. Used by the amnesia guard.
"""

import logging
import secrets
from dataclasses import dataclass
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


class Remembered:
    """The file that outlives the process: a generation, and a beat that was seen in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False

    def read(self) -> tuple[Generation | None, int]:
        """What an earlier process knew; nothing when there was none."""
        try:
            text, _, beat = self._path.read_text("ascii").strip().partition(" ")
        except FileNotFoundError:
            return None, 0
        return Generation.of(text), int(beat) if beat.isdigit() else 0

    def write(self, generation: Generation, beat: int) -> None:
        """Whole or not at all. A folder that cannot be written is told of, no more: the running process remembers."""
        unnamed = self._path.with_name(f"{self._path.name}.new")
        try:
            unnamed.write_text(f"{generation} {beat}\n", "ascii")
            unnamed.replace(self._path)
            self._told = False
        except OSError as error:
            if not self._told:
                _log.warning("%s cannot be written: %s", self._path, error.strerror)
            self._told = True
