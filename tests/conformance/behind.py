"""The server of the suite and the gateway before it, as processes.

Lives only here: the configuration under which the gateway shows an upstream as it is: no prefix, every tool, nobody to
log in (the suite sends no credential), loops off (it calls the same tool again and again). Called by `run.py` and tests.
"""

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from tests.e2e.e2e_kit import PATIENCE_S, ROOT, Gateway

Era = Literal["both", "legacy", "modern"]

_AGENT, _USER, _UPSTREAM = "suite", "suite", "everything"
_ALL = f"{_UPSTREAM}/**"
_ROWS = "".join(f"p, {act}, user:{_USER}, default, *, {_ALL}, {act}, -, allow\n" for act in ("call", "prompt", "read"))


@contextlib.contextmanager
def everything(era: Era) -> Iterator[str]:
    """URL of our own server, speaking these eras."""
    command = [sys.executable, "-m", "tests.conformance.everything", "--port", "0", "--era", era]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], PATIENCE_S)[0], "the server of the suite did not start"
            line = process.stdout.readline()
            assert line, "the server of the suite ended before it listened"
            yield line.split()[-1]
        finally:
            process.kill()


@contextlib.contextmanager
def gateway(upstream: str, folder: Path) -> Iterator[str]:
    """URL of a gateway that shows this upstream; its state, configuration and log stay in the folder."""
    rows = folder / "policy.csv"
    rows.write_text(_ROWS, encoding="utf-8")
    before = Gateway(folder, _configuration(upstream, rows))
    before.start()
    try:
        yield f"{before.url}/mcp"
    finally:
        before.stop()


def _configuration(upstream: str, rows: Path) -> dict[str, Any]:
    return {
        "identity": {"anonymous": {"agent": _AGENT, "user": _USER}},
        "upstreams": {
            _UPSTREAM: {"kind": "mcp-http", "url": upstream, "prefix": "", "tools": {"*": {"effect": "read"}}}
        },
        "agents": {_AGENT: {"tools": [_ALL], "prompts": [_ALL], "resources": [_ALL]}},
        "policy": {"model": str(ROOT / "policies/model.conf"), "rows": str(rows), "conditions": None},
        "loops": "off",
    }
