"""Events of a legacy session's streams, kept for a client whose connection broke (`id` and `Last-Event-ID`, MCP 2025).

Lives only here: how streams and their events are named, and how much of them is kept. A stream has one reader at a time:
the POST that began it, or the GET that took it up. A name tells which entry of which process gave it, and no other takes it
for a name of its own: after an idle half hour a session has a new entry, which counts from 1 again. Must not know JSON-RPC,
sockets or whose session it is. Used by the table, dialogues and GET streams.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.listener.limits import Limits
from gateway.ports import Clock

STANDALONE: Final = 0
"""Number of the stream that belongs to no request."""
_NAME: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,9})-([0-9]{1,9})")


class Reader(Protocol):
    """Whoever writes a stream's events to a connection."""

    gone: bool
    """Its connection is closed, or another reader has taken the stream."""


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    """Counts from 1 in its stream."""
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """What an event's name says."""

    entry: str
    stream: int
    event: int


def place(name: str) -> Place | None:
    """None for a name that no process of ours gave."""
    match = _NAME.fullmatch(name)
    return None if match is None else Place(match[1], int(match[2]), int(match[3]))


class Line:
    """One stream."""

    def __init__(self, lines: "Lines", number: int, reader: Reader | None) -> None:
        self._lines = lines
        self.number = number
        self.reader = reader
        self.events: deque[Event] = deque()
        self.more = asyncio.Event()
        """Set when there is something to write, or a reason to stop."""
        self.closing = False
        """The next event is the last."""
        self.ended_at: float | None = None
        """Monotonic seconds."""
        self.delivered: Callable[[], None] | None = None
        """To be called once its last event went to a live client."""
        self.last = 0
        """Number of the newest event."""

    @property
    def heard(self) -> bool:
        """Whether somebody reads it now."""
        return self.reader is not None and not self.reader.gone

    def keep(self, data: bytes) -> str:
        """Keeps the next event; its name."""
        self.last += 1
        event = Event(self.last, f"{self._lines.entry}-{self.number}-{self.last}", data)
        if self.closing:
            self.ended_at = self._lines.clock.monotonic()
        self.events.append(event)
        self._lines.grown(self, len(data))
        self.more.set()
        return event.name

    def after(self, number: int) -> list[Event]:
        """What is kept of the events behind this one, in order."""
        return [event for event in self.events if event.number > number]

    def taken_by(self, reader: Reader) -> None:
        """Its reader from now on; an event goes to one connection only, so the one before stops."""
        if self.reader is not None:
            self.reader.gone = True
        self.reader = reader
        self.more.set()


class Lines:
    """The streams of one session."""

    def __init__(self, entry: str, limits: Limits, clock: Clock, weigh: Callable[[int], None]) -> None:
        """`entry`: 8 hexadecimal digits, random. `weigh` is told every change in the bytes that are kept."""
        self.entry = entry
        self.clock = clock
        self._limits = limits
        self._weigh = weigh
        self._lines: dict[int, Line] = {}
        self._last = STANDALONE
        self._count = 0
        self._size = 0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a request has a stream that goes on, or somebody reads the standalone one."""
        return any(line.ended_at is None and (line.number != STANDALONE or line.heard) for line in self._lines.values())

    def begin(self, reader: Reader) -> Line:
        """The stream of a request."""
        self._expire()
        self._last += 1
        line = self._lines[self._last] = Line(self, self._last, reader)
        return line

    def standalone(self) -> Line:
        """The stream that belongs to no request."""
        if (line := self._lines.get(STANDALONE)) is None:
            line = self._lines[STANDALONE] = Line(self, STANDALONE, None)
        return line

    def find(self, stream: int) -> Line | None:
        """A stream that still runs, or of which something is kept."""
        self._expire()
        return self._lines.get(stream)

    def grown(self, line: Line, size: int) -> None:
        """Called by a line that keeps an event."""
        if self._closed:
            line.events.clear()
            return
        self._count += 1
        self._size += size
        self._weigh(size)
        while self._count > 1 and (self._count > self._limits.replay_events or self._size > self._limits.replay_bytes):
            self._drop_oldest(line)

    def clear(self) -> None:
        """Keeps no event from before; streams that run go on."""
        freed = self._size
        for number, line in tuple(self._lines.items()):
            line.events.clear()
            if line.ended_at is not None:
                del self._lines[number]
        self._count = self._size = 0
        self._weigh(-freed)

    def close(self) -> None:
        """Keeps nothing any more; whoever follows a stream is woken to find out why."""
        self.clear()
        self._closed = True
        for line in self._lines.values():
            line.more.set()

    def _drop_oldest(self, newest: Line) -> None:
        """Of streams in the order of their beginning; but never the event just kept."""
        line = next(line for line in self._lines.values() if len(line.events) > (1 if line is newest else 0))
        self._forget(len(line.events.popleft().data), 1)
        if line.ended_at is not None and not line.events:
            del self._lines[line.number]

    def _expire(self) -> None:
        """Drops what ended long ago."""
        since = self.clock.monotonic() - self._limits.replay_s
        for number, line in tuple(self._lines.items()):
            if line.ended_at is not None and line.ended_at < since:
                self._forget(sum(len(event.data) for event in line.events), len(line.events))
                del self._lines[number]

    def _forget(self, size: int, count: int) -> None:
        self._count -= count
        self._size -= size
        self._weigh(-size)
