"""What this process keeps of legacy sessions beside their ids: log level, subscriptions, open questions, streams.

Lives only here: the one table of it, its bounds, and when a session's entry is dropped. Most sessions never get one: an id
says everything a plain call needs. Must not know HTTP, the road or what an event says. Used by the legacy conversation.
"""

import asyncio
import secrets
from collections import OrderedDict

from gateway.listener.hub import ALL, Ear, Hub
from gateway.listener.legacy_replay import Lines
from gateway.listener.limits import Limits
from gateway.listener.sessions import Session
from gateway.model.dialogue import Level
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock
from gateway.wire import jsonrpc

Waiting = asyncio.Future[jsonrpc.Response | None]
"""For a client's response; None: it will not come."""


class Questions:
    """What one session's client was asked and has not answered. Only its own responses are brought here."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[jsonrpc.Id, Waiting] = {}

    def __len__(self) -> int:
        return len(self._open)

    def put(self) -> tuple[str, Waiting] | None:
        """A new question: the id it goes out under, and its answer. None: too many are open."""
        if len(self._open) >= self._most:
            return None
        # Random, because another process may have asked the same client, whose response may come here.
        name = secrets.token_hex(12)
        waiting = self._open[name] = asyncio.get_running_loop().create_future()
        return name, waiting

    def take_back(self, name: str) -> None:
        """Nobody waits for this answer any more."""
        self._open.pop(name, None)

    def answer(self, response: jsonrpc.Response) -> None:
        """Takes a response to whoever waits for it; one that nobody waits for is dropped."""
        if response.id is not None and (waiting := self._open.pop(response.id, None)) is not None:
            close(waiting, response)

    def close(self) -> None:
        """None of them will be answered, and no other can be put."""
        self._most = 0
        for waiting in self._open.values():
            close(waiting)
        self._open.clear()


def close(waiting: Waiting, response: jsonrpc.Response | None = None) -> None:
    """Ends the waiting, unless it has ended."""
    if not waiting.done():
        waiting.set_result(response)


class Held:
    """The entry of one session."""

    def __init__(self, lines: Lines, questions: Questions, hub: Hub) -> None:
        self.lines = lines
        self.questions = questions
        self.level: Level | None = None
        self.touched = 0.0
        """Monotonic seconds."""
        self._hub = hub
        self._ear: Ear | None = None

    @property
    def ear(self) -> Ear:
        """Hears for the session, also while no stream is open: news wait for the next one."""
        if self._ear is None:
            self._ear = self._hub.ear(ALL)
        return self._ear

    @property
    def busy(self) -> bool:
        """Whether it is in use at this moment."""
        return bool(self.questions) or self.lines.busy

    def close(self) -> None:
        """Ends its questions, subscriptions and kept events."""
        self.questions.close()
        self.lines.close()
        if self._ear is not None:
            self._ear.close()


class Table:
    """Entries by session, least recently used first."""

    def __init__(self, limits: Limits, clock: Clock, hub: Hub) -> None:
        self._limits = limits
        self._clock = clock
        self._hub = hub
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._replay_bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def find(self, session: Session) -> Held | None:
        """The session's entry, if it has one."""
        if (held := self._held.get(session.key)) is not None:
            self._touch(session.key, held)
        return held

    def of(self, session: Session) -> Held:
        """The session's entry, made where there is none. Raises Refused: sessions-full."""
        self._drop_idle()
        if (held := self.find(session)) is None:
            self._make_room()
            lines = Lines(secrets.token_hex(4), self._limits, self._clock, self._weigh)
            held = self._held[session.key] = Held(lines, Questions(self._limits.questions), self._hub)
            held.touched = self._clock.monotonic()
        return held

    def drop(self, key: bytes) -> None:
        """Ends everything that is kept of a session."""
        if (held := self._held.pop(key, None)) is not None:
            held.close()

    def close(self) -> None:
        """Drops every entry."""
        for key in tuple(self._held):
            self.drop(key)

    def _touch(self, key: bytes, held: Held) -> None:
        held.touched = self._clock.monotonic()
        self._held.move_to_end(key)

    def _drop_idle(self) -> None:
        since = self._clock.monotonic() - self._limits.idle_s
        while self._held:
            key, held = next(iter(self._held.items()))
            if held.touched >= since:
                return
            if held.busy:
                self._touch(key, held)
            else:
                self.drop(key)

    def _make_room(self) -> None:
        if len(self._held) < self._limits.sessions:
            return
        idle = next((key for key, held in self._held.items() if not held.busy), None)
        if idle is None:
            raise Refused(
                Reason.SESSIONS_FULL,
                f"{self._limits.sessions} sessions have something open already.",
                retry_after_ms=5_000,
            )
        self.drop(idle)

    def _weigh(self, change: int) -> None:
        """Holds all sessions together to their bytes: what was used least recently can be replayed no more."""
        self._replay_bytes += change
        if change > 0 and self._replay_bytes > self._limits.replay_held_bytes:
            for held in tuple(self._held.values()):
                held.lines.clear()
                if self._replay_bytes <= self._limits.replay_held_bytes:
                    return
