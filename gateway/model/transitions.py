"""The transitions of one ledger record, as pure decisions (ledger §1.4).

Everything that affects the state machine lives in this file: a store reads a row, asks here, writes what it is told, all
inside one transaction or script. Safety hangs on two rules: whoever may send holds the row's token while the row is
`claimed`, and nothing leads from `sent` or `doubt` back to `claimed` but a proof that nothing was carried out, the word of
a probe or a person, or the operator's word that repeating is harmless. Leases and lifetimes only serve liveness. Must not
know SQL or waiting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never

from gateway.model.claim import Claim, ClaimAnswer, Done, Ending, Found, InDoubt, Mismatch, NotDone, State, Won

RETRYABLE_S: Final = 600.0
"""How long a record that was given back remembers its fingerprint."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of the store's clock."""

    wall: float
    """Unix seconds: lifetimes, which outlive the process."""
    steady: float
    """Monotonic seconds: leases, which a stepped clock must not end. They mean nothing to another process."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record without what was kept: that is large and sealed, and no decision needs it."""

    fingerprint: bytes
    state: State
    token: int
    """Drawn at random for every claim. Counted tokens would begin again at 1 once a row was purged, and a stalled holder
    of the old 1 would pass for the new one."""
    owner: str
    lease_until: float
    """By the steady clock: the end of the lease, and of a settled row's lifetime."""
    call_id: str
    since: float
    began: float
    """`since` by the steady clock."""
    origin: str
    """The first call of this execution, by which the tool recognises a second send of it."""
    ends_at: float | None = None
    """Set exactly when the row is `done` or `retryable`: a lifetime on `sent` or `doubt` is a duplicate later."""
    delivered: bool = False
    doubted_at: float | None = None
    """Unix seconds when the send began that is in doubt while this claim sends again; nothing unsent ends that doubt."""
    doubted_began: float = 0.0
    """The same by the steady clock."""


After = Row | Literal["lost"]
"""The row to write; `lost` changes nothing (the token is not the row's any more). No transition deletes a row: one that is
over counts as absent, and still says what became of its call."""


def claim(
    rows: Sequence[Row | None], asked: Claim, token: int, now: Moment, *, departing: bool
) -> tuple[ClaimAnswer, Sequence[Row | None]]:
    """Who executes? Returns the answer, and the rows as they stand after it (the same objects where nothing changed).

    `rows` are what stands for `asked.also`, where it is set, and for `asked.record`: the first one that is in the way
    decides, and who wins has both.
    """
    after = list(rows)
    for n, row in enumerate(rows):
        after[n] = _aged(row, now)
        if (answer := _in_the_way(after[n], asked, now)) is not None:
            return answer, after
    before = [
        row for row in after if row is not None and row.state is not State.DONE and not _over(row, asked.owner, now)
    ]
    doubts = [row for row in before if row.state is State.DOUBT]
    origin = before[-1].origin if before else asked.call_id
    won = Row(
        asked.fingerprint,
        State.SENT if departing else State.CLAIMED,
        token,
        asked.owner,
        now.steady + asked.lease_s,
        asked.call_id,
        now.wall,
        now.steady,
        origin,
        doubted_at=min((_first_sent(row) for row in doubts), default=None),
        doubted_began=min((_first_began(row, asked.owner, now) for row in doubts), default=0.0),
    )
    return Won(token, departing, origin, resends=bool(doubts)), [won] * len(rows)


def _in_the_way(row: Row | None, asked: Claim, now: Moment) -> Found | Mismatch | None:
    if row is None or _over(row, asked.owner, now):
        return None
    if row.fingerprint != asked.fingerprint:
        return Mismatch()
    match row.state:
        case State.RETRYABLE:
            return None
        case State.CLAIMED if row.lease_until <= now.steady:
            return None
        case State.DOUBT if _young(row, asked, now):
            return None
        case State.CLAIMED | State.SENT | State.DONE | State.DOUBT as state:
            return Found(state, None, row.call_id, row.delivered, row.token, row.since)
        case _:
            assert_never(row.state)


def _aged(row: Row | None, now: Moment) -> Row | None:
    """What was sent and outlived its lease is in doubt; so is what was claimed to be sent again, and was not."""
    if row is None or row.lease_until > now.steady:
        return row
    if row.state is State.SENT or (row.state is State.CLAIMED and row.doubted_at is not None):
        return replace(row, state=State.DOUBT)
    return row


def _over(row: Row, owner: str, now: Moment) -> bool:
    """Both clocks must say so while the process lives that settled it: a step of the wall clock ends no window."""
    return row.ends_at is not None and row.ends_at <= now.wall and (row.owner != owner or row.lease_until <= now.steady)


def _young(row: Row, asked: Claim, now: Moment) -> bool:
    """Whether a doubt may be claimed anew; a clock that went back proves no youth."""
    within_s = asked.resend_within_s
    if within_s is None or within_s == math.inf:
        return within_s is not None
    steady_s = now.steady - _first_began(row, asked.owner, now)
    return 0 <= now.wall - _first_sent(row) < within_s and steady_s < within_s


def _first_sent(row: Row) -> float:
    """When the first send began of which nobody knows what it did (Unix seconds)."""
    return row.since if row.doubted_at is None else row.doubted_at


def _first_began(row: Row, owner: str, now: Moment) -> float:
    """The same by the steady clock, which of another process says nothing."""
    if row.owner != owner:
        return now.steady
    return row.began if row.doubted_at is None else row.doubted_began


def depart(row: Row | None, token: int, asked: Claim, now: Moment) -> After:
    """claimed → sent, for the holder of the token whose lease is not over; its age counts from here.

    What is sent again must be harmless still: it may have waited for a person or for a slot since it was claimed.
    """
    if row is None or row.token != token or row.state is not State.CLAIMED or row.lease_until <= now.steady:
        return "lost"
    if row.doubted_at is not None and not _young(row, asked, now):
        return "lost"
    return replace(row, state=State.SENT, lease_until=now.steady + asked.lease_s, since=now.wall, began=now.steady)


def renew(row: Row | None, token: int, asked: Claim, now: Moment) -> After:
    """What is sent stays sent for another lease."""
    if row is None or row.token != token or row.state is not State.SENT:
        return "lost"
    return replace(row, lease_until=now.steady + asked.lease_s)


def finish(row: Row | None, token: int, ending: Ending, now: Moment, *, second: bool) -> After:
    """claimed | sent | doubt → done; claimed | sent → retryable; sent → doubt. `second`: of the record guarded beside.

    The first ending of a token wins. A late proof that nothing was sent does not lift a doubt: only an answer does,
    because somebody may have acted on the doubt meanwhile. What was sent again goes back into doubt: that it was not sent
    this time says nothing of the first.
    """
    if row is None or row.token != token:
        return "lost"
    match ending:
        case Done() if row.state in {State.CLAIMED, State.SENT, State.DOUBT}:
            return _settled(row, ending, now, second=second)
        case NotDone() if row.state in {State.CLAIMED, State.SENT} and row.doubted_at is not None:
            return replace(row, state=State.DOUBT)
        case NotDone() if row.state in {State.CLAIMED, State.SENT}:
            return _settled(row, ending, now, second=second)
        case InDoubt() if row.state in {State.SENT, State.DOUBT}:
            return replace(row, state=State.DOUBT)
        case _:
            return "lost"


def resolve(row: Row | None, token: int, verdict: Done | NotDone, now: Moment, *, second: bool) -> After:
    """doubt → done | retryable, by the word of a probe or a person."""
    row = _aged(row, now)
    if row is None or row.token != token or row.state is not State.DOUBT:
        return "lost"
    return _settled(row, verdict, now, second=second)


def delivered(row: Row | None, token: int, keep_s: float, now: Moment) -> After:
    """A done record whose answer has arrived ends `keep_s` seconds from now, and never later than it would have."""
    if row is None or row.token != token or row.ends_at is None or row.state is not State.DONE:
        return "lost"
    return replace(
        row,
        delivered=True,
        ends_at=min(row.ends_at, now.wall + keep_s),
        lease_until=min(row.lease_until, now.steady + keep_s),
    )


def _settled(row: Row, ending: Done | NotDone, now: Moment, *, second: bool) -> Row:
    match ending:
        case Done(keep_s=keep_s, also_keep_s=also_keep_s):
            state, stays_s = State.DONE, max(keep_s, also_keep_s) if second else keep_s
        case NotDone():
            state, stays_s = State.RETRYABLE, RETRYABLE_S
        case _:
            assert_never(ending)
    return replace(row, state=state, ends_at=now.wall + stays_s, lease_until=now.steady + stays_s, doubted_at=None)
