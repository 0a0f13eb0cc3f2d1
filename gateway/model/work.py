"""One thing for the writer thread, and the two ways in which writing fails.

Lives only here: what stores and the audit trail hand to the writer. Must not know SQL, files or threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entry = Callable[[], Mapping[str, Any]]
"""A journal entry made lazily, on the writer thread, when the journal takes it; pure, so that it may be made again."""


@dataclass(frozen=True, slots=True)
class Work:
    """One thing for the writer thread: a change of the ledger file, journal entries, or both."""

    change: Callable[[Any], Any] | None = None
    """Runs on the one SQLite connection, inside the group's transaction; its result is the work's result."""
    entries: Callable[[Any], Sequence[Entry]] | None = None
    """Journal entries, given the change's result (None without a change)."""
    durable: bool = False
    """Released only after fdatasync and COMMIT."""
    needs_journal: bool = False
    """Fails with JournalUnavailable when the journal cannot be written; otherwise its entries wait in memory."""


class JournalUnavailable(Exception):
    """The journal cannot be written."""


class StoreUnavailable(Exception):
    """The ledger file cannot be written."""

    def __init__(self, text: str, *, journaled: bool = False) -> None:
        super().__init__(text)
        self.journaled = journaled
        """True when the work's entries are in the journal all the same (COMMIT failed after them): never write them again."""
