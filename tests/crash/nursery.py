"""Where crashing gateways are born: one process that has imported everything and forks.

A start then costs a tenth of a second of CPU in place of one, which is what makes a death at every point affordable. Each
gateway is a process of its own all the same: nothing but imports happened before the fork, and one thread did it.

On stdin one JSON request a line: `{"arguments": [...], "log": path}` is answered with a process id, `{"pid": n}` with the
exit code of that child, or null while it runs. The end of stdin ends the nursery and what still lives in it.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

PRELOADED = (
    "gateway.app",
    "gateway.cli.main",
    "gateway.operator.plane",
    "opentelemetry.instrumentation.fastapi",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    alive: set[int] = set()
    for line in sys.stdin:
        match json.loads(line):
            case {"arguments": arguments, "log": log}:
                alive.add(pid := _born(arguments, Path(log)))
                _say(pid)
            case {"pid": pid}:
                ended, status = os.waitpid(pid, os.WNOHANG)
                alive.discard(ended)
                _say(os.waitstatus_to_exitcode(status) if ended else None)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _born(arguments: list[str], log: Path) -> int:
    if pid := os.fork():
        return pid
    code: object = 70
    try:
        with log.open("ab") as file, Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        from tests.crash import crashing_gateway

        crashing_gateway.main(arguments)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


def _say(value: int | None) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
