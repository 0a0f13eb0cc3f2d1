"""A request as asked and a reply as given, between listener and road.

Lives only here: the facts a listener extracts from bytes, and what it gets back to render. Must not know HTTP or SSE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.model.dialogue import SILENT, Dialogue
from gateway.model.trace import Trace

Method = Literal["tools/call", "prompts/get", "resources/read", "completion/complete"]
LONGEST_S: Final = 900.0
"""No call outlives this, whatever configuration, caller and upstream say."""
Era = Literal["modern", "legacy"]
"""Modern is MCP 2026-07-28 (stateless); legacy is 2025-11-25 and older (sessions)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a request before a byte of its body is read."""

    call_id: str
    """UUIDv7 text; the id of the record, told to the agent."""
    credential: str | None
    """The bearer credential, without its scheme; None when absent. Never logged or stored."""
    endpoint_agent: str | None
    """`{agent}` of `/agents/{agent}/mcp`; None on `/mcp`."""
    peer: str = ""
    """Address of the peer, for the record."""
    assertion: str | None = None
    """The `Sallyport-User` header as sent: a trusted peer's signed word on who its user is. Never logged or stored."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the agent made it, before the catalog has looked at it."""

    name: str
    """Published name of a tool or prompt, or the URI of a resource; of a completion, that of its `ref`."""
    arguments: Mapping[str, Any]
    """Of a tool or prompt; of a completion its whole params; empty for a resource."""
    era: Era
    version: str
    """Negotiated MCP version."""
    key: str | None = None
    """Explicit idempotency key: `Idempotency-Key` header or `_meta`, already agreed and syntax-checked."""
    key_source: Literal["header", "meta"] | None = None
    call_ref: str | None = None
    """The client's own id for one call of its model (`idempotency.call_ids`): the same when it sends the call again."""
    trace: Trace = field(default_factory=Trace.begun)
    attempt: int = 0
    """`_meta["io.sallyport/attempt"]`: above 0 a gateway before us retries already, so we do not."""
    deadline_ms: int | None = None
    """The client's own wish, from `_meta["io.sallyport/deadline-ms"]`; only ever shortens."""
    run_label: str | None = None
    """Bare `_meta["io.sallyport/run"]`: labels the record, proves nothing."""
    method: Method = "tools/call"
    dialogue: Dialogue = SILENT
    request_state: str | None = None
    """The upstream's own `requestState` of the round before, out of our seal (2026-07-28, MRTR)."""
    input_responses: Mapping[str, Any] | None = None
    """Answers to what the round before asked for, by its keys."""
    round: int = 0
    """How many rounds came before this one, by our own seal. Every round that asks hands one out, so answers without it make
    no second round: they would be a second execution under the same key."""
    awaits: str | None = None
    """Record (hex) of the call that this request comes back to wait for, by our own seal: it joins it or it ends."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the road gives back for a call that reached an answer: an MCP result object ready to be encoded."""

    result: Mapping[str, Any]
    """Cleaned result, unknown fields kept, `_meta` completed; in the form of the upstream's era."""
    delivered: Any = None
    """Called by the listener once the last byte went to a live client (None: nobody waits for it)."""


@dataclass(frozen=True, slots=True)
class ReplyError:
    """The upstream answered with a JSON-RPC error that counts as an answer: relayed, cleaned."""

    code: int
    message: str
    data: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    delivered: Any = None
