"""The stop file: while `STOP` lies in the state folder, this gateway stops everything.

Lives only here: its name, what it says, how often it is looked for, and what is written down about it. It needs neither
the store nor the operator plane nor a gateway that answers: `sallyport kill all --local` makes it, and so does any editor.
Must not know calls. Watched from `app.py`; written and removed by the command line.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from gateway.ledger.stops import Stops
from gateway.model.stop import Stop

NAME: Final = "STOP"
LOOK_S: Final = 0.5
_LONGEST: Final = 500
"""Characters of the reason."""
_log = logging.getLogger("sallyport")

Tell = Callable[[str, str, dict[str, Any]], Awaitable[None]]


def write(folder: Path, why: str) -> Path:
    """Stops everything. Raises OSError."""
    path = folder / NAME
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(why + "\n")
    return path


def remove(folder: Path) -> bool:
    """Lifts it; False when there was none. Raises OSError."""
    try:
        (folder / NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def found(folder: Path, now: float) -> Stop | None:
    """What it says. A file that cannot be read is there all the same, so it stops."""
    path = folder / NAME
    try:
        at = path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        return Stop("all", "", f"{path} cannot be looked for: {error.strerror}", NAME, now)
    try:
        with open(path, "rb", opener=_at_once) as file:  # which closes even a folder that it cannot read
            said = (file.readline(4 * _LONGEST) or b"").decode(errors="replace")
    except OSError as error:
        return Stop("all", "", f"{path} cannot be read: {error.strerror}", NAME, at)
    why = "".join(c for c in said if c.isprintable()).strip()[:_LONGEST]
    return Stop("all", "", why or "no reason was given", NAME, at)


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting: a pipe of this name must not hold up whoever looks."""
    return os.open(path, flags | os.O_NONBLOCK)


class StopFile:
    """The file of one gateway, as the kill switch knows it."""

    def __init__(self, folder: Path, stops: Stops, tell: Tell, now: Callable[[], float]) -> None:
        """`tell` writes into the audit chain: who, what, facts."""
        self._folder = folder
        self._stops = stops
        self._tell = tell
        self._now = now
        self._seen: Stop | None = None

    async def look(self) -> None:
        """Once. A stop acts first and is written down then; it is lifted after that was written down."""
        pulled, seen = await asyncio.to_thread(found, self._folder, self._now()), self._seen
        facts = {"kind": "all", "target": "", "file": str(self._folder / NAME)}
        if pulled is not None:
            self._stops.pull(pulled)
            self._seen = pulled
            if seen is None:
                _log.error("%s: everything is stopped: %s", facts["file"], pulled.why)
                await self._tell("gateway", "kill", facts | {"mode": pulled.mode, "why": pulled.why})
        elif seen is not None:
            _log.warning("%s is gone: no longer stopped by it", facts["file"])
            await self._tell("gateway", "lift", facts)
            self._stops.pull(None)
            self._seen = None

    async def watch(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception:  # noqa: BLE001  a look that failed must not hide what every later one would see
                _log.exception("the stop file could not be looked for")
