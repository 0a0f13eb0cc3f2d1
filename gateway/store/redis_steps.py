"""The ledger's steps as Redis scripts: what goes in, and what the answers mean.

Lives only here: the order of keys and arguments, sealed results, and how long rows stay physically. What a row may become
is decided in Lua exactly as in `model/transitions.py`. Must not know the journal, tasks or who waits. Called by the claim
store.
"""

import math
import uuid
from typing import Final, Literal

from gateway.model.claim import (
    Claim,
    ClaimAnswer,
    Departure,
    Done,
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
from gateway.store.redis_budgets import counters, limits
from gateway.store.redis_guard import Guard
from gateway.store.redis_names import CHANNEL, Script, key
from gateway.store.sealing import Seal

GRACE_S: Final = 3600.0
"""A row outlives its end by this, so that a gateway that died before its own record was closed learns what became of it."""
_SKEW_S: Final = 60.0
"""Between the clocks of a gateway and of the server."""
_CLAIM: Final = Script.of("prelude", "spend", "claim")
_DEPART: Final = Script.of("prelude", "depart")
_FINISH: Final = Script.of("prelude", "spend", "finish")
_DELIVERED: Final = Script.of("prelude", "delivered")
_FATE: Final = Script.of("prelude", "fate")


class Steps:
    """Each method is one script, run at most once. All raise StoreUnavailable; `Unanswered` says that it may have run."""

    def __init__(self, guard: Guard, clock: Clock, secret: bytes) -> None:
        self._guard = guard
        self._clock = clock
        self._seal = Seal(secret)

    async def claim(self, claim: Claim, token: int, *, departing: bool) -> ClaimAnswer:
        keys = (_row(claim), *counters(claim.spends))
        args = (
            claim.fingerprint,
            claim.call_id,
            claim.owner,
            claim.lease_s,
            token,
            int(departing),
            int(claim.resend_within_s is not None),
            GRACE_S,
            *limits(claim.spends),
        )
        match await self._guard.step(_CLAIM, keys, args, sends=True):
            case [b"won"]:
                return Won(token, departing)
            case [b"mismatch"]:
                return Mismatch()
            case [b"overspent", int(which), bytes(resets)]:
                return Overspent(claim.spends[which], float(resets))
            case [b"found", state, call, delivered, held, since, kept]:
                return Found(
                    _found(state),
                    self._seal.open(claim.record, kept) if kept is not None else None,
                    call.decode(),
                    delivered == b"1",
                    int(held),
                    float(since),
                )
            case _:
                raise _unexpected()

    async def depart(self, claim: Claim, token: int, approval: str | None) -> Departure:
        keys = (_row(claim), *(() if approval is None else (key("approval", approval),)))
        args = (token, claim.lease_s, claim.record.hex(), claim.call_id, self._clock.now())
        match await self._guard.step(_DEPART, keys, args, sends=True):
            case [b"departed" | b"lost" | b"unapproved" as said]:
                return Departure(said.decode())
            case _:
                raise _unexpected()

    async def finish(self, claim: Claim, token: int, ending: Ending) -> bool:
        """False when the token was lost."""
        kept = b""
        match ending:
            case Done(keep_s=stays_s):
                state = State.DONE
                if stays_s > 0:
                    kept = self._seal.close(claim.record, ending.kept)
            case NotDone():
                state, stays_s = State.RETRYABLE, RETRYABLE_S
            case InDoubt():
                state, stays_s = State.DOUBT, 0.0
        args = (token, state.value, max(0.0, stays_s), kept, GRACE_S, CHANNEL, claim.record.hex())
        return await self._guard.step(_FINISH, (_row(claim),), args, sends=False) == [b"held"]

    async def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        await self._guard.step(_DELIVERED, (_row(claim),), (token, keep_s, GRACE_S), sends=False)

    def witnessed(self, entry: Entry) -> Entry:
        """The entry with what is known of the store's memory when it is written."""
        return lambda: {**entry(), "memory": self._guard.witness}

    async def fate(self, record: str, call_id: str) -> State | None:
        """None says that the call was not sent, so it is said only of calls that this memory is old enough to know.

        A server that was another process when the call was made may have forgotten it: then the call is in doubt, and
        stays so for whoever makes it again.
        """
        keys = (key("claim", record), key("left", call_id))
        said, now = await self._guard.step(_FATE, keys, (call_id, int(not self._guard.unbroken)), sends=False)
        if said != b"absent":
            return State(said.decode())
        known = self._guard.known
        reaches = max(float(now) - GRACE_S, known.born if known is not None else 0) + _SKEW_S
        return State.DOUBT if _made_at(call_id) < reaches else None


def _row(claim: Claim) -> str:
    return key("claim", claim.record.hex())


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
