"""The shape of `config.yaml`: frozen sections, unknown keys refused, one sentence per field.

Lives only here: names, types, defaults and bounds of what an operator can say. Must not know files, YAML or rooms.
`load.py` fills it; `app.py` hands each room its section; `schema.json` is published from it.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.wire.strict_json import canonical

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$"


def _duration(value: Any) -> Any:
    """`10s`, `250ms`, `5m`, `2h`, `1d` → timedelta; a bare number has no unit and is refused."""
    if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
        value = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta) and value > timedelta(0):
        return value
    raise ValueError("write a duration above zero with its unit: 250ms, 10s, 5m, 2h or 1d")


def duration(value: timedelta) -> str:
    """As the configuration spells durations: the largest unit that leaves a whole number."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value and not value % timedelta(seconds=size):
            return f"{value // timedelta(seconds=size)}{unit}"
    return f"{value / timedelta(milliseconds=1):.3f}".rstrip("0").rstrip(".") + "ms"


def _json(value: Any) -> Any:
    """YAML knows values that JSON does not, such as dates and .nan."""
    try:
        canonical(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"write a value that JSON has: {error}") from None
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["10s", "250ms"]}),
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*-]+/[A-Za-z0-9_./*-]+$")]
ToolIdText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*/[^*\s]+$")]
PublishedName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listen(_Section):
    """Where the two planes listen, and whom they answer."""

    agent: str = Field("127.0.0.1:8080", description="host:port of the agent plane")
    operator: str = Field("127.0.0.1:9090", description="host:port of the operator plane")
    hosts: tuple[str, ...] = Field((), description="further Host header values to accept on the agent plane")
    origins: tuple[str, ...] = Field((), description="Origin header values browsers may call from; none by default")


class State(_Section):
    """Where the gateway keeps what must survive."""

    dir: Path = Field(
        Path(".sallyport"), description="folder of ledger, journal, index and secrets; one process owns it"
    )
    store: Literal["sqlite"] = Field("sqlite", description="home of the ledger")
    secret_file: Path | None = Field(None, description="file with the secret key; default: made once in `dir`")


class ApiKey(_Section):
    """One API key, hashed."""

    id: Id
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$", description="`sallyport keys new` prints it")
    agent: Id
    user: str | None = None
    tenant: str = "default"
    expires: str | None = Field(None, description="RFC 3339 time after which the key proves nothing")


class Claims(_Section):
    """Which claims of a token say what."""

    user: str = "sub"
    agent: str = Field("act.sub", description="dotted path; falls back to client_id, then azp")
    tenant: str | None = None


class Issuer(_Section):
    """Whose JWTs are believed."""

    id: Id
    issuer: str
    audience: str
    jwks: str = Field(description="URL of the key set")
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    claims: Claims = Claims()
    agents: dict[str, Id] = Field(default_factory=dict, description="claim value → agent id, where they differ")
    roles_claim: str | None = None


class Anonymous(_Section):
    """The principal of callers without a credential; written down on purpose or not at all."""

    agent: Id
    user: str | None = None
    tenant: str = "default"


class Identity(_Section):
    """How callers are proven."""

    keys: tuple[ApiKey, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    anonymous: Anonymous | None = None


class OperatorToken(_Section):
    """One credential of the operator plane, hashed."""

    id: Id
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    roles: tuple[Literal["viewer", "operator"], ...] = ("viewer",)


class Operator(_Section):
    """Who may use the operator plane."""

    tokens: tuple[OperatorToken, ...] = ()


class ToolSettings(_Section):
    """What the operator says about one tool of an upstream."""

    effect: Literal["read", "idempotent", "mutating", "unset"] = "unset"
    derived: Literal["on", "in_flight_only", "off"] = Field("on", description="deduplication of calls without a key")
    timeout: Duration | None = None


class _UpstreamCommon(_Section):
    prefix: str | None = Field(None, pattern=r"^([a-z][a-z0-9-]*)?$", description="of published names; default: the id")
    timeout: Duration = Field(timedelta(seconds=10), description="longest wait for one answer")
    max_in_flight: int = Field(32, ge=1, le=10_000)
    queue: int = Field(64, ge=0, le=10_000, description="calls that may wait for a slot")
    max_result: int = Field(4 * 1024 * 1024, ge=1024, description="bytes of one answer")
    refresh: Duration = Field(timedelta(seconds=60), description="how often the tool list is read again")
    trust_annotations: bool = Field(False, description="believe the upstream's readOnlyHint and idempotentHint")
    tools: dict[str, ToolSettings] = Field(default_factory=dict, description="tool name or glob → what it does")


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


UpstreamConfig = Annotated[McpHttp | McpStdio, Field(discriminator="kind")]


class ArgumentOverride(_Section):
    """One argument as this agent gets it: fixed arguments are injected and hidden from the schema."""

    fixed: Annotated[Any, AfterValidator(_json)] = None
    hidden: bool = Field(False, description="removed from the schema and refused when sent")


class ToolOverride(_Section):
    """How one tool looks to one agent."""

    name: PublishedName | None = None
    description: str | None = None
    args: dict[str, ArgumentOverride] = Field(default_factory=dict)


class Agent(_Section):
    """One agent: the tools it can see, and how they look."""

    owner: str | None = None
    tools: tuple[Glob, ...] = Field(description="canonical ids or globs, `!` is not supported; order does not matter")
    override: dict[ToolIdText, ToolOverride] = Field(default_factory=dict)


class Policy(_Section):
    """Where Casbin's files are."""

    model: Path = Path("policies/model.conf")
    rows: Path = Path("policies/policy.csv")
    conditions: Path | None = Path("policies/conditions.yaml")


class Budget(_Section):
    """At most `limit` calls per `window` for each agent or each user."""

    scope: Literal["agent", "user"]
    unit: Literal["calls"] = "calls"
    window: Literal["minute", "hour", "day"]
    limit: int = Field(ge=1)


class Loops(_Section):
    """The cap on identical repeated calls."""

    repeats: int = Field(5, ge=2, description="identical calls within `window` before the brake acts")
    window: Duration = timedelta(minutes=15)
    reads: Literal["hint", "refuse"] = Field("hint", description="what happens to reads and tools of unset effect")


class Sanitize(_Section):
    """Limits of what an upstream may send."""

    max_text: int = Field(1024 * 1024, ge=256, description="characters of one text")
    max_nodes: int = Field(100_000, ge=10)
    max_depth: int = Field(64, ge=4)
    max_media: int = Field(
        4 * 1024 * 1024, ge=1024, description="characters of one image, sound or blob, in base64 as it travels"
    )


class Audit(_Section):
    """The journal."""

    segment_bytes: int = Field(64 * 1024 * 1024, ge=4096)
    reads_when_unwritable: Literal["serve", "refuse"] = "serve"


class Telemetry(_Section):
    """What is emitted beside the journal."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Config(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="SALLYPORT_", env_nested_delimiter="__")

    version: Literal[1]
    listen: Listen = Listen()
    state: State = State()
    identity: Identity = Identity()
    operator: Operator = Operator()
    upstreams: dict[Id, UpstreamConfig] = Field(default_factory=dict)
    agents: dict[Id, Agent] = Field(default_factory=dict)
    policy: Policy = Policy()
    budgets: tuple[Budget, ...] = ()
    loops: Loops | Literal["off"] = Loops()
    sanitize: Sanitize = Sanitize()
    audit: Audit = Audit()
    telemetry: Telemetry = Telemetry()
