"""The transitions of one ledger record, as pure decisions (ledger §1.4).

Everything that affects the state machine lives in this file: a store reads a row, asks here, writes what it is told, all
inside one transaction or script. Safety hangs on two rules: whoever may send holds the row's token while the row is
`claimed`, and nothing leads from `sent` or `doubt` back to `claimed` but a proof that nothing was carried out (or the
operator's word that repeating is harmless). Leases and lifetimes only serve liveness. Must not know SQL or waiting.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from gateway.model.claim import Claim, ClaimAnswer, Done, Ending, Found, InDoubt, Mismatch, NotDone, State, Won

RETRYABLE_S = 600.0
"""How long a record that was given back remembers its fingerprint."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of the store's clock."""

    wall: float
    """Unix seconds: lifetimes, which outlive the process."""
    steady: float
    """Monotonic seconds: leases, which a stepped clock must not end."""


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
    """Means something while `claimed` or `sent`."""
    call_id: str
    since: float
    ends_at: float | None = None
    """Set exactly when the row is `done` or `retryable`: a lifetime on `sent` or `doubt` is a duplicate later."""
    delivered: bool = False


After = Row | Literal["lost"]
"""The row to write; `lost` changes nothing (the token is not the row's any more). No transition deletes a row: one that is
over counts as absent, and still says what became of its call."""


def claim(row: Row | None, asked: Claim, token: int, now: Moment, *, departing: bool) -> tuple[ClaimAnswer, Row]:
    """Who executes? Returns the answer, and the row as it stands after it (`row` itself when nothing changed)."""
    won = Row(
        asked.fingerprint,
        State.SENT if departing else State.CLAIMED,
        token,
        asked.owner,
        now.steady + asked.lease_s,
        asked.call_id,
        now.wall,
    )
    if row is None or (row.ends_at is not None and row.ends_at <= now.wall):
        return Won(token, departing), won
    if row.fingerprint != asked.fingerprint:
        return Mismatch(), row
    lease_over = row.lease_until <= now.steady
    if row.state is State.SENT and lease_over:
        row = replace(row, state=State.DOUBT)
    match row.state:
        case State.RETRYABLE:
            return Won(token, departing), won
        case State.CLAIMED if lease_over:
            return Won(token, departing), won
        case State.DOUBT if asked.resend_within_s is not None and now.wall - row.since < asked.resend_within_s:
            return Won(token, departing), won
        case State.CLAIMED | State.SENT | State.DONE | State.DOUBT as state:
            return Found(state, None, row.call_id, row.delivered, row.token, row.since), row
        case _:
            assert_never(row.state)


def depart(row: Row | None, token: int, lease_s: float, now: Moment) -> After:
    """claimed → sent, for the holder of the token whose lease is not over."""
    if row is None or row.token != token or row.state is not State.CLAIMED or row.lease_until <= now.steady:
        return "lost"
    return replace(row, state=State.SENT, lease_until=now.steady + lease_s)


def finish(row: Row | None, token: int, ending: Ending, now: Moment) -> After:
    """claimed | sent | doubt → done; claimed | sent → retryable; sent → doubt.

    The first ending of a token wins. A late proof that nothing was sent does not lift a doubt: only an answer does,
    because somebody may have acted on the doubt meanwhile.
    """
    if row is None or row.token != token:
        return "lost"
    match ending, row.state:
        case Done(keep_s=keep_s), State.CLAIMED | State.SENT | State.DOUBT:
            return replace(row, state=State.DONE, ends_at=now.wall + keep_s)
        case NotDone(), State.CLAIMED | State.SENT:
            return replace(row, state=State.RETRYABLE, ends_at=now.wall + RETRYABLE_S)
        case InDoubt(), State.SENT | State.DOUBT:
            return replace(row, state=State.DOUBT)
        case _:
            return "lost"


def delivered(row: Row | None, token: int, keep_s: float, now: Moment) -> After:
    """A done record whose answer has arrived ends `keep_s` seconds from now, and never later than it would have."""
    if row is None or row.token != token or row.ends_at is None or row.state is not State.DONE:
        return "lost"
    return replace(row, delivered=True, ends_at=min(row.ends_at, now.wall + keep_s))
