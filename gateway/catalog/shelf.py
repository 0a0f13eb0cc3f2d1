"""One agent's shelf: the prompts, resources and templates it gets, and the way from a name or URI to a call.

Lives only here: which upstream a URI belongs to. In order: the resource listed under exactly this URI; else the one
upstream with a template that covers it; else the one upstream the agent's patterns give it to. Two claimants are none:
an upstream must not draw another's reads to itself. Must not know users or policy: `sees` speaks for them. Immutable; made
by `shelves`, asked by the road.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.catalog.names import canonical, shown
from gateway.catalog.uris import expression, plain
from gateway.config.globs import matches
from gateway.model.call import Asked
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import BesideKind, Effect, ResolvedCall, Tool, ToolId
from gateway.wire import strict_json

_NO_DEFINITION: Final = strict_json.digest({})
_MOST_DIGESTS: Final = 512
Sees = Callable[[ToolId], bool]


@dataclass(frozen=True, slots=True)
class Offered:
    """One thing on the shelf."""

    tool: Tool
    definition: Mapping[str, Any]
    """As published."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Implements sights.Shelf."""

    offers: Mapping[BesideKind, Mapping[str, Offered]]
    """By kind, then by published name, URI or template, in the order of their lists."""
    known: Mapping[BesideKind, frozenset[ToolId]]
    """The canonical ids of the same."""
    patterns: Sequence[str]
    """The agent's `resources`."""
    readers: Mapping[str, float]
    """Upstreams that can be read from, and how long they may take (s)."""
    disputed: Mapping[BesideKind, frozenset[str]]
    """URIs and templates that several upstreams list, so that nobody gets them."""
    digests: dict[tuple[BesideKind, frozenset[ToolId]], str] = field(default_factory=dict, compare=False)
    """What `digest` has said; of ten thousand entries it takes as long as a hundred calls, and a list has pages."""

    def ids(self, kind: BesideKind) -> frozenset[ToolId]:
        """Canonical ids of what curation lets through."""
        return self.known[kind]

    def published(self, kind: BesideKind, visible: frozenset[ToolId]) -> Sequence[Mapping[str, Any]]:
        """Published entries of those that are visible, ordered by published name, URI or template."""
        return [one.definition for one in self.offers[kind].values() if one.tool.id in visible]

    def digest(self, kind: BesideKind, visible: frozenset[ToolId]) -> str:
        """SHA-256 (hex) over these entries."""
        if (known := self.digests.get((kind, visible))) is None:
            if len(self.digests) >= _MOST_DIGESTS:
                self.digests.clear()
            known = self.digests[kind, visible] = strict_json.digest(self.published(kind, visible))
        return known

    def find(self, asked: Asked, sees: Sees) -> ResolvedCall:
        """Raises Refused: unknown-prompt, unknown-resource (absent or hidden, the same words), invalid-arguments."""
        match asked.method:
            case "prompts/get":
                tool = self._prompt(asked.name, sees)
                return ResolvedCall(tool, asked.name, _strings(asked.name, asked.arguments))
            case "resources/read":
                found = self._read(asked.name)
                if found is None or not sees(found.id):
                    raise _unknown_resource(asked.name)
                return ResolvedCall(found, asked.name, {})
            case "completion/complete":
                return self._completion(asked, sees)
            case "tools/call":
                raise AssertionError("tools have a view")

    def _prompt(self, name: str, sees: Sees) -> Tool:
        offered = self.offers["prompts"].get(name)
        if offered is None or not sees(offered.tool.id):
            raise Refused(Reason.UNKNOWN_PROMPT, f"Unknown prompt: {shown(name)}")
        return offered.tool

    def _read(self, uri: str) -> Tool | None:
        if (listed := self.offers["resources"].get(uri)) is not None:
            return listed.tool
        if uri in self.disputed["resources"] or not plain(uri):
            return None
        if any(_covers(template, uri) for template in self.disputed["templates"]):
            return None
        claims = self._covered(uri) or self._given(uri)
        return next(iter(claims.values())) if len(claims) == 1 else None

    def _covered(self, uri: str) -> Mapping[str, Tool]:
        """By upstream: the first template that covers the URI.

        A pattern with stars that lets the template be seen says nothing of every URI it covers, so those must match a
        pattern themselves. A template written out among the agent's `resources` means all of them.
        """
        claims: dict[str, Tool] = {}
        for template, offered in self.offers["templates"].items():
            tool = offered.tool
            if tool.upstream not in claims and _covers(template, uri):
                concrete = canonical(tool.upstream, uri)
                if tool.id in self.patterns or self._curated(concrete):
                    claims[tool.upstream] = replace(tool, id=concrete, name=uri)
        return claims

    def _given(self, uri: str) -> Mapping[str, Tool]:
        """By upstream: a resource nobody lists, of every upstream that the patterns give it to."""
        return {
            upstream: Tool(
                id=concrete,
                upstream=upstream,
                name=uri,
                definition={},
                digest=_NO_DEFINITION,
                effect=Effect.READ,
                timeout_s=timeout_s,
                kind="resource",
            )
            for upstream, timeout_s in self.readers.items()
            if self._curated(concrete := canonical(upstream, uri))
        }

    def _curated(self, resource: ToolId) -> bool:
        return any(matches(pattern, resource) for pattern in self.patterns)

    def _completion(self, asked: Asked, sees: Sees) -> ResolvedCall:
        """Of a prompt's argument, or of a variable of a template; a plain resource has none, which its server may say."""
        reference: Mapping[str, Any] = asked.arguments["ref"]
        if reference["type"] == "ref/prompt":
            tool = self._prompt(asked.name, sees)
            arguments: Mapping[str, Any] = {**asked.arguments, "ref": {**reference, "name": tool.name}}
        else:
            offered = self.offers["templates"].get(asked.name) or self.offers["resources"].get(asked.name)
            if offered is None or not sees(offered.tool.id):
                raise _unknown_resource(asked.name)
            tool, arguments = offered.tool, asked.arguments
        return ResolvedCall(replace(tool, kind="completion"), asked.name, arguments)


def _covers(template: str, uri: str) -> bool:
    pattern = expression(template)
    return pattern is not None and pattern.fullmatch(uri) is not None


def _strings(name: str, arguments: Any) -> Mapping[str, str]:
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        why = "they are not an object of strings"
        raise Refused(Reason.INVALID_ARGUMENTS, f"The arguments of {name} were refused: {why}.")
    return arguments


def _unknown_resource(uri: str) -> Refused:
    """Without the URI in the sentence: it is the caller's own word, and the sentence goes into the record."""
    return Refused(Reason.UNKNOWN_RESOURCE, "Resource not found.", data={"uri": uri})
