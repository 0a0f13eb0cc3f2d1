"""The head of a request, read once from the server's raw bytes into one small frozen value.

Lives only here: which headers the agent plane looks at at all, how their bytes become text, and which stand there twice.
Must not know whether any of it is acceptable: `door` and the conversations judge. Called by `plane` for every request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.wire import headers

_SINGLE: Final = {
    name.encode(): name
    for name in (
        "host",
        "origin",
        "accept",
        "last-event-id",
        "authorization",
        "content-type",
        "content-encoding",
        "content-length",
        "idempotency-key",
        "sallyport-user",
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
    """Decoded."""
    target: str
    """The path as sent, percent-encoded; empty where a server does not tell."""
    query: str
    """As sent, without its question mark."""
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
    """Bytes of path, query and all names and values."""
    lines: Sequence[tuple[bytes, bytes]]
    """Every header as it came, names in lower case: only a plain HTTP service gives names a meaning nobody knows here."""

    def get(self, name: str) -> str | None:
        """The value of a header of `fields`."""
        return self.fields.get(name)

    @property
    def takes_events(self) -> bool:
        """Whether `Accept` names event streams; a client that names nothing gets none."""
        return "text/event-stream" in self.fields.get("accept", "").lower()

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
    raw: Sequence[tuple[bytes, bytes]] = scope["headers"]
    target: bytes = scope.get("raw_path") or b""
    query: bytes = scope.get("query_string", b"")
    fields: dict[str, str] = {}
    repeated: set[str] = set()
    count, size = 0, len(target) + len(query)
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
        target.decode("latin-1"),
        query.decode("latin-1"),
        scope.get("scheme", "http"),
        client[0] if client else "",
        fields,
        frozenset(repeated),
        mcp,
        fault,
        count,
        size,
        raw,
    )
