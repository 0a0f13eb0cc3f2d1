"""The ledger's steps as Redis scripts: what goes in, and what the answers mean.

Lives only here: the order of keys and arguments, sealed results, and how long rows stay physically. What a row may become
is decided in Lua exactly as in `model/transitions.py`. Must not know the journal, tasks or who waits. Called by the claim
store.
"""

import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from gateway.model.claim import (
    DOUBTS_AT_ONCE,
    Claim,
    ClaimAnswer,
    Departure,
    Done,
    Doubted,
    Ending,
    Found,
    InDoubt,
    Mismatch,
    NotDone,
    Overspent,
    State,
    Won,
)
from gateway.model.transitions import RETRYABLE_S
from gateway.model.work import Entry, StoreUnavailable
from gateway.ports import Clock
from gateway.store.redis_budgets import by_unit, counters, specs
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import CHANNEL, Script, key
from gateway.store.sealing import Seal

GRACE_S: Final = 3600.0
"""A row outlives its end by this, so that a gateway that died before its own record was closed learns what became of it."""
_SKEW_S: Final = 60.0
"""Between the clocks of a gateway and of the server."""
_CLAIM: Final = Script.of("prelude", "rows", "spend", "claim")
_DEPART: Final = Script.of("prelude", "rows", "depart")
_FINISH: Final = Script.of("prelude", "rows", "spend", "finish")
_DELIVERED: Final = Script.of("prelude", "delivered")
_FATE: Final = Script.of("prelude", "rows", "fate")
_DOUBTS: Final = Script.of("prelude", "rows", "doubts")
_RENEW: Final = Script.of("prelude", "rows", "renew")
_DOUBTED: Final = Script.of("prelude", "rows", "doubted")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call in doubt, by what its rows are found with."""

    record: bytes
    also: bytes | None
    token: int


Place = tuple[bytes, int]
"""Among the doubts: since when, and behind how many of that very moment."""
FIRST: Final[Place] = (b"-inf", 0)


class Steps:
    """Each method is one script, run at most once. All raise StoreUnavailable; `Unanswered` says that it may have run."""

    def __init__(self, guard: Guard, clock: Clock, secret: bytes) -> None:
        self._guard = guard
        self._clock = clock
        self._seal = Seal(secret)

    async def claim(self, claim: Claim, token: int, *, departing: bool) -> ClaimAnswer:
        keys = (_row(claim.record), *counters(claim.spends))
        also = claim.also
        args = (
            claim.fingerprint,
            claim.call_id,
            claim.owner,
            claim.lease_s,
            token,
            int(departing),
            _young(claim),
            GRACE_S,
            claim.record.hex(),
            self._seal.close_about(claim.record, claim.about),
            "" if also is None else also.hex(),
            b"" if also is None else self._seal.close_about(also, claim.about),
            *specs(claim.spends),
        )
        match await self._guard.step(_CLAIM, keys, args, sends=True):
            case [b"won", list(levels), bytes(origin), resends]:
                return Won(token, departing, origin.decode(), resends == b"1", tuple(int(level) for level in levels))
            case [b"mismatch"]:
                return Mismatch()
            case [b"overspent", int(which), bytes(left), bytes(resets), resends]:
                return Overspent(claim.spends[which], float(resets) if resets else None, int(left), resends == b"1")
            case [b"found", bytes(state), bytes(call), delivered, bytes(held), bytes(since), kept, bytes(record)]:
                with _legible():
                    found = Found(_found(state), None, call.decode(), delivered == b"1", int(held), float(since))
                if found.state is not State.DONE:
                    return found
                return await self._seal.found(bytes.fromhex(record.decode()), found, kept)
            case _:
                raise _unexpected()

    async def depart(self, claim: Claim, token: int, approval: str | None) -> Departure:
        keys = (_row(claim.record), *(() if approval is None else (key("approval", approval),)))
        also = "" if claim.also is None else claim.also.hex()
        args = (token, claim.lease_s, claim.record.hex(), claim.call_id, self._clock.now(), also, _young(claim))
        match await self._guard.step(_DEPART, keys, args, sends=True):
            case [b"departed" | b"lost" | b"unapproved" as said]:
                return Departure(said.decode())
            case _:
                raise _unexpected()

    async def finish(self, claim: Claim, token: int, ending: Ending) -> bool:
        """False when the token was lost."""
        return await self._end(claim.record, claim.also, token, ending, by_word=False)

    async def doubted(self, record: bytes, token: int) -> Doubt | None:
        """What is in doubt under the token; None when nothing is."""
        match await self._guard.step(_DOUBTED, (_row(record),), (token, record.hex()), sends=False):
            case [b"doubt", bytes(also)]:
                with _legible():
                    return Doubt(record, bytes.fromhex(also.decode()) or None, token)
            case [b"lost"]:
                return None
            case _:
                raise _unexpected()

    async def resolve(self, doubt: Doubt, verdict: Done | NotDone) -> bool:
        """False when it is not in doubt any more."""
        return await self._end(doubt.record, doubt.also, doubt.token, verdict, by_word=True)

    async def _end(self, record: bytes, also: bytes | None, token: int, ending: Ending, *, by_word: bool) -> bool:
        state, stays = _ending(ending)
        kept, used = [b"", b""], ""
        if isinstance(ending, Done):
            used = by_unit(ending.used)
            for n, name in enumerate((record, also)):
                if name is not None and stays[n] > 0:
                    kept[n] = await self._seal.close(name, ending.kept)
        beside = ("" if also is None else also.hex(), stays[1], kept[1])
        topic = record.hex()
        args = (token, state.value, stays[0], kept[0], GRACE_S, CHANNEL, topic, *beside, int(by_word), used)
        return await self._guard.step(_FINISH, (_row(record),), args, sends=False) == [b"held"]

    async def renew(self, claim: Claim, token: int) -> None:
        also = "" if claim.also is None else claim.also.hex()
        args = (token, claim.lease_s, claim.record.hex(), also)
        await self._guard.step(_RENEW, (_row(claim.record),), args, sends=False)

    async def doubts(self, after: Place) -> tuple[list[Doubted], Place | None]:
        """Oldest first, behind a place, and where to go on; None at the end.

        What was sent and outlived its lease is among them from then on.
        """
        match await self._guard.step(_DOUBTS, (), (DOUBTS_AT_ONCE, *after), sends=False):
            case [bytes(moment), int(seen), list(found)]:
                with _legible():
                    return [self._doubted(*one) for one in found], (moment, seen) if moment else None
            case _:
                raise _unexpected()

    def _doubted(
        self,
        record: bytes,
        token: bytes,
        call: bytes,
        print_: bytes,
        since: bytes,
        about: bytes,
        origin: bytes,
        age: bytes,
    ) -> Doubted:
        name, first = bytes.fromhex(record.decode()), origin.decode("utf-8", "replace")
        call_id = call.decode("utf-8", "replace")
        about = self._seal.about(name, about)
        return Doubted(name, int(token), call_id, print_, float(since), about, first, float(age))

    async def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        await self._guard.step(_DELIVERED, (_row(claim.record),), (token, keep_s, GRACE_S), sends=False)

    def witnessed(self, entry: Entry) -> Entry:
        """The entry with what is known of the store's memory when it is written."""
        return lambda: {**entry(), "memory": self._guard.witness}

    async def fate(self, record: str, call_id: str) -> State | None:
        """None says that the call was not sent, so it is said only of calls that this memory is old enough to know.

        A server that was another process when the call was made may have forgotten it: then the call is in doubt, and
        stays so for whoever makes it again.
        """
        keys = (key("claim", record), key("left", call_id))
        said, now = await self._guard.step(_FATE, keys, (call_id, int(not self._guard.unbroken), record), sends=False)
        if said != b"absent":
            return State(said.decode())
        known = self._guard.known
        reaches = max(float(now) - GRACE_S, known.born if known is not None else 0) + _SKEW_S
        return State.DOUBT if _made_at(call_id) < reaches else None


def _row(record: bytes) -> str:
    return key("claim", record.hex())


def _young(claim: Claim) -> float | str:
    return "" if claim.resend_within_s is None else claim.resend_within_s


def _ending(ending: Ending) -> tuple[State, tuple[float, float]]:
    """The state, and how long each record stays in it."""
    match ending:
        case Done(keep_s=keep_s, also_keep_s=also_keep_s):
            return State.DONE, (max(0.0, keep_s), max(0.0, keep_s, also_keep_s))
        case NotDone():
            return State.RETRYABLE, (RETRYABLE_S, RETRYABLE_S)
        case InDoubt():
            return State.DOUBT, (0.0, 0.0)
        case _:
            assert_never(ending)


@contextmanager
def _legible() -> Iterator[None]:
    """Around the reading of what stands in a row, which anybody may have changed. Raises StoreUnavailable."""
    try:
        yield
    except (ValueError, TypeError):
        raise _unexpected() from None


def _found(state: bytes) -> Literal[State.CLAIMED, State.SENT, State.DONE, State.DOUBT]:
    match State(state.decode()):
        case State.RETRYABLE:
            raise _unexpected()
        case found:
            return found


def _made_at(call_id: str) -> float:
    """Unix seconds, which a UUIDv7 begins with (RFC 9562); any other name counts as young."""
    try:
        id_ = uuid.UUID(call_id)
    except ValueError:
        return math.inf
    return (id_.int >> 80) / 1000 if id_.version == 7 else math.inf


def _unexpected() -> StoreUnavailable:
    return StoreUnavailable("the store gave an unexpected answer")
