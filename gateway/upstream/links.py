"""The sessions of one server: which of them a call takes, how many there are, and when one is given up.

Lives only here: what we believe of the server's era, and the bounded pool of its legacy sessions. Each principal has its
own, because a server may keep things in one; whoever can be asked has one more, because what a server asks must reach the
right person and a session's capabilities are fixed when it is opened. Lists and news travel in one of our own. Must not know how sessions are opened (door) or used. Called by `http.py`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway.model.call import Era
from gateway.model.dialogue import is_silent
from gateway.model.outbound import Outbound
from gateway.ports import Clock
from gateway.tasks import Tasks
from gateway.upstream.channel import Sleep
from gateway.upstream.deadline import Deadline
from gateway.upstream.door import Door
from gateway.upstream.envelope import askable
from gateway.upstream.http_session import HttpSession
from gateway.upstream.link import NOTHING, NoLink
from gateway.wire.strict_json import canonical

MOST: Final = 256
MOST_EACH: Final = MOST // 2
"""Of one owner, who may declare what it likes and so have any number."""
IDLE_S: Final = 600.0
_LOOK_S: Final = 60.0

Key = tuple[str, bytes, bytes]
"""Whose session, which one of theirs, and what may be asked in it."""
SHARED: Final[Key] = ("", b"", b"")


def key_of(call: Outbound) -> tuple[Key, Mapping[str, Any]]:
    """Which session is this call's, and the capabilities that one is opened with."""
    if is_silent(call.dialogue) or not (declared := askable(call.dialogue.capabilities)):
        return (call.owner, b"", b""), NOTHING
    return (call.owner, call.dialogue.session or b"", canonical(declared)), declared


class _Place:
    """One key's session, opened by one caller while the others wait."""

    def __init__(self) -> None:
        self.opening = asyncio.Lock()
        self.session: HttpSession | None = None

    @property
    def usable(self) -> HttpSession | None:
        """The session, unless it has ended by itself."""
        return self.session if self.session is not None and self.session.live else None

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it now."""
        return not self.opening.locked() and (self.session is None or not self.session.voices.busy)


class Links:
    """The pool toward one server."""

    def __init__(self, door: Door, pinned: Era | Literal["auto"], clock: Clock, standing: Tasks, sleep: Sleep) -> None:
        self._door = door
        self._pinned = pinned
        self._clock = clock
        self._standing = standing
        self._sleep = sleep
        self._era: Era | Literal["auto"] = pinned
        self._modern: HttpSession | None = door.modern() if pinned == "modern" else None
        self._places: dict[Key, _Place] = {}
        self._aging: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def shared(self) -> HttpSession | None:
        """Our own session, for lists and news, if it is open."""
        if self._modern is not None:
            return self._modern
        place = self._places.get(SHARED)
        return None if place is None else place.usable

    async def get(self, key: Key, declared: Mapping[str, Any], deadline: Deadline) -> HttpSession:
        """The session of this key, opened where there is none. Raises NoLink."""
        if self._modern is not None:
            return self._modern
        place = self._place(key)
        if (session := place.usable) is not None:
            return session
        try:
            async with deadline.timer(), place.opening:
                return self._modern or place.usable or await self._open(key, place, declared, deadline)
        except TimeoutError:
            raise NoLink("it was not opened in time") from None

    def doubt(self, session: HttpSession) -> None:
        """An answer contradicts what we believed: the session is dropped, and the server asked anew what it speaks."""
        session.drop()
        if self._modern is session:
            self._modern = None
        self._era = self._pinned
        for key, place in tuple(self._places.items()):
            if place.session is session:
                del self._places[key]

    async def close(self) -> None:
        """Ends every session."""
        self._closed = True
        if self._modern is not None:
            self._modern.drop()
            self._modern = None
        places, self._places = self._places, {}
        await asyncio.gather(*(place.session.end() for place in places.values() if place.session is not None))

    def age(self) -> None:
        """Ends sessions of single callers that nobody used for ten minutes."""
        oldest = self._clock.monotonic() - IDLE_S
        for key, place in tuple(self._places.items()):
            if key != SHARED and place.idle and (place.session is None or place.session.used < oldest):
                self._end(key)

    async def _open(self, key: Key, place: _Place, declared: Mapping[str, Any], deadline: Deadline) -> HttpSession:
        if self._closed:
            raise NoLink("it was closed", cause="never")
        session = await self._door.open(self._era, declared, deadline)
        if session.link.era == "modern":
            self._modern = self._modern or session  # one of those that were opened at the same time
            return self._modern
        self._era, place.session = "legacy", session
        self._places[key] = place
        if key != SHARED and (self._aging is None or self._aging.done()):
            self._aging = self._standing.start(self._age(), "aging of sessions")
        return session

    def _place(self, key: Key) -> _Place:
        """The key's place, now the one used last. Raises NoLink when every place is taken by calls under way."""
        if (place := self._places.pop(key, None)) is None:
            place = _Place()
            if key != SHARED:
                self._make_room(key[0])
        self._places[key] = place
        return place

    def _make_room(self, owner: str) -> None:
        """Ends the session that was not used for longest; where an owner has too many, one of its own."""
        taken = [key for key in self._places if key != SHARED]
        own = [key for key in taken if key[0] == owner]
        if len(own) >= MOST_EACH:
            taken = own
        elif len(taken) < MOST:
            return None
        for key in taken:
            if self._places[key].idle:
                return self._end(key)
        raise NoLink("it has as many sessions as it may have", 1000, "later")

    def _end(self, key: Key) -> None:
        if (session := self._places.pop(key).session) is not None:
            session.drop()
            self._standing.start(session.end(), "farewell to a session")

    async def _age(self) -> None:
        while any(key != SHARED for key in self._places):
            await self._sleep(_LOOK_S)
            self.age()
