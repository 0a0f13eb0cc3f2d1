"""Where a call stands in a distributed trace (W3C Trace Context, level 2), as plain text and numbers.

Lives only here: reading and writing `traceparent`, the ids of the two spans a call has (the server span toward the agent
and the client span toward the tool), and the one decision whether they are recorded. Ids are drawn before anything is
sent, so that spans can be made after the call, off the road. Must not know exporters. Malformed context is ignored, never
an error (SEP-414).
"""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST_PARENT = 256
_LONGEST_STATE = 512
_SAMPLED, _RANDOM = 1, 2


@dataclass(frozen=True, slots=True)
class Trace:
    """One call's place."""

    id: str
    """32 hex digits."""
    server: str
    """Span toward the agent, 16 hex digits."""
    client: str | None
    """Span toward the tool; None where no spans are exported, so that the caller's stays the tool's parent."""
    parent: str | None = None
    """Span of the caller, from `_meta`."""
    state: str | None = None
    """`tracestate`, passed on as it came."""
    sampled: bool | None = None
    """Whether the trace is recorded, if the caller said so or `decided` did."""
    link: str | None = None
    """`traceparent` of the HTTP request that carried the call, where it differs from `_meta`'s."""
    random: bool = True
    """Whether the id is known to be random (level 2)."""

    @classmethod
    def begun(
        cls, traceparent: object = None, tracestate: object = None, http: object = None, http_state: object = None
    ) -> "Trace":
        """Continues `_meta`'s context, else the HTTP request's, else begins a trace of its own."""
        drawn = secrets.token_hex(32)
        server, client = drawn[:16], drawn[16:32]
        inner, outer = _read(traceparent), _read(http)
        if (found := inner or outer) is None:
            return cls(drawn[32:], server, client)
        trace_id, parent, flags = found
        state = _state(tracestate if inner else http_state)
        link = _written(*outer) if inner and outer and inner[:2] != outer[:2] else None
        return cls(trace_id, server, client, parent, state, bool(flags & _SAMPLED), link, bool(flags & _RANDOM))

    def decided(self, share: float | None) -> "Trace":
        """The same with the one decision that the tool is told and spans follow: the caller's, else by `share`.

        None: this gateway exports no spans, and stands in nobody's trace.
        """
        if share is None:
            return replace(self, client=None)
        return self if self.sampled is not None else replace(self, sampled=chosen(self.id, share))

    @property
    def traceparent(self) -> str:
        """Context of our span toward the agent, for what happens beside the call and links to it."""
        return _written(self.id, self.server, self._flags)

    @property
    def outbound(self) -> dict[str, str]:
        """`_meta` members toward the tool; none where nobody records a trace."""
        if (parent := self.client or self.parent) is None:
            return {}
        told = {"traceparent": _written(self.id, parent, self._flags)}
        return told | {"tracestate": self.state} if self.state else told

    @property
    def noted(self) -> dict[str, Any]:
        """For the record, under the names of `record.schema.json`."""
        ids = {"id": self.id, "span": self.server, "client": self.client, "parent": self.parent, "link": self.link}
        return {name: value for name, value in (*ids.items(), ("sampled", self.sampled)) if value is not None}

    @property
    def _flags(self) -> int:
        return (_RANDOM if self.random else 0) | (0 if self.sampled is False else _SAMPLED)


def chosen(trace_id: str, share: float) -> bool:
    """Whether a trace belongs to the share that is recorded; every gateway and SDK decides the same by its id."""
    return int(trace_id[16:], 16) < round(share * 2**64)


def _read(value: object) -> tuple[str, str, int] | None:
    """(trace id, span id, flags); None for anything the standard calls invalid."""
    match = _PARENT.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST_PARENT else None
    if match is None or (match[1] == "00" and match[5] is not None):
        return None
    return match[2], match[3], int(match[4], 16)


def _written(trace_id: str, span: str, flags: int) -> str:
    return f"00-{trace_id}-{span}-{flags & (_SAMPLED | _RANDOM):02x}"


def _state(value: object) -> str | None:
    fits = isinstance(value, str) and len(value) <= _LONGEST_STATE and value.isascii() and value.isprintable()
    return value if fits and isinstance(value, str) else None
