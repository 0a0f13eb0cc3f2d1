"""The stage of the demo: a folder and processes that are gone when it closes, however it closes.

Lives only here: starting `python -m …`, waiting until it serves, saying why it did not, and ending everything. A signal is
held back while a process comes to life or goes, so that none is ever forgotten. Must not know what the demo tells. Called
by `demo`.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self, TypeVar

import httpx2

from gateway.cli import voice
from gateway.cli.client import client
from gateway.clock import SystemClock

PACKAGE: Final = Path(__file__).parents[2]
"""The folder that holds our package: a checkout, or site-packages."""
_BUNDLED: Final = Path(__file__).with_name("demo_desk")
_READY_S: Final = 40.0
_ASK_S: Final = 5.0
_POLL_S: Final = 0.05
_STOP_S: Final = 10.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


class Fell(Exception):
    """A step of the demo did not go as it must; the text says what, where, why and what to do."""


def desk_folder() -> Path:
    """The folder that `examples.helpdesk` is imported from: inside the wheel, or the root of the checkout."""
    return _BUNDLED if _BUNDLED.is_dir() else PACKAGE


class Stage:
    """Use it as a context manager, in the main thread."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._clock = SystemClock()
        self._before: dict[int, Any] = {}
        self._settings: dict[str, str] = {}
        self._busy, self._asked_to_stop = True, False

    def __enter__(self) -> Self:
        # A signal is only remembered until the first process starts: it must not come between here and `__exit__`.
        self._before = {number: signal.signal(number, self._signalled) for number in _SIGNALS}
        # The environment wins over a configuration: this shell's settings are meant for another gateway.
        self._settings = {name: value for name, value in os.environ.items() if name.startswith("SALLYPORT_")}
        for name in self._settings:
            del os.environ[name]
        self.folder = Path(tempfile.mkdtemp(prefix="sallyport-demo-"))
        return self

    def __exit__(self, *_: object) -> None:
        self._busy = True
        try:
            self._end_all()
            shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            os.environ.update(self._settings)
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def start(self, name: str, home: Path, *words: str) -> None:
        """`python -m …` with modules from `home`; what it says goes into a file of its own."""
        with self._undisturbed(), self._log(name).open("wb") as log:
            # In a session of its own: Ctrl-C reaches only this process, which ends the others.
            self._running[name] = subprocess.Popen(  # noqa: S603  our own modules
                [sys.executable, "-m", *words],
                cwd=self.folder,
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def desk(self, name: str) -> None:
        """A help desk of its own, with a file of its own."""
        self.start(name, desk_folder(), "examples.helpdesk.api", "--db", str(self.file_of(name)), "--port", "0")

    def output(self, *words: str) -> str:
        """What a module of the desk prints, run to its end. Raises Fell."""
        command, home = [sys.executable, "-m", *words], _environment(desk_folder())
        done = subprocess.run(command, cwd=self.folder, env=home, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise Fell(f"{words[0]} ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def file_of(self, desk: str) -> Path:
        """The database file of a desk."""
        return self.folder / f"{desk.replace(' ', '-')}.db"

    def announced(self, desk: str) -> str:
        """The address a desk says it listens on, once it does. Raises Fell."""

        def address() -> str:
            return self._said(desk).partition("listening on ")[2].partition("\n")[0].strip()

        return self._until(desk, address)

    def serving(self, name: str, url: str) -> None:
        """Until `url` answers 200. Raises Fell."""

        def answers() -> bool:
            with contextlib.suppress(httpx2.TransportError), client({}, _ASK_S) as http:
                return http.get(url).is_success
            return False

        self._until(name, answers)

    def watch(self) -> None:
        """Raises Fell as soon as a process has ended by itself."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                raise Fell(f"{name} ended by itself (exit code {code}){self._last_words(name)}")

    def until_signalled(self) -> None:
        """Keeps the stage as it is; ends by KeyboardInterrupt, or Fell when a process dies."""
        while True:
            self.watch()
            time.sleep(_POLL_S)

    def _until(self, name: str, ready: Callable[[], T]) -> T:
        deadline = self._clock.monotonic() + _READY_S
        while not (found := ready()):
            self.watch()
            if self._clock.monotonic() > deadline:
                raise Fell(f"{name} did not get ready within {_READY_S:g} s{self._last_words(name)}")
            time.sleep(_POLL_S)
        return found

    def _log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.log"

    def _said(self, name: str) -> str:
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def _last_words(self, name: str) -> str:
        lines = [voice.plain(line) for line in self._said(name).splitlines() if line.strip()]
        return "; it said last:\n  " + "\n  ".join(lines[-5:]) if lines else " and said nothing"

    def _end_all(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        deadline = self._clock.monotonic() + _STOP_S
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        """Only the first one interrupts: a second Ctrl-C must not keep anything from being ended."""
        again, self._asked_to_stop = self._asked_to_stop, True
        if not self._busy and not again:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._asked_to_stop:
            raise KeyboardInterrupt


def _environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def free_addresses() -> tuple[str, str]:
    """Two addresses on this machine that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        first, second = (f"127.0.0.1:{probe.getsockname()[1]}" for probe in (one, other))
        return first, second
