"""Waiting for a gateway that was started: bounded, and with its log when it was in vain."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

PATIENCE_S = 15.0
HTTP = httpx2.Client(trust_env=False, verify=False, limits=httpx2.Limits(max_keepalive_connections=0))


def free_ports() -> tuple[int, int]:
    """Two ports nobody listens on."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def until(ready: Callable[[], Any], log: Path) -> Any:
    """What `ready` gives, once it is something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if found := ready():
                return found
        except (OSError, httpx2.HTTPError):
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))


def answer(url: str) -> int:
    """The status of one request."""
    return HTTP.get(url).status_code
