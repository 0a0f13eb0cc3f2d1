"""The shape of `upstreams` in `config.yaml`: the servers behind us, and what the operator says of their tools.

Lives only here: names, types, defaults and bounds. Must not know how any upstream works. Part of `schema.Config`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gateway.config.values import Duration, Section, ToolIdText


class FallbackSettings(Section):
    """What is served when a read's upstream fails, tried in this order."""

    tool: ToolIdText | None = Field(
        None, description="another read, called with the same arguments; policy decides on it"
    )
    stale: Duration | None = Field(
        None, description="the last good result of the same call, no older than this, marked"
    )
    ask: str | None = Field(None, max_length=200, description="whom to ask instead; added to the refusal of any tool")


class ToolSettings(Section):
    """What the operator says about one tool of an upstream."""

    effect: Literal["read", "idempotent", "mutating", "unset"] = "unset"
    derived: Literal["on", "in_flight_only", "off"] = Field("on", description="deduplication of calls without a key")
    timeout: Duration | None = None
    fallback: FallbackSettings = FallbackSettings()


class Retries(Section):
    """Sending again what is safe to send again: reads, idempotent tools, and whatever was proven unsent."""

    most: int = Field(2, ge=0, le=5, description="further sends of one call; 0: never")
    budget: float = Field(0.2, ge=0, le=1, description="retries as a share of the calls of the last 10 s")
    floor: int = Field(3, ge=0, le=100, description="retries per second that are always allowed")


class Breaker(Section):
    """When to stop asking an upstream that fails."""

    failures: float = Field(0.5, gt=0, le=1, description="share of failed answers in `window` that opens it")
    calls: int = Field(20, ge=1, description="fewest calls in `window` to judge by")
    window: Duration = timedelta(seconds=30)
    connects: int = Field(5, ge=1, description="failed connections in a row that open it")
    open: Duration = Field(timedelta(seconds=10), description="first pause; doubles up to 5m, with jitter")


class _UpstreamCommon(Section):
    prefix: str | None = Field(None, pattern=r"^([a-z][a-z0-9-]*)?$", description="of published names; default: the id")
    timeout: Duration = Field(timedelta(seconds=10), description="longest wait for one answer")
    max_in_flight: int = Field(32, ge=1, le=10_000)
    queue: int = Field(64, ge=0, le=10_000, description="calls that may wait for a slot")
    max_result: int = Field(4 * 1024 * 1024, ge=1024, description="bytes of one answer")
    refresh: Duration = Field(timedelta(seconds=60), description="how often the tool list is read again")
    trust_annotations: bool = Field(False, description="believe the upstream's readOnlyHint and idempotentHint")
    tools: dict[str, ToolSettings] = Field(default_factory=dict, description="tool name or glob → what it does")
    retries: Retries = Retries()
    breaker: Breaker | Literal["off"] = Breaker()
    trust_status: tuple[Literal[404, 502, 503, 504], ...] = Field(
        (), description="HTTP statuses of this server that prove a call was not carried out"
    )


class McpHttp(_UpstreamCommon):
    """An MCP server over Streamable HTTP."""

    kind: Literal["mcp-http"]
    url: str = Field(pattern=r"^https?://")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="static credentials; use ${env:NAME}")
    era: Literal["auto", "modern", "legacy"] = "auto"


class McpStdio(_UpstreamCommon):
    """An MCP server as a child process."""

    kind: Literal["mcp-stdio"]
    command: str
    args: tuple[str, ...] = ()
    env: dict[str, SecretStr] = Field(default_factory=dict, description="its whole environment beside PATH and HOME")
    cwd: Path | None = None
    era: Literal["auto", "modern", "legacy"] = "auto"


class OpenApi(_UpstreamCommon):
    """A plain HTTP service, described by an OpenAPI 3.0 or 3.1 document."""

    kind: Literal["openapi"]
    url: str = Field(pattern=r"^https?://", description="base URL every path is appended to")
    document: str = Field(description="the document: a file beside config.yaml, or an http(s) URL; JSON or YAML")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="static credentials; use ${env:NAME}")
    pass_types: tuple[str, ...] = Field(
        ("text/plain", "text/csv", "text/markdown"), description="content types beside JSON that may come back"
    )


UpstreamConfig = Annotated[McpHttp | McpStdio | OpenApi, Field(discriminator="kind")]
