"""A child process as a peer."""

import contextlib
import sys
from pathlib import Path

from upstream_kit import RealClock, nothing

from gateway.config.upstreams import McpStdio
from gateway.tasks import Tasks
from gateway.upstream.stdio import McpStdioUpstream

PEER = str(Path(__file__).with_name("stdio_peer.py"))


@contextlib.asynccontextmanager
async def stdio(mode: str, reached=nothing, clock=None, **settings):
    """A child that runs `stdio_peer.py`."""
    tasks = Tasks()
    settings = {"command": sys.executable, "args": ("-S", "-E", PEER, mode), "era": "auto"} | settings
    config = McpStdio(kind="mcp-stdio", **settings)
    found = McpStdioUpstream("notes", config, clock or RealClock(), tasks, reached)
    try:
        yield found
    finally:
        await found.close()
        assert await tasks.drain(5) == 0
