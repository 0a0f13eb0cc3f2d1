"""One tool call on its way to an upstream.

Lives only here: what crosses from the road to the upstream leg. Must not know transports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.model.tool import Tool


@dataclass(frozen=True, slots=True)
class Outbound:
    """One tool call toward an upstream."""

    tool: Tool
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any] = field(default_factory=dict)
    """`_meta` members of ours: traceparent, tracestate, io.sallyport/idempotency-key."""
    idempotency_key: str | None = None
    """Sent as the `Idempotency-Key` header where the upstream is HTTP."""
    attempt: int = 0
    """How often this call was sent before, by us or by a gateway before us; above 0 on arrival means: do not retry."""
