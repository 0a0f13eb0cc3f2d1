"""The shape of `config.yaml`: frozen sections, unknown keys refused, one sentence per field.

Lives only here: names, types, defaults and bounds of what an operator can say; `upstreams.py` and `values.py` are parts of
it. Must not know files, YAML or rooms. `load.py` fills it; `app.py` hands each room its section; `schema.json` is
published from it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.config.budgets import Budget
from gateway.config.idempotency import Idempotency
from gateway.config.loops import Loops
from gateway.config.shedding import Shedding
from gateway.config.stops import KillSwitch, Trip
from gateway.config.upstreams import UpstreamConfig
from gateway.config.values import (
    Duration,
    Glob,
    Id,
    PublishedName,
    Section,
    ToolIdText,
    UriGlob,
    json_value,
    store_home,
)


class Listen(Section):
    """Where the two planes listen, and whom they answer."""

    agent: str = Field("127.0.0.1:8080", description="host:port of the agent plane")
    operator: str = Field("127.0.0.1:9090", description="host:port of the operator plane")
    hosts: tuple[str, ...] = Field((), description="further Host header values to accept on the agent plane")
    origins: tuple[str, ...] = Field((), description="Origin header values browsers may call from; none by default")


RedisUrl = Annotated[str, StringConstraints(pattern=r"^rediss?://\S+$")]


class State(Section):
    """Where the gateway keeps what must survive."""

    dir: Path = Field(
        Path(".sallyport"), description="folder of ledger, journal, index and secrets; one process owns it"
    )
    store: Annotated[Literal["sqlite"] | RedisUrl, BeforeValidator(store_home)] = Field(
        "sqlite",
        description="home of ledger, approvals and kill switch: `sqlite`, or redis://… shared by several gateways",
    )
    secret_file: Path | None = Field(
        None,
        description="file with the secret key; default: made once in `dir`. With Redis one file shared by all gateways",
    )
    ephemeral: bool = Field(
        False,
        description="`dir` does not outlive the pod: records and readyz say that a call may repeat after a reschedule",
    )
    assume_noeviction: bool = Field(False, description="the Redis server hides CONFIG; you vouch for noeviction")

    @model_validator(mode="after")
    def _shared_secret(self) -> "State":
        if self.store != "sqlite" and self.secret_file is None:
            raise ValueError("with Redis, state.secret_file must name the one secret that all gateways share")
        return self


class ApiKey(Section):
    """One API key, hashed."""

    id: Id
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$", description="`sallyport keys new` prints it")
    agent: Id
    user: str | None = None
    tenant: str = "default"
    expires: str | None = Field(None, description="RFC 3339 time after which the key proves nothing")


class Claims(Section):
    """Which claims of a token say what."""

    user: str = "sub"
    agent: str = Field("act.sub", description="dotted path; falls back to client_id, then azp")
    tenant: str | None = None
    run: str = Field("run", description="the run this caller works in; a token without it proves none")


class Issuer(Section):
    """Whose JWTs are believed."""

    id: Id
    issuer: str
    audience: str
    jwks: str = Field(description="URL of the key set")
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    claims: Claims = Claims()
    agents: dict[str, Id] = Field(default_factory=dict, description="claim value → agent id, where they differ")
    roles_claim: str | None = None


class Peer(Section):
    """An agent runtime that serves many users, and says in a signed header for whom it acts."""

    id: Id
    jwks: str | None = Field(None, description="URL of its key set")
    keys: Path | None = Field(None, description="file with its key set (JWKS), beside config.yaml")
    audience: str = Field("sallyport", description="the `aud` its assertions carry")
    agents: tuple[Id, ...] = Field(description="agents it may act as; its own credential proves which")
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    max_age: Duration = Field(timedelta(seconds=60), description="longest life of one assertion")

    @model_validator(mode="after")
    def _one_source(self) -> "Peer":
        if (self.jwks is None) == (self.keys is None):
            raise ValueError("give a peer either `jwks` or `keys`")
        return self


class Anonymous(Section):
    """The principal of callers without a credential; written down on purpose or not at all."""

    agent: Id
    user: str | None = None
    tenant: str = "default"


class Identity(Section):
    """How callers are proven."""

    keys: tuple[ApiKey, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    peers: tuple[Peer, ...] = ()
    anonymous: Anonymous | None = None


class OperatorToken(Section):
    """One credential of the operator plane, hashed."""

    id: Id
    hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    roles: tuple[Literal["viewer", "operator"], ...] = ("viewer",)
    user: str | None = Field(None, description="who this is in policy, for `approve` rows; default: the id")


class Operator(Section):
    """Who may use the operator plane."""

    tokens: tuple[OperatorToken, ...] = ()


class ArgumentOverride(Section):
    """One argument as this agent gets it: fixed arguments are injected and hidden from the schema."""

    fixed: Annotated[Any, AfterValidator(json_value)] = None
    hidden: bool = Field(False, description="removed from the schema and refused when sent")


class ToolOverride(Section):
    """How one tool looks to one agent."""

    name: PublishedName | None = None
    description: str | None = None
    args: dict[str, ArgumentOverride] = Field(default_factory=dict)


class Agent(Section):
    """One agent: the tools it can see, and how they look; and what it can see beside tools."""

    owner: str | None = None
    tools: tuple[Glob, ...] = Field(
        description="canonical ids or globs; `*` stays between two `/`, `**` at the end takes any rest; order does not matter"
    )
    prompts: tuple[Glob, ...] = Field((), description="the same for prompts: `upstream/name`; none by default")
    resources: tuple[UriGlob, ...] = Field(
        (), description="the same for resources and their templates: `upstream/<URI>`, such as `wiki/file:///docs/**`"
    )
    override: dict[ToolIdText, ToolOverride] = Field(default_factory=dict)
    priority: Literal["interactive", "batch"] = Field(
        "interactive", description="a batch agent is shed first under load"
    )


class Policy(Section):
    """Where Casbin's files are."""

    model: Path = Path("policies/model.conf")
    rows: Path = Path("policies/policy.csv")
    conditions: Path | None = Path("policies/conditions.yaml")


class Approvals(Section):
    """How long a person may take over a call that policy wants approved."""

    hold: Duration = Field(timedelta(seconds=25), description="how long the agent is held before it is told `pending`")
    pending: Duration = Field(timedelta(minutes=15), description="silence for this long is a no")
    approved: Duration = Field(timedelta(minutes=10), description="a yes must be used within this time")


class Sanitize(Section):
    """Limits of what an upstream may send."""

    max_text: int = Field(1024 * 1024, ge=256, description="characters of one text")
    max_nodes: int = Field(100_000, ge=10)
    max_depth: int = Field(64, ge=4)
    max_media: int = Field(
        4 * 1024 * 1024, ge=1024, description="characters of one image, sound or blob, in base64 as it travels"
    )


class Audit(Section):
    """The journal."""

    segment_bytes: int = Field(64 * 1024 * 1024, ge=4096)
    reads_when_unwritable: Literal["serve", "refuse"] = "serve"


class Telemetry(Section):
    """What is emitted beside the journal."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    otlp: str | None = Field(
        None, pattern=r"^https?://", description="OTLP/HTTP endpoint; spans go to {otlp}/v1/traces. None: no spans"
    )
    otlp_headers: dict[str, SecretStr] = Field(default_factory=dict, description="of the exporter; use ${env:NAME}")
    sample: float = Field(1.0, ge=0, le=1, description="share of calls traced where the caller said nothing")
    service_name: str = "sallyport"


def _not_false(value: Any) -> Any:
    """A bare `off` is false to templating tools; and a `false` may be a slip of the pen."""
    if value is False:
        raise ValueError('write "off" in quotes, or a section: some tools read a bare off as false')
    return value


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
    approvals: Approvals = Approvals()
    idempotency: Idempotency = Idempotency()
    kill_switch: KillSwitch = KillSwitch()
    trips: tuple[Trip, ...] = ()
    shedding: Annotated[Shedding | Literal["off"], BeforeValidator(_not_false)] = Shedding()
    loops: Annotated[Loops | Literal["off"], BeforeValidator(_not_false)] = Loops()
    sanitize: Sanitize = Sanitize()
    audit: Audit = Audit()
    telemetry: Telemetry = Telemetry()
