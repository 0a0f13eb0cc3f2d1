"""Sealed `requestState`: what a stateless client carries from one round of a call to the next (2026-07-28, MRTR).

Lives only here: what such a state holds, its key, its end. Whose call it is, and which, is the sealed value's associated
data, so a state opens only for the same principal, method, name and arguments; everything else about it is told in one
sentence, whatever was wrong. Every process with the same secret reads it. Must not know what an upstream's own state means
or where calls are parked. Called by the modern conversation's calls.
"""

import json
from dataclasses import dataclass
from typing import Final

from gateway.listener.seal import TextSeal
from gateway.model.call import Asked
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.ports import Clock
from gateway.wire.strict_json import digest, dump

MAX_AGE_S: Final = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Held:
    """What a state holds."""

    theirs: str | None = None
    """The upstream's own `requestState`; None when it gave none."""
    parked: str | None = None
    """Name of the parked call that the next round goes on with; unknown to every process but one."""
    call_id: str | None = None
    """Id of that call."""
    round: int = 0
    """How many rounds came before the one that goes on with it."""
    awaits: str | None = None
    """Record (hex) of an earlier call that still runs, for which its client comes again."""
    waits: int = 0
    """How often in a row it was asked to."""


class RequestStates:
    """Seals and opens states."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """`key`: 32 bytes for this purpose alone."""
        self._seal = TextSeal(key)
        self._clock = clock

    def seal(self, principal: Principal, asked: Asked, held: Held) -> str:
        """The state under which the same request may go on."""
        told = [self._clock.now() + MAX_AGE_S, held.theirs, held.parked, held.call_id, held.round]
        if held.awaits is not None:  # a process that is older reads all others
            told += [held.awaits, held.waits]
        return self._seal.close(dump(told), _bound(principal, asked))

    def open(self, text: str, principal: Principal, asked: Asked) -> Held:
        """Raises Refused: invalid-params, in the same words for states made up, changed, too old or of another request."""
        if (found := self._seal.open(text, _bound(principal, asked))) is None:
            raise _invalid()
        _, told = found
        ends, *held = json.loads(told)
        if ends < self._clock.now():
            raise _invalid()
        return Held(*held)


def _bound(principal: Principal, asked: Asked) -> bytes:
    return dump([*principal.who, asked.method, asked.name, digest(asked.arguments)])


def _invalid() -> Refused:
    return Refused(Reason.INVALID_PARAMS, "params.requestState is none that this request can go on with.")
