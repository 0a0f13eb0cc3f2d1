"""From a section of the configuration to an upstream.

Lives only here: which class stands behind which `kind`. Must not know how any of them works. Called by `app.py`.
"""

from typing import assert_never

from gateway.config.schema import McpHttp, McpStdio, UpstreamConfig
from gateway.ports import Clock, Reached, Upstream
from gateway.tasks import Tasks
from gateway.upstream.http import McpHttpUpstream
from gateway.upstream.stdio import McpStdioUpstream


def make_upstream(id: str, config: UpstreamConfig, clock: Clock, tasks: Tasks, reached: Reached) -> Upstream:  # noqa: A002
    """Connects nothing yet: servers are opened by their first call or listing. Close it before `tasks`."""
    match config:
        case McpHttp():
            return McpHttpUpstream(id, config, clock, tasks, reached)
        case McpStdio():
            return McpStdioUpstream(id, config, clock, tasks, reached)
        case _:
            assert_never(config)
