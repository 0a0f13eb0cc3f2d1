"""The circuit breaker: when to stop asking a server that fails, and how to find out that it no longer does.

Lives only here: what opens a breaker, for how long, and who may try first (ledger §2), as frozen states that know neither
clocks nor calls; `Circuit` holds one of them beside a clock. Every closing and opening begins a new epoch, so that a call
which left before says nothing about what came after. Must not know transports, retries or what an outcome means to the
caller. Used by `resilient.py`, which keeps one circuit per upstream and one per tool.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal, assert_never

from gateway.config.upstreams import Breaker
from gateway.ports import Clock

PROBES: Final = 3
"""Calls that a half-open breaker lets through before it opens again."""
LONGEST_OPEN_S: Final = 300.0
PROBE_WAIT_S: Final = 1.0
"""What is told to whoever comes while all probes are under way."""
_JITTER: Final = 0.2
_SLICES: Final = 10


class Sign(StrEnum):
    """What the end of one send says about the server."""

    GOOD = "good"
    """It answered; also with `isError`, for a confused agent must not open a breaker."""
    FAILED = "failed"
    UNREACHED = "unreached"
    MOOT = "moot"
    """Nothing: turned away, cancelled, or cut short by the caller's own deadline."""


class Probing(StrEnum):
    """How a call may serve as a probe."""

    FREELY = "freely"
    ALONE = "alone"
    """Only while no other probe is under way: what cannot be taken back lets reads go first."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Tally:
    """Ends of the last window in slices of (number, all, bad), oldest first."""

    slices: tuple[tuple[int, int, int], ...] = ()

    def plus(self, now: float, window_s: float, *, bad: bool) -> "Tally":
        number = int(now * _SLICES / window_s)
        kept = tuple(one for one in self.slices if number - _SLICES < one[0] < number)
        last = self.slices[-1] if self.slices and self.slices[-1][0] == number else (number, 0, 0)
        return Tally((*kept, (number, last[1] + 1, last[2] + bad)))

    def fails(self, rule: Breaker) -> bool:
        """Whether there are enough ends to judge by, and too many bad ones among them."""
        total = sum(one[1] for one in self.slices)
        return total >= rule.calls and sum(one[2] for one in self.slices) >= rule.failures * total


@dataclass(frozen=True, slots=True)
class Closed:
    epoch: int = 0
    tally: Tally = Tally()
    unreached: int = 0
    """Failed connections in a row."""
    opened: int = 0
    """How often in a row the breaker opened before; forgotten after a window without trouble."""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Open:
    epoch: int
    opened: int
    until: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    epoch: int
    opened: int
    out: int
    """Probes under way."""
    failed: int = 0


State = Closed | Open | HalfOpen


@dataclass(frozen=True, slots=True)
class Sends:
    """A call leaves; `wait_s` was asked before."""


@dataclass(frozen=True, slots=True)
class Ends:
    """A call that left in `epoch` has ended."""

    epoch: int
    sign: Sign
    chance: float
    """From [0, 1): spreads the probes of many replicas."""


@dataclass(frozen=True, slots=True)
class Lives:
    """A sign of life that no call gave: a listing succeeded."""


@dataclass(frozen=True, slots=True)
class Returns:
    """The server could not be listed, and now it can: a pause that was meant for its absence is over."""


Event = Sends | Ends | Lives | Returns


def wait_s(state: State, probing: Probing, now: float) -> float:
    """Seconds until a call may be worth sending; 0: it may leave now."""
    match state:
        case Closed():
            return 0.0
        case Open(until=until) if until > now:
            return until - now
        case Open():
            return PROBE_WAIT_S if probing is Probing.NEVER else 0.0
        case HalfOpen(out=out, failed=failed):
            full = out + failed >= PROBES or probing is Probing.NEVER or (probing is Probing.ALONE and out > 0)
            return PROBE_WAIT_S if full else 0.0
        case _:
            assert_never(state)


def following(state: State, event: Event, now: float, rule: Breaker) -> State:
    """The state after an event; `now` in monotonic seconds."""
    match event:
        case Sends():
            return _sent(state, now)
        case Ends():
            return state if event.epoch != state.epoch else _ended(state, event, now, rule)
        case Lives():
            probed = isinstance(state, HalfOpen) or (isinstance(state, Open) and state.until <= now)
            return _closed(state, now) if probed else state
        case Returns():
            return HalfOpen(state.epoch + 1, state.opened, out=0) if isinstance(state, Open) else state
        case _:
            assert_never(event)


def _sent(state: State, now: float) -> State:
    match state:
        case Open(until=until) if until <= now:
            return HalfOpen(state.epoch + 1, state.opened, out=1)
        case HalfOpen(out=out):
            return replace(state, out=out + 1)
        case Closed() | Open():
            return state
        case _:
            assert_never(state)


def _ended(state: State, end: Ends, now: float, rule: Breaker) -> State:
    match state:
        case Closed():
            return _counted(state, end, now, rule)
        case HalfOpen():
            return _probed(state, end, now, rule)
        case Open():
            return state
        case _:
            assert_never(state)


def _counted(state: Closed, end: Ends, now: float, rule: Breaker) -> State:
    if end.sign is Sign.MOOT:
        return state
    bad = end.sign is not Sign.GOOD
    window_s = rule.window.total_seconds()
    tally = state.tally.plus(now, window_s, bad=bad)
    unreached = state.unreached + 1 if end.sign is Sign.UNREACHED else 0
    if bad and (unreached >= rule.connects or tally.fails(rule)):
        before = state.opened if now - state.since < window_s else 0
        return _open(state.epoch, before, end, now, rule)
    return Closed(state.epoch, tally, unreached, state.opened, state.since)


def _probed(state: HalfOpen, end: Ends, now: float, rule: Breaker) -> State:
    match end.sign:
        case Sign.GOOD:
            return _closed(state, now)
        case Sign.MOOT:
            return replace(state, out=state.out - 1)
        case Sign.FAILED | Sign.UNREACHED if state.failed + 1 >= PROBES:
            return _open(state.epoch, state.opened, end, now, rule)
        case Sign.FAILED | Sign.UNREACHED:
            return replace(state, out=state.out - 1, failed=state.failed + 1)
        case _:
            assert_never(end.sign)


def _open(epoch: int, before: int, end: Ends, now: float, rule: Breaker) -> Open:
    """Doubles with every opening in a row; the jitter only shortens."""
    pause_s = min(LONGEST_OPEN_S, rule.open.total_seconds() * 2.0 ** min(before, 30))
    return Open(epoch + 1, before + 1, now + pause_s * (1 - _JITTER * end.chance))


def _closed(state: State, now: float) -> Closed:
    return Closed(state.epoch + 1, opened=state.opened, since=now)


class Circuit:
    """One breaker as it stands now."""

    def __init__(self, rule: Breaker, clock: Clock, chance: Callable[[], float]) -> None:
        self._rule = rule
        self._clock = clock
        self._chance = chance
        self._state: State = Closed()

    @property
    def standing(self) -> Literal["closed", "open", "half-open"]:
        """What operators read; an open breaker whose pause is over is half open, for the next call may leave."""
        match self._state:
            case Closed():
                return "closed"
            case Open(until=until) if until > self._clock.monotonic():
                return "open"
            case Open() | HalfOpen():
                return "half-open"

    def wait_s(self, probing: Probing) -> float:
        """Seconds until a call may be worth sending; 0: it may leave now."""
        return wait_s(self._state, probing, self._clock.monotonic())

    def sends(self) -> int:
        """A call leaves, which `wait_s` allowed. The epoch, for `ends`; whoever left must end."""
        self._state = following(self._state, Sends(), self._clock.monotonic(), self._rule)
        return self._state.epoch

    def ends(self, epoch: int, sign: Sign) -> None:
        """A call that left in `epoch` has ended."""
        event = Ends(epoch, sign, self._chance())
        self._state = following(self._state, event, self._clock.monotonic(), self._rule)

    def lives(self) -> None:
        """The server showed by other means than a call that it works."""
        self._state = following(self._state, Lives(), self._clock.monotonic(), self._rule)

    def returns(self) -> None:
        """The server is back."""
        self._state = following(self._state, Returns(), self._clock.monotonic(), self._rule)
