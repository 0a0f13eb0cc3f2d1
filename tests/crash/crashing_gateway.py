"""`python -m tests.crash.crashing_gateway run --config FILE --crash-at NAME[:N]`: the gateway, with a death to die.

Lives only here: what kills. The command line and the house are the shipped ones; `reached` is the seam they have for this.
With `--crash-when FILE` the point stands in a file that may be written later, so that what a start passes is not counted:
`NAME[:N]` is counted from the moment when it stands there, and every point that is passed is noted beside it. With `--signal STOP`
it does not die but stands still until it is continued. `tests/crash/nursery.py` runs the same `main` in a fork.
"""

import argparse
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path


class Fuse:
    """Implements `ports.Reached`: a signal to ourselves at the n-th passing of a point. Called from several threads."""

    def __init__(self, wanted: Callable[[], str], note: Callable[[str], object], how: signal.Signals) -> None:
        self._wanted = wanted
        self._note = note
        self._how = how
        self._last = ""
        self._passed = 0
        self._turn = threading.Lock()

    def __call__(self, point: str) -> None:
        with self._turn:
            self._note(point)
            wanted = self._wanted()
            if wanted != self._last:
                self._last, self._passed = wanted, 0
            name, _, nth = wanted.partition(":")
            self._passed += point == name
            if point == name and self._passed == int(nth or 1):
                os.kill(os.getpid(), self._how)


def main(arguments: Sequence[str]) -> None:
    """Runs the gateway. Raises SystemExit with the code of the shipped command line."""
    options = argparse.ArgumentParser(prog="crashing_gateway")
    options.add_argument("verb", choices=["run"])
    options.add_argument("--config", required=True)
    options.add_argument("--crash-at", default="", metavar="NAME[:N]")
    options.add_argument("--crash-when", type=Path, metavar="FILE", help="holds NAME[:N] once the point is wanted")
    options.add_argument("--signal", default="KILL", choices=["KILL", "STOP"])
    options.add_argument("--drain", type=float, metavar="SECONDS", help="how long departed calls may take at a stop")
    chosen = options.parse_args(arguments)
    file: Path = chosen.crash_when or Path(os.devnull)

    def wanted() -> str:
        return chosen.crash_at or (file.read_text(encoding="ascii") if file.exists() else "")

    trace = (file.with_suffix(".passed") if chosen.crash_when else file).open("a", encoding="ascii", buffering=1)
    from gateway import app
    from gateway.cli.main import app as command_line

    app.DRAIN_S = app.DRAIN_S if chosen.drain is None else chosen.drain
    fuse = Fuse(wanted, lambda point: trace.write(point + "\n"), signal.Signals[f"SIG{chosen.signal}"])
    app.serve = functools.partial(app.serve, reached=fuse)
    command_line(["run", "--config", chosen.config], prog_name="sallyport")


if __name__ == "__main__":
    main(sys.argv[1:])
