"""The words of the MCP and GenAI conventions of OpenTelemetry that spans and metrics share.

Lives only here: which entry stands for which method, and what kind of error an ending is. Must not know the SDK or
Prometheus. Read by `metrics` and `finished`.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.outcome import AuditOutcome

METHODS: Final[Mapping[str, str]] = {"call": "tools/call", "list": "tools/list"}
"""Kind of an entry → `mcp.method.name`, where the entry names no other one of `BESIDE`."""
BESIDE: Final = frozenset(
    {
        "prompts/get", "prompts/list", "resources/read", "resources/list", "resources/templates/list",
        "completion/complete",
    }
)  # fmt: skip
TOOL_ERROR: Final = "tool_error"
OTHER: Final = "_OTHER"
"""`error.type` of what has no name in a closed set: error codes are the upstream's own words."""
DURATION_BUCKETS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds, as the conventions want them."""


def method_of(facts: Mapping[str, Any]) -> str | None:
    """`mcp.method.name`; None for what is neither a call nor a list."""
    said = facts.get("method")
    return said if said in BESIDE else METHODS.get(facts["kind"])


def target_of(facts: Mapping[str, Any]) -> str | None:
    """What a call is counted under: the tool or prompt; of a resource its upstream, for callers make up URIs."""
    return facts.get("tool") if method_of(facts) in {"tools/call", "prompts/get"} else facts.get("upstream")


def error_type(facts: Mapping[str, Any]) -> str | None:
    """`error.type` out of a closed set: a reason of the refusal table, or what the tool said of itself; None: no error."""
    if (reason := facts.get("reason")) is not None:
        return str(reason)
    match facts["outcome"]:
        case AuditOutcome.ANSWERED_ERROR:
            return TOOL_ERROR if "code" not in facts else OTHER
        case AuditOutcome.REPLAYED if facts.get("result", {}).get("is_error"):
            return TOOL_ERROR
        case _:
            return None
