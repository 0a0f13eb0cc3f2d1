"""Server-sent events, both ways: an incremental parser over any chunking, and the encoder.

Lives only here: the framing of the WHATWG event stream (CR, LF and CRLF, comments, the last event id). Data stays bytes,
so that the one JSON parse judges its UTF-8. Must not know HTTP, JSON or MCP. Called by the listener and the upstream leg.
"""

import re
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n?|\n")
_BOM = b"\xef\xbb\xbf"
_CR, _LF = 0x0D, 0x0A
_LONGEST_RETRY = 9
"""Digits."""


class EventTooLarge(ValueError):
    """One event has more bytes than the parser was told to keep."""


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event."""

    data: bytes
    event: str = "message"
    id: str | None = None
    """The last event id of the stream so far, which an event without its own inherits."""


class Parser:
    """Feed it chunks split anywhere; it gives back the events that became complete."""

    def __init__(self, max_event: int) -> None:
        self._max = max_event
        self._line = bytearray()
        self._after_cr = False
        self._first = True
        self._data: list[bytes] = []
        self._kept = 0
        self._event = ""
        self._id: str | None = None
        self.last_id: str | None = None
        """The last event id of the stream, also of an event that holds nothing else."""
        self.retry_ms: int | None = None
        """How long the server wants a reader to wait before it comes back."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises EventTooLarge; the parser is of no use afterwards."""
        events: list[Event] = []
        # A CRLF may be split between chunks: its LF must not end a second, empty line.
        start = 1 if self._after_cr and chunk[:1] == b"\n" else 0
        if chunk:
            self._after_cr = chunk[-1] == _CR
        for end in _LINE_END.finditer(chunk, start):
            self._keep(chunk[start : end.start()])
            if (event := self._end_line()) is not None:
                events.append(event)
            start = end.end()
        self._keep(chunk[start:])
        return events

    def _keep(self, part: bytes) -> None:
        self._line += part
        if self._kept + len(self._line) > self._max:
            raise EventTooLarge(f"an event has more than {self._max} bytes")

    def _end_line(self) -> Event | None:
        line = bytes(self._line)
        self._line.clear()
        if self._first:
            self._first, line = False, line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._kept += len(line)
            case b"event":
                self._event = value.decode(errors="replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode(errors="replace")
            case b"retry" if value.isdigit() and len(value) <= _LONGEST_RETRY:
                self.retry_ms = int(value)
            case _:
                pass  # comments (an empty name), and names of a later standard
        return None

    def _dispatch(self) -> Event | None:
        data, name = self._data, self._event or "message"
        self._data, self._event, self._kept = [], "", 0
        self.last_id = self._id
        return Event(b"\n".join(data), name, self._id) if data else None


def event(data: bytes, id: str | None = None, event: str = "message") -> bytes:  # noqa: A002  its name on the wire
    """One event as bytes. Raises ValueError for an id or name that would break the framing."""
    lines = []
    for name, value in (("id", id), ("event", event)):
        if value is not None:
            if any(bad in value for bad in "\r\n\0"):
                raise ValueError(f"{name} holds a line break or NUL")
            lines.append(f"{name}: {value}".encode())
    lines += [b"data: " + line for line in _LINE_END.split(data)]
    return b"\n".join(lines) + b"\n\n"
