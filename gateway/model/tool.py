"""A tool as the house knows it: canonical id, effect, the upstream's own definition.

Lives only here: what a tool is, and the four effects. Must not know who may see it (catalog) or do it (policy).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from gateway.model.terms import PLAIN, Terms

ToolId = str
"""Canonical id `upstream/tool`; the only name policy, ledger, audit and people use."""

ToolKind = Literal["tool", "prompt", "resource", "completion"]
"""A prompt, a resource or a completion walks the road like a declared read; `name` is its name or URI upstream."""
BesideKind = Literal["prompts", "resources", "templates"]
ListKind = Literal["tools"] | BesideKind
Derived = Literal["on", "in_flight_only", "off"]


class Effect(StrEnum):
    """What a call of the tool does to the world; from configuration, never from the upstream's own hints."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    MUTATING = "mutating"
    UNSET = "unset"
    """Nobody said: mutating where a mistake is dangerous, a read where deduplication would serve a stale answer."""

    @property
    def leaves_traces(self) -> bool:
        """Whether the call passes the ledger: everything but a declared read."""
        return self is not Effect.READ


@dataclass(frozen=True, slots=True)
class Fallback:
    """What is served when a read's upstream fails, tried in this order; only `ask` applies to other tools."""

    tool: ToolId | None = None
    """Another read with the same arguments, permitted like any call."""
    stale_s: float | None = None
    """The last good result of the same call, no older than this, marked as stale."""
    ask: str | None = None
    """Whom to ask instead: added to the refusal."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of one upstream, after configuration was laid over the upstream's definition."""

    id: ToolId
    upstream: str
    name: str
    """The upstream's own name for it."""
    definition: Mapping[str, Any]
    """The upstream's `tools/list` entry, raw: unknown fields survive."""
    digest: str
    """SHA-256 (hex) of the definition in canonical form."""
    effect: Effect = Effect.UNSET
    derived: Derived = "on"
    """How far calls without an explicit key are deduplicated; `unset` tools never go past in-flight and undelivered."""
    timeout_s: float = 10.0
    kind: ToolKind = "tool"
    fallback: Fallback = Fallback()
    terms: Terms = PLAIN

    @property
    def label(self) -> str:
        """What sentences call it: the canonical id, but for a URI, which is the caller's own word and may hold a secret."""
        return f"a resource of {self.upstream}" if self.kind == "resource" else self.id


@dataclass(frozen=True, slots=True)
class ResolvedCall:
    """What leaves the catalog: the one truth about a call for policy, ledger, upstream and record."""

    tool: Tool
    published_name: str
    arguments: Mapping[str, Any]
    """Final arguments: ours stripped, fixed ones injected, validated against the upstream's schema."""
    occurrence: int = 1
    """`x_occurrence`: 1 unless the model says it deliberately repeats an identical action."""
    repeatable: bool = False
    """Whether the model was offered `x_occurrence`."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a server offers beside tools, as listed: raw entries."""

    prompts: Sequence[Mapping[str, Any]] = ()
    resources: Sequence[Mapping[str, Any]] = ()
    templates: Sequence[Mapping[str, Any]] = ()
