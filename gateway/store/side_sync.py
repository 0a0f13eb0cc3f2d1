"""The journal's fdatasync, run beside the ledger's COMMIT: two waits for the disk in the time of one.

Lives only here: the second thread and its hand-over. Must not know what is synced or committed. Used by the writer
thread only, which always waits for a sync it started before it releases anybody.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class SideSync:
    """Runs one function at a time in a thread of its own."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._ended: SimpleQueue[Exception | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Starts; `wait` must follow."""
        self._asked.put(True)

    def wait(self) -> None:
        """Until it is done. Raises OSError, and whatever else the function raised."""
        if (error := self._ended.get()) is not None:
            raise error

    def close(self) -> None:
        """Ends the thread."""
        self._asked.put(False)
        self._thread.join()

    def _run(self) -> None:
        while self._asked.get():
            try:
                self._sync()
            except Exception as error:  # noqa: BLE001  whatever it was, the writer waits for a word
                self._ended.put(error)
            else:
                self._ended.put(None)
