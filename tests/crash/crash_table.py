"""The truth table: where the gateway dies, and what the promise (ledger §1.1, §1.8) makes of it.

A point is counted from the moment the call is made: `writer.*` is passed twice, by the group that departs (`sent` and the
intent) and by the group that settles (the answer and the terminal record). Read it from top to bottom as the road is
walked: before COMMIT of the departure nothing was sent and the retry executes; after it nobody may send again; after
COMMIT of the settlement the retry gets the answer that was kept.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

Record = tuple[str, ...]
UNHEARD: Record = ()
"""It had no effect and left no record."""
UNSENT: Record = ("intent", "failed")
IN_DOUBT: Record = ("intent", "in-doubt")
ANSWERED: Record = ("intent", "answered")


@dataclass(frozen=True, slots=True)
class Fate:
    """What one death may amount to."""

    first: Record
    """What the journal has of the call that died, after the restart."""
    effects: AbstractSet[int]
    """How often it happened; `{0, 1}` where bytes were handed to the kernel and nobody can tell."""
    retry: Literal["executes", "doubt", "replays"]


@dataclass(frozen=True, slots=True)
class Crash:
    """One death. It has two fates where another thread does the deciding step at the same moment."""

    at: str
    fates: tuple[Fate, ...]

    def __str__(self) -> str:
        return self.at

    @property
    def name(self) -> str:
        """The point without its count."""
        return self.at.partition(":")[0]


def unsent(at: str, first: Record = UNHEARD) -> Crash:
    return Crash(at, (Fate(first, {0}, "executes"),))


def in_doubt(at: str, *effects: int, first: Record = IN_DOUBT) -> Crash:
    return Crash(at, (Fate(first, set(effects), "doubt"),))


def settled(at: str) -> Crash:
    return Crash(at, (Fate(ANSWERED, {1}, "replays"),))


ROAD = (
    unsent("ledger.claiming"),
    unsent("claims.claimed"),
    unsent("writer.changed:1"),
    unsent("writer.appended:1", UNSENT),
    # The journal is synced beside the COMMIT of the ledger: which of them is first, nobody knows.
    Crash("writer.synced", unsent("", UNSENT).fates + in_doubt("", 0).fates),
    in_doubt("writer.committed:1", 0),
    in_doubt("ledger.departed", 0),
    in_doubt("upstream.before-send", 0),
    in_doubt("upstream.after-send", 0, 1),
    in_doubt("upstream.answered", 1),
    in_doubt("ledger.settling", 1),
    in_doubt("claims.finished", 1),
    in_doubt("writer.changed:2", 1),
    # The answer stands in the journal, but the ledger lost it with its transaction: doubt is the honest word.
    in_doubt("writer.appended:2", 1, first=ANSWERED),
    settled("writer.committed:2"),
    settled("ledger.settled"),
)
"""A call that finds a free slot: claimed and departed in one step."""

_TOLD = (*unsent("", UNSENT).fates, *in_doubt("", 0).fates)
_SCRIPTED = (*in_doubt("", 1).fates, *in_doubt("", 1, first=ANSWERED).fates, *settled("").fates)
REDIS_ROAD = (
    unsent("ledger.claiming"),
    # Script and journal are under way at the same time: which of them is first, nobody knows.
    Crash("writer.changed:1", (*unsent("").fates, *in_doubt("", 0, first=UNHEARD).fates)),
    Crash("writer.appended:1", _TOLD),
    Crash("writer.synced", _TOLD),
    Crash("claims.scripted:1", (*in_doubt("", 0, first=UNHEARD).fates, *in_doubt("", 0).fates)),
    in_doubt("claims.claimed", 0),
    in_doubt("ledger.departed", 0),
    in_doubt("upstream.before-send", 0),
    in_doubt("upstream.after-send", 0, 1),
    in_doubt("upstream.answered", 1),
    in_doubt("ledger.settling", 1),
    Crash("writer.changed:2", _SCRIPTED),
    Crash("writer.appended:2", _SCRIPTED),
    settled("claims.scripted:2"),
    settled("claims.finished"),
    settled("ledger.settled"),
)
"""The same call where the ledger is a server: what it decided outlives us, whether or not our journal has it."""

RESOLVING = ("claims.resolving", "writer.committed:2", "claims.resolved")
"""A person settles a doubt: the order is in the journal, then the word and its entry are written in one step."""
REDIS_RESOLVING = ("claims.resolving", "writer.synced:2", "claims.journaled", "claims.resolved")
"""First looked at, then written down, then done."""

QUEUED = (unsent("ledger.claimed"), unsent("claims.departed"), in_doubt("ledger.departed", 0))
"""A call that had to wait for a slot: claimed first, departed later."""
REDIS_QUEUED = (unsent("ledger.claimed"), in_doubt("claims.departed", 0), in_doubt("ledger.departed", 0))

STDIO = (in_doubt("upstream.before-send", 0), in_doubt("upstream.after-send", 0, 1), in_doubt("upstream.answered", 1))
"""The same points toward a child process."""

_ROTATION = ("journal.rotate.synced", "journal.rotate.created", "journal.rotate.written", "journal.rotate.switched")
DEPARTING = tuple(unsent(at) for at in _ROTATION)
"""The segment is full when the intent is to be written."""
SETTLING = tuple(in_doubt(at, 1) for at in _ROTATION)
"""The segment is full when the terminal record is to be written."""
REDIS_ROTATING = tuple(Crash(at, (*unsent("").fates, *in_doubt("", 0, first=UNHEARD).fates)) for at in _ROTATION)
"""The segment is full when the intent is to be written, while the script is under way."""

FIRST_START = ("state.writing:1", "state.writing:2", *_ROTATION[1:])
"""Points that only the very first start passes for sure, while it makes its secrets and its journal."""
RECOVERY = ("writer.changed", "writer.committed", "writer.appended", "writer.synced")
"""Points a start passes while it closes what the process before it left open."""

_ROADS = (ROAD, QUEUED, STDIO, DEPARTING, SETTLING)
_REDIS_ROADS = (REDIS_ROAD, REDIS_QUEUED, REDIS_ROTATING)


def _names(tables: Iterable[Iterable[Crash]], others: Iterable[str]) -> frozenset[str]:
    return frozenset({crash.name for table in tables for crash in table} | {at.partition(":")[0] for at in others})


POINTS = _names(_ROADS, (*FIRST_START, *RECOVERY, *RESOLVING))
REDIS_POINTS = _names(_REDIS_ROADS, REDIS_RESOLVING)
