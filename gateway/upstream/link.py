"""Opening a server: which era it speaks, and for a legacy one the handshake.

Lives only here: the order of questions of MCP's version negotiation (probe with `server/discover`, fall back to `initialize`
on evidence only). Must not know how a message travels. Called by both kinds of upstream, which keep the link and drop it
when an answer contradicts it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.model.call import Era
from gateway.model.outcome import Cause, Unsent
from gateway.upstream import envelope
from gateway.upstream.verdict import MISUNDERSTOOD, Exchanged, Heard, carried, era_of
from gateway.wire import headers, jsonrpc

Talk = Callable[[Mapping[str, Any], Mapping[str, str]], Awaitable[Exchanged]]
"""Sends one message with these HTTP headers (which stdio ignores) and waits for its answer, if it has an id."""
NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Link:
    """What we believe of a server: its era, what every request carries and, for a legacy one, whether it keeps a session."""

    era: Era
    headers: Mapping[str, str]
    in_session: bool = False
    place: str = ""
    """Where a session has an endpoint of its own (2024-11-05)."""
    capabilities: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What a legacy server said it can do; a modern one is asked with `server/discover`."""


MODERN: Final = Link("modern", {headers.VERSION: jsonrpc.MODERN})


class NoLink(Exception):
    """The server could not be opened, so nothing of the call was sent."""

    older = False
    """Whether it answered `initialize` like a server that speaks HTTP+SSE only (2024-11-05)."""

    def __init__(self, why: str, retry_after_ms: int | None = None, cause: Cause = "unreached") -> None:
        super().__init__(why)
        self.unsent = Unsent(why, retry_after_ms, cause)


async def open_link(
    talk: Talk,
    ids: Iterator[int],
    pinned: Era | Literal["auto"],
    *,
    declared: Mapping[str, Any] = NOTHING,
    silence: Era | None = None,
) -> Link:
    """Opens a server. Raises NoLink.

    `declared` are the client capabilities of a legacy session; `silence` is what a probe without an answer shows; None:
    nothing (an outage is no evidence of an era).
    """
    era: Era = await _probe(talk, ids, silence) if pinned == "auto" else pinned
    if era == "modern":
        return MODERN
    opened = await talk(jsonrpc.request(next(ids), "initialize", envelope.initialize_params(declared)), {})
    match opened:
        case Heard(frame=jsonrpc.Result(result={"protocolVersion": str(version), **said}), session=session):
            return await _initialized(talk, version, session, said.get("capabilities"))
        case Heard(frame=jsonrpc.Error(code=jsonrpc.UNSUPPORTED_VERSION)) if (
            pinned == "auto" and era_of(opened) == "modern"
        ):
            return MODERN  # a slow starter that missed the probe
        case _:
            none = _no_link("it did not open a session", opened)
            none.older = isinstance(opened, Heard) and opened.status in MISUNDERSTOOD
            raise none


async def _probe(talk: Talk, ids: Iterator[int], silence: Era | None) -> Era:
    extra = {**MODERN.headers, **headers.mcp_headers("server/discover", None, None, {})}
    probed = await talk(jsonrpc.request(next(ids), "server/discover", envelope.params("modern", {})), extra)
    era = era_of(probed) if isinstance(probed, Heard) else silence
    if era is None:
        raise _no_link("it did not say which version it speaks", probed)
    return era


async def _initialized(talk: Talk, version: str, session: str | None, said: Any) -> Link:
    if version not in jsonrpc.LEGACY:
        raise NoLink("it speaks no version we know", cause="never")
    common = {headers.VERSION: version}
    if session is not None:
        common[headers.SESSION] = session
    told = await talk(jsonrpc.notification("notifications/initialized"), common)
    if not isinstance(told, Heard) or told.status >= 400:
        raise _no_link("it did not take notifications/initialized", told)
    able = said if isinstance(said, Mapping) else NOTHING
    return Link("legacy", common, session is not None, capabilities=able)


def _no_link(what: str, exchanged: Exchanged) -> NoLink:
    cause: Cause = turned.cause if isinstance(turned := carried(exchanged), Unsent) else "unreached"
    match exchanged:
        case Heard(status=status, retry_after_ms=after) if status >= 400:
            return NoLink(f"{what} (HTTP {status})", after, cause)
        case Heard():
            return NoLink(what, cause=cause)
        case _:
            return NoLink(exchanged.why, cause=cause)
