"""The tools one principal can see, and the only way from a published name to a call.

Lives only here: the view handed to listener and road. Immutable; made once per agent and visible set. Must not know how
curation came about. Called for `tools/list`, `tools/call` and the header checks before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.catalog.names import shown
from gateway.catalog.offer import Offer
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ResolvedCall, ToolId
from gateway.wire import strict_json


@dataclass(frozen=True, slots=True)
class Unread:
    """What an agent may get from upstreams whose lists were not read since this process began."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Names that its operator gave → upstream."""
    beginnings: Mapping[str, str] = field(default_factory=dict)
    """How all other names begin → upstream."""

    def whose(self, name: str) -> str | None:
        """The upstream that may have a tool of this name; None when none may."""
        if (upstream := self.names.get(name)) is not None:
            return upstream
        fits = [begins for begins in self.beginnings if name.startswith(begins)]
        return self.beginnings[max(fits, key=len)] if fits else None


@dataclass(frozen=True, slots=True)
class CuratedView:
    """Implements sights.View."""

    tools: Sequence[Mapping[str, Any]]
    digest: str
    """Over the digests of the published definitions, in their order; each is `strict_json.digest` of one entry."""
    offers: Mapping[str, Offer]
    """By published name."""
    names: Mapping[ToolId, str]
    unread: Unread = Unread()

    def resolve(self, name: str, arguments: Mapping[str, Any]) -> ResolvedCall:
        """Raises Refused: unknown-tool (absent or hidden, the same words), upstream-unavailable, invalid-arguments."""
        if (offer := self.offers.get(name)) is None:
            raise self._unknown(name)
        return offer.resolve(arguments)

    def _unknown(self, name: str) -> Refused:
        """`never` is not said of a tool that may come back with its server: a call of it may be in doubt."""
        if (upstream := self.unread.whose(name)) is None:
            return Refused(Reason.UNKNOWN_TOOL, f"Unknown tool: {shown(name)}")
        return Refused(
            Reason.UPSTREAM_UNAVAILABLE,
            f"The tools of upstream {upstream} could not be read yet, so {shown(name)} is not known. Nothing was sent.",
        )

    def name_of(self, tool: ToolId) -> str | None:
        """The published name of a canonical id; None when this view does not show it."""
        return self.names.get(tool)

    def published_schema(self, name: str) -> Mapping[str, Any] | None:
        """The inputSchema as published; None when there is no such tool in this view."""
        offer = self.offers.get(name)
        return None if offer is None else offer.definition["inputSchema"]


def view_of(offers: Iterable[Offer], unread: Unread) -> CuratedView:
    """A view of these tools, ordered by published name."""
    ordered = sorted(offers, key=lambda offer: offer.name)
    return CuratedView(
        tools=tuple(offer.definition for offer in ordered),
        digest=strict_json.digest([offer.digest for offer in ordered]),
        offers={offer.name: offer for offer in ordered},
        names={offer.tool.id: offer.name for offer in ordered},
        unread=unread,
    )
