"""The seams of the catalog: what an agent's curation lets it see, of tools and of what stands beside them.

Lives only here: these Protocols, a page of their own beside `ports.py`. Imports nothing of ours but `model`. Must not know
configuration, listings or policy. Implemented by the catalog, walked through by the road.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from gateway.model.call import Asked
from gateway.model.tool import Beside, BesideKind, ResolvedCall, ToolId


class View(Protocol):
    """The tools one principal can see: its agent's curation ∩ what policy might permit. Immutable."""

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Published definitions (cleaned, renamed, hidden arguments removed), in a stable order."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the published definitions; with `len(tools)` it says what the agent could see."""

    def resolve(self, name: str, arguments: Mapping[str, Any]) -> ResolvedCall:
        """Raises Refused: unknown-tool (absent or hidden, the same words), invalid-arguments."""

    def name_of(self, tool: ToolId) -> str | None:
        """The published name of a canonical id; None when this view does not show it."""

    def published_schema(self, name: str) -> Mapping[str, Any] | None:
        """The inputSchema as published, for header checks; None when there is no such tool in this view."""


class Shelf(Protocol):
    """What an agent's curation lets through beside tools, before policy: prompts, resources, templates. Immutable."""

    def ids(self, kind: BesideKind) -> frozenset[ToolId]:
        """Canonical ids `upstream/<name, URI or template>`."""

    def published(self, kind: BesideKind, visible: frozenset[ToolId]) -> Sequence[Mapping[str, Any]]:
        """Published entries of those that are visible, in a stable order."""

    def digest(self, kind: BesideKind, visible: frozenset[ToolId]) -> str:
        """SHA-256 (hex) over these entries; with their number it says what the agent could see."""

    def find(self, asked: Asked, sees: Callable[[ToolId], bool]) -> ResolvedCall:
        """What prompts/get, resources/read or completion/complete is about, if `sees` says that policy may permit it.

        Raises Refused: unknown-prompt, unknown-resource (absent or hidden, the same words), invalid-arguments.
        """


class Catalog(Protocol):
    """Curated tools per agent."""

    @property
    def version(self) -> int:
        """Grows with every change of configuration or of an upstream's list."""

    def ids(self, agent: str) -> frozenset[ToolId]:
        """Canonical ids that the agent's curation lets through, before policy."""

    def view(self, agent: str, visible: frozenset[ToolId]) -> View:
        """The view of an agent restricted to `visible`."""

    def learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> bool:
        """Replaces what is known of an upstream's tools; whether that changed."""

    def shelf(self, agent: str) -> Shelf:
        """What the agent's curation lets through beside tools."""

    def learn_beside(self, upstream: str, beside: Beside) -> frozenset[BesideKind]:
        """Replaces what is known of an upstream's prompts, resources and templates; the kinds that changed."""
