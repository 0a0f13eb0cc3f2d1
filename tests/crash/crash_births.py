"""This side of the nursery: asks it for gateways, and stands for them where a test would hold a `subprocess.Popen`."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from e2e_kit import PATIENCE_S, ROOT, wait_for


class Nursery:
    """The process that forks gateways."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crash.nursery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def born(self, arguments: list[str], log: Path) -> "Child":
        return Child(self, self._asked({"arguments": arguments, "log": str(log)}))

    def ended(self, pid: int) -> int | None:
        return self._asked({"pid": pid})

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)

    def _asked(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        assert select.select([self._process.stdout], [], [], PATIENCE_S)[0], "the nursery is silent"
        return json.loads(self._process.stdout.readline())


class Child:
    """What `Gateway` needs of `subprocess.Popen`, for a process that is the nursery's child and not ours."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._nursery.ended(self.pid)
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        wait_for(lambda: self.poll() is not None, f"process {self.pid} to end", seconds)
        assert self._code is not None
        return self._code
