"""One request on its way to an upstream.

Lives only here: what crosses from the road to the upstream leg. Must not know transports.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from gateway.model.call import Method
from gateway.model.dialogue import SILENT, Dialogue
from gateway.model.tool import Tool


@dataclass(frozen=True, slots=True)
class Outbound:
    """One request toward an upstream. Prompts and resources travel as tools of their `kind`."""

    tool: Tool
    arguments: Mapping[str, Any]
    """Of a tool or prompt; of a completion its whole params in the upstream's own names; empty for a resource."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """`_meta` members of ours: traceparent, tracestate, io.sallyport/idempotency-key."""
    idempotency_key: str | None = None
    """Sent as the `Idempotency-Key` header where the upstream is HTTP."""
    attempt: int = 0
    """How often this call was sent before, by us or by a gateway before us; above 0 on arrival means: do not retry."""
    method: Method = "tools/call"
    dialogue: Dialogue = SILENT
    """What passes through is cleaned already, both ways."""
    request_state: str | None = None
    input_responses: Mapping[str, Any] | None = None
    owner: str = ""
    """Whose call it is, opaque: sessions in which a server may ask are never shared between owners."""
    agent: str = ""
    """Whose share of the upstream's slots it uses."""
    still: Callable[[], None] = lambda: None
    """Asked before it is sent once more. Raises Refused where the kill switch would not let it depart now."""

    @property
    def params(self) -> dict[str, Any]:
        """Members of the request's `params`, without `_meta`."""
        match self.method:
            case "tools/call" | "prompts/get":
                members: dict[str, Any] = {"name": self.tool.name, "arguments": self.arguments}
            case "resources/read":
                members = {"uri": self.tool.name}
            case "completion/complete":
                members = dict(self.arguments)
            case _:
                assert_never(self.method)
        if self.request_state is not None:
            members["requestState"] = self.request_state
        if self.input_responses is not None:
            members["inputResponses"] = self.input_responses
        return members
