"""How a loop is answered: hint, refusal with a growing cool-down, a person's yes, pause.

Lives only here: which rung follows which. A rung is a value; a certain finding climbs, another course and the end of a
cool-down step down. Must not know how loops are found, nor who is told. Called by loops.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, assert_never

from gateway.ledger.loop_rules import Finding
from gateway.model.tool import Effect

COOL_S: Final = 30.0
_REFUSALS: Final = 3
"""After so many a person is asked."""


class Level(IntEnum):
    """What is done; the higher, the sterner."""

    HINT = 1
    REFUSE = 2
    ASK = 3
    PAUSE = 4


@dataclass(frozen=True, slots=True)
class Rung:
    """Where one caller stands with one repetition."""

    finding: Finding
    level: Level
    until: float
    """Monotonic seconds: end of the cool-down."""
    refusals: int = 0
    asked: object = None
    """The call a person is asked about; it is neither climbed over nor stepped down from before they answer."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Between which rungs calls of a tool move."""

    floor: Level
    ceiling: Level
    asks: bool
    """Whether a person can be asked: only about what leaves traces, and is the same call when it is made again."""
    waits: bool = False
    """Whether who was hinted at and took the length of a cool-down is hinted at again, as who looks now and then is."""

    @classmethod
    def of(cls, effect: Effect, *, gentle: bool, refuses: bool, asks: bool) -> "Reach":
        """`gentle`: starts at the hint whatever the effect. `refuses`: reads and unset are not only hinted at."""
        match effect:
            case Effect.MUTATING | Effect.IDEMPOTENT:
                return cls(Level.HINT if gentle else Level.REFUSE, Level.PAUSE, asks)
            case Effect.UNSET:
                return cls(Level.HINT, Level.PAUSE if refuses else Level.HINT, asks, waits=not gentle)
            case Effect.READ:
                return cls(Level.HINT, Level.REFUSE if refuses else Level.HINT, asks=False, waits=not gentle)
            case _:
                assert_never(effect)


def climbed(rung: Rung | None, finding: Finding, now: float, reach: Reach, longest_s: float) -> Rung:
    """After a certain finding. `longest_s` bounds the cool-down."""
    if rung is not None and reach.waits and rung.refusals == 0 and now >= rung.until:
        rung = None
    level = min(reach.floor if rung is None else _next(rung, now), reach.ceiling)
    if level is Level.ASK and not reach.asks:
        level = Level.PAUSE
    refusals = (0 if rung is None else rung.refusals) + (level is Level.REFUSE)
    cool_s = min(COOL_S * 2 ** (max(refusals, 1) - 1), longest_s)
    return Rung(finding, level, now + cool_s, refusals)


def doubted(finding: Finding, now: float) -> Rung:
    """After a finding that may be honest work: told once per cool-down."""
    return Rung(finding, Level.HINT, now + COOL_S)


def calmed(rung: Rung) -> Rung | None:
    """After the caller did something else."""
    if rung.asked is not None:
        return rung
    match rung.level:
        case Level.HINT:
            return None
        case Level.REFUSE | Level.ASK | Level.PAUSE:
            return replace(rung, level=Level(rung.level - 1))
        case _:
            assert_never(rung.level)


def _next(rung: Rung, now: float) -> Level:
    match rung.level:
        case Level.HINT:
            return Level.REFUSE if rung.refusals < _REFUSALS else Level.ASK
        case Level.REFUSE if now >= rung.until:
            return Level.HINT
        case Level.REFUSE:
            return Level.REFUSE if rung.refusals < _REFUSALS else Level.ASK
        case Level.ASK if rung.asked is not None:
            return Level.ASK
        case Level.ASK if now >= rung.until:
            return Level.REFUSE
        case Level.ASK | Level.PAUSE:
            return Level.PAUSE
        case _:
            assert_never(rung.level)
