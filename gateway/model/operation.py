"""Plain HTTP tools as the HTTP plane finds them: from method and path to a tool and its arguments.

Lives only here: the seam between the listener, which has a request, and the upstream leg, which knows the OpenAPI documents.
Must not know either.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.model.tool import ToolId


class HttpOperation(Protocol):
    """One operation of a plain HTTP service, as the HTTP plane sees it."""

    @property
    def tool(self) -> ToolId: ...

    def arguments(self, query: str, headers: Mapping[str, str], body: Any) -> Mapping[str, Any]:
        """The tool's arguments from path, query (raw), headers (lower case) and parsed JSON body (None: no body).

        Raises Refused: invalid-arguments.
        """


class HttpTools(Protocol):
    """The operations of every plain HTTP upstream (`kind: openapi`)."""

    def serves(self, upstream: str) -> bool:
        """Whether there is such an upstream, listed or not."""

    def match(self, upstream: str, method: str, path: str) -> HttpOperation | None:
        """The operation behind a method and a raw path (percent-encoded, with its leading slash)."""
