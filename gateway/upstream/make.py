"""From a section of the configuration to an upstream.

Lives only here: which class stands behind which `kind`. Must not know how any of them works. Called by `app.py`.
"""

from pathlib import Path
from typing import assert_never

from gateway.config.upstreams import McpHttp, McpStdio, OpenApi, UpstreamConfig
from gateway.ports import Clock, Reached, Upstream
from gateway.tasks import Tasks
from gateway.upstream.http import McpHttpUpstream
from gateway.upstream.openapi import OpenApiUpstream
from gateway.upstream.openapi_match import HttpRoutes
from gateway.upstream.stdio import McpStdioUpstream


def make_upstream(
    id: str,  # noqa: A002
    config: UpstreamConfig,
    clock: Clock,
    tasks: Tasks,
    reached: Reached,
    base: Path = Path(),
    routes: HttpRoutes | None = None,
    *,
    shared: bool = False,
) -> Upstream:
    """Connects nothing yet: servers are opened by their first call or listing. Close it before `tasks`.

    `base` is the folder of the configuration; plain HTTP services tell `routes` where their operations are.
    `shared`: more than one agent may use it.
    """
    match config:
        case McpHttp():
            return McpHttpUpstream(id, config, clock, tasks, reached, shared=shared)
        case McpStdio():
            return McpStdioUpstream(id, config, clock, tasks, reached, shared=shared)
        case OpenApi():
            known = HttpRoutes() if routes is None else routes
            return OpenApiUpstream(id, config, clock, reached, base, known, shared=shared)
        case _:
            assert_never(config)
