"""The shape of `upstreams` in `config.yaml`: the servers behind us, and what the operator says of their tools.

Lives only here: names, types, defaults and bounds. Must not know how any upstream works. Part of `schema.Config`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator

from gateway.config.expressions import Accept, Found, Template
from gateway.config.idempotency import Kept
from gateway.config.values import Amount, Duration, Section, ToolIdText

ResultPath = Annotated[str, StringConstraints(pattern=r"^result(\.[A-Za-z0-9_-]+)+$", max_length=200)]
ArgumentPath = Annotated[str, StringConstraints(pattern=r"^args(\.[A-Za-z0-9_-]+)+$", max_length=200)]


class FallbackSettings(Section):
    """What is served when a read's upstream fails, tried in this order."""

    tool: ToolIdText | None = Field(
        None, description="another read, called with the same arguments; policy decides on it"
    )
    stale: Duration | None = Field(
        None, description="the last good result of the same call, no older than this, marked"
    )
    ask: str | None = Field(None, max_length=200, description="whom to ask instead; added to the refusal of any tool")


class ProbeSettings(Section):
    """A declared read that tells whether a call was carried out."""

    tool: ToolIdText
    args: dict[str, Template] = Field(default_factory=dict, description="argument → CEL over `args` and `key`")
    found: Found = Field(description="CEL over `result`, `args` and `key`: it was carried out")
    settles: Duration = Field(
        timedelta(seconds=30),
        description="for how long after the last moment of a send a probe that finds nothing proves nothing",
    )


class PriceSettings(Section):
    """What one call costs: exactly one of `fixed`, `argument` and `result`."""

    fixed: Amount | None = Field(None, ge=0, le=10**9, decimal_places=6)
    argument: ArgumentPath | None = Field(
        None, description="dotted path to the amount in the arguments: args.amount; a number, or a decimal in a string"
    )
    result: ResultPath | None = Field(
        None, description="dotted path to the amount in the result: result.structuredContent.price"
    )
    at_most: Amount | None = Field(
        None, ge=0, le=10**9, decimal_places=6, description="reserved until the result tells the price"
    )

    @model_validator(mode="after")
    def _one(self) -> "PriceSettings":
        if sum(one is not None for one in (self.fixed, self.argument, self.result)) != 1:
            raise ValueError("give a price exactly one of `fixed`, `argument` and `result`")
        if (self.result is None) != (self.at_most is None):
            raise ValueError("a price that the result tells needs `at_most`, and no other price has it")
        return self


class ToolSettings(Section):
    """What the operator says about one tool of an upstream."""

    effect: Literal["read", "idempotent", "mutating", "unset"] = "unset"
    derived: Literal["on", "in_flight_only", "off"] = Field("on", description="deduplication of calls without a key")
    key: Literal["optional", "required"] = Field("optional", description="whether a call must bring an idempotency key")
    once: tuple[ArgumentPath, ...] = Field(
        (), description="business key: carried out once per tenant for these arguments"
    )
    delivered: Kept | None = Field(None, description="how long an answer that arrived guards against the same call; 2m")
    undelivered: Kept | None = Field(None, description="the same for an answer that did not arrive; 24h")
    on_in_doubt: Literal["block", "forward_key", "resend", "probe"] = Field(
        "block", description="what the next same call does when nobody knows whether the last one was carried out"
    )
    dedupes: Duration | None = Field(None, description="how long the upstream itself recognises a forwarded key")
    probe: ProbeSettings | None = None
    verify: bool = Field(False, description="let the probe look after every success and record what it saw")
    accept: Accept | None = Field(None, description="CEL over `result` and `args` that a good answer fulfils")
    on_disconnect: Literal["detach", "cancel"] = Field(
        "detach", description="what becomes of a call that was sent when its caller goes away"
    )
    price: PriceSettings | None = None
    at_most_bytes: int | None = Field(
        None, ge=1, description="its largest answer, reserved from budgets of bytes and tokens"
    )
    poll: Duration | None = Field(None, description="it is made to be polled, no more often than this")
    volatile: tuple[str, ...] = Field((), description="arguments whose change makes no other call, for loop detection")
    timeout: Duration | None = None
    fallback: FallbackSettings = FallbackSettings()

    @model_validator(mode="after")
    def _fits(self) -> "ToolSettings":
        if (self.on_in_doubt == "probe" or self.verify) and self.probe is None:
            raise ValueError("`on_in_doubt: probe` and `verify` need a `probe`")
        if (self.on_in_doubt == "forward_key") != (self.dedupes is not None):
            raise ValueError("`on_in_doubt: forward_key` needs `dedupes`, and nothing else has it")
        if self.on_in_doubt == "resend" and self.effect != "idempotent":
            raise ValueError("`on_in_doubt: resend` is for `effect: idempotent` only: a second time must do no harm")
        if self.effect == "read" and (self.once or self.key == "required" or self.on_in_doubt != "block"):
            raise ValueError("a read has no key: leave out `once`, `key` and `on_in_doubt`")
        if self.effect == "read" and self.verify:
            raise ValueError("a read leaves nothing that a probe could look for: leave out `verify`")
        return self


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
