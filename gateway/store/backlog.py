"""The journal and the entries that wait for it while it cannot be written.

Lives only here: the bounded memory of an outage and the `gap` entry that tells of it before anything else is written
again. Must not know SQLite, works or what an entry means; it hands `gap` entries over without id and time, the journal
stamps them. Called by the writer, on its thread only; `len()`, `ok` and `last_error` may be read from anywhere.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from gateway.homes import Journal
from gateway.ports import Reached

WAITING = 10_000
"""Entries kept in memory; older ones are dropped and counted."""
_CHUNK = 256
"""Entries tried at once after an outage, so that a journal that is still down costs little to ask."""

Made = Mapping[str, Any]


class Backlog:
    """A journal with patience."""

    def __init__(self, journal: Journal, reached: Reached) -> None:
        self._journal = journal
        self._reached = reached
        self._waiting: deque[Made] = deque(maxlen=WAITING)
        self._dropped = 0
        self.ok = True
        self.last_error: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, entries: Sequence[Made]) -> None:
        """Appends what waited, then `entries`. Raises OSError; then `entries` are not written."""
        with self._watched():
            self._catch_up()
            if entries:
                self._journal.append(entries)
                self._reached("writer.appended")

    def sync(self) -> None:
        """Makes durable what was written. Raises OSError; then the last `entries` are not written after all."""
        with self._watched():
            self._journal.sync()
            self._reached("writer.synced")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.ok = False
            self.last_error = f"journal: {error.strerror or type(error).__name__}"
            raise

    def keep(self, entries: Sequence[Made]) -> None:
        """Lets entries wait in memory."""
        for entry in entries:
            self._dropped += len(self._waiting) == WAITING
            self._waiting.append(entry)

    def _catch_up(self) -> None:
        while not self.ok or self._waiting:
            chunk = list(islice(self._waiting, _CHUNK))
            self._journal.append(chunk if self.ok else [self._gap(), *chunk])
            for _ in chunk:
                self._waiting.popleft()
            self.ok, self._dropped = True, 0

    def _gap(self) -> Made:
        return {
            "kind": "gap",
            "dropped": self._dropped,
            "delayed": len(self._waiting),
            "detail": f"The journal could not be written ({self.last_error}).",
        }
