"""The outer door: everything that is decided before a caller is identified and before a byte of the body is read.

Lives only here: Host and Origin allow-lists, the paths of the agent plane, HTTP methods, header caps. Pure functions
over a `Head`; they return values. Must not know identity, JSON or MCP beyond the names of two headers. Called by `plane`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.listener.head import Head
from gateway.listener.limits import Limits
from gateway.model.refusal import Reason, Refusal
from gateway.wire import jsonrpc

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_AGENT: Final = "/(?:agents/([a-z][a-z0-9-]{0,39})/)?"
_ROOT: Final = f"({_AGENT}http/([a-z][a-z0-9-]{{0,39}}))"
# RFC 3986 segments, none of them empty or a dot segment in disguise: who resolves those, and when, differs by reader.
_SEGMENT: Final = r"/(?!(?:\.|%2[eE]){1,2}(?:/|\Z))(?:[\w\-.~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+"
_ENDPOINT = re.compile(f"{_AGENT}mcp")
_SERVICE = re.compile(f"{_ROOT}((?:{_SEGMENT})+/?|/)", re.ASCII)
_DESCRIBED = re.compile(f"{_AGENT}mcp|{_ROOT}")
_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
_SERVICE_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Door:
    """Whom the agent plane answers."""

    hosts: frozenset[str]
    """Host header values, and bare names that stand for any port, in lower case."""
    origins: frozenset[str]

    @classmethod
    def of(cls, address: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> "Door":
        """From `listen`: the address itself, loopback names at any port, and what the operator added."""
        listens = address.lower()
        return cls(
            _LOOPBACK | {listens, _bare(listens)} | {host.lower() for host in hosts},
            frozenset(origin.lower() for origin in origins),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An MCP endpoint; `agent` is None on `/mcp`."""

    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A path of a plain HTTP upstream, whether or not there is such an upstream."""

    root: str
    """`/http/{upstream}`, with the agent before it where the URL names one."""
    agent: str | None
    upstream: str
    path: str
    """What follows `root`, as sent: percent-encoded, with its leading slash, free of empty and dot segments."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The RFC 9728 document of what stands at `path`."""

    path: str


Place = Endpoint | Service | Metadata


def place(path: str, target: str = "") -> Place | None:
    """What stands at a path, or None. `target` is the path as sent: decoded, a slash of a value looks like any other."""
    if (match := _ENDPOINT.fullmatch(path)) is not None:
        return Endpoint(match[1])
    if (match := _SERVICE.fullmatch(target)) is not None:
        return Service(*match.groups())
    if path.startswith(_WELL_KNOWN):
        described = path.removeprefix(_WELL_KNOWN) or "/mcp"
        return Metadata(described) if _DESCRIBED.fullmatch(described) else None
    return None


def ladder(head: Head, found: Place | None, door: Door, limits: Limits) -> Refusal | None:
    """The first rung that fails, or None.

    1. Host: a page that rebound its name to our address must learn nothing, not even which paths exist.
    2. Origin: a foreign page's script is turned away before anything looks at what it asks (MCP: MUST be 403).
    3. Path.
    4. Method: POST, and for clients that name a legacy session GET and DELETE; a plain HTTP upstream has its own.
    5. Caps of path and headers: before any header but the two above is believed.
    """
    host = head.get("host")
    if host is None or "host" in head.repeated or not _answers(door, host.lower()):
        return Refusal(Reason.BAD_HOST, "The Host header names no host this gateway answers for.")
    origin = head.get("origin")
    if origin is not None and ("origin" in head.repeated or not _welcome(door, origin.lower(), head, host.lower())):
        return Refusal(Reason.BAD_ORIGIN, "The Origin header names a site that may not call this gateway.")
    if found is None:
        return Refusal(Reason.NOT_FOUND, "Nothing is served at this path.")
    if head.method not in (allowed := methods(head, found)):
        return Refusal(Reason.WRONG_METHOD, f"This path answers {', '.join(allowed)} only.")
    if head.count > limits.headers or head.size > limits.header_bytes:
        return Refusal(
            Reason.TOO_LARGE,
            f"The headers exceed {limits.headers} lines, or path and headers {limits.header_bytes} bytes together.",
        )
    return None


def methods(head: Head, found: Place | None) -> tuple[str, ...]:
    """What a path answers, for this client: one without a legacy session is shown POST alone."""
    match found:
        case Metadata():
            return ("GET",)
        case Service():
            return _SERVICE_METHODS
        case _ if head.session is not None and head.version in (None, *jsonrpc.LEGACY):
            return ("POST", "GET", "DELETE")
        case _:
            return ("POST",)


def _answers(door: Door, host: str) -> bool:
    return host in door.hosts or _bare(host) in door.hosts


def _bare(host: str) -> str:
    """`name` of `name:port`; brackets of an IPv6 address stay on."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _welcome(door: Door, origin: str, head: Head, host: str) -> bool:
    # A page of our own origin is no foreign site; the Host it came by has passed rung 1.
    return origin in door.origins or origin == f"{head.scheme}://{host}"
