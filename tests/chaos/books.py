"""The journals of all gateways as they are on disk, and the blows they were dealt: what the judge reads beside answers and truth."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gateway.audit.segments import tail

What = Literal["kill", "term", "pause", "store-pause", "store-stop"]
STORE = -1
"""In place of a gateway's number."""


@dataclass(frozen=True)
class Blow:
    """Something that was done to a gateway or to the store."""

    gateway: int
    what: What
    begins: float
    ends: float
    """Of a death: when it was over. What comes after is another life."""

    def struck(self, begins: float, ends: float) -> bool:
        """Whether it fell between two moments."""
        return self.begins <= ends and begins <= self.ends


class Books:
    """The entries of several journals, read on from where the last look ended."""

    def __init__(self, journals: Sequence[Path]) -> None:
        self._journals = journals
        self._at: list[Any] = [None for _ in journals]
        self.entries: list[dict[str, Any]] = []
        """With `gateway`: the place of whose journal it is."""

    def read(self) -> None:
        for number, folder in enumerate(self._journals):
            for position, body in tail(folder, self._at[number]):
                self._at[number] = position
                self.entries.append({**json.loads(body), "gateway": number})

    def open(self, before: float) -> set[str]:
        """Calls whose intent is older than `before` and has no terminal entry."""
        ended = {one["call"] for one in self.entries if "outcome" in one}
        begun = {one["call"] for one in self.entries if one["kind"] == "intent" and stamp(one) < before}
        return begun - ended


def stamp(entry: dict[str, Any]) -> float:
    """When the entry was made, on the clock of the server and the agents, which is the same."""
    return datetime.fromisoformat(entry["time"]).timestamp()
