"""The head of a request, read once from the server's raw bytes into one small frozen value.

Lives only here: which headers the agent plane looks at at all, how their bytes become text, and which stand there twice.
Must not know whether any of it is acceptable: `door` and the conversations judge. Called by `plane` for every request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.wire import headers

_SINGLE: Final = {
    name.encode(): name
    for name in (
        "host",
        "origin",
        "authorization",
        "content-type",
        "content-encoding",
        "content-length",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "x-request-timeout",
    )
}
"""Headers of which one copy means something; every other header is counted and ignored."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says before its body."""

    method: str
    path: str
    scheme: str
    peer: str
    fields: Mapping[str, str]
    """Values by lower-case name, outer whitespace stripped (httptools leaves it on)."""
    repeated: frozenset[str]
    """Names of `fields` that stand there more than once: two readers would pick different ones."""
    mcp: Mapping[str, str]
    """`Mcp-*` headers by lower-case name; empty when `mcp_fault` says why."""
    mcp_fault: str | None
    count: int
    size: int
    """Bytes of all names and values."""

    def get(self, name: str) -> str | None:
        """The value of a header of `fields`."""
        return self.fields.get(name)

    @property
    def session(self) -> str | None:
        """`Mcp-Session-Id`."""
        return self.mcp.get(headers.SESSION)

    @property
    def version(self) -> str | None:
        """`MCP-Protocol-Version`."""
        return self.mcp.get(headers.VERSION)


def read(scope: Mapping[str, Any]) -> Head:
    """Reads an ASGI HTTP scope."""
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    fields: dict[str, str] = {}
    repeated: set[str] = set()
    count = size = 0
    for name, value in raw:
        count += 1
        size += len(name) + len(value)
        if (key := _SINGLE.get(name)) is not None:
            if key in fields:
                repeated.add(key)
            fields[key] = value.strip(b" \t").decode("latin-1")
    mcp: Mapping[str, str] = {}
    fault = None
    try:
        mcp = headers.collect(raw)
    except headers.MalformedHeader as error:
        fault = str(error)
    client = scope.get("client")
    return Head(
        scope["method"],
        scope["path"],
        scope.get("scheme", "http"),
        client[0] if client else "",
        fields,
        frozenset(repeated),
        mcp,
        fault,
        count,
        size,
    )
