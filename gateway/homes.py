"""The seams toward what is durable: stores of the ledger, approvals and kill switch, the journal and its writer.

Lives only here: Protocols that a home (SQLite, Redis) implements and rooms are given; one contract test for each stands in
tests/contract. Imports nothing of ours but `model`. Must not know SQL, Lua or files. Read beside `ports.py`, which holds
the seams between the rooms themselves.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from gateway.model.approval import Approval, Vote
from gateway.model.claim import Claim, ClaimAnswer, Departure, Done, Doubted, Ending, NotDone, State
from gateway.model.spend import Counter, Spend
from gateway.model.stop import Stop, StopKind
from gateway.model.work import Entry, Work


class ClaimStore(Protocol):
    """Durable home of the ledger's records."""

    async def claim(self, claim: Claim, intent: Entry | None) -> ClaimAnswer:
        """With an intent: claim, `sent` and intent in one durable step. Raises StoreUnavailable, JournalUnavailable."""

    async def depart(self, claim: Claim, token: int, intent: Entry, approval: str | None = None) -> Departure:
        """Makes `sent` and the intent durable and, in the same step, consumes the approval with this id.

        Nothing may be sent unless the answer is DEPARTED. Raises StoreUnavailable, JournalUnavailable.
        """

    async def renew(self, claim: Claim, token: int) -> None:
        """The lease of what is sent under this token begins anew; of anything else nothing changes. Raises StoreUnavailable."""

    async def finish(self, claim: Claim, token: int, ending: Ending, terminal: Entry | None) -> bool:
        """claimed | sent | doubt → done, claimed | sent → retryable, sent → doubt; False when the token was lost.

        `NotDone` gives back what the claim spent (`Claim.spends`), once. Raises StoreUnavailable.
        """

    def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        """Not waited for: the record now ends `keep_s` seconds from now (0 forgets it)."""

    async def changed(self, claim: Claim, within_s: float) -> bool:
        """Waits until another process may have changed the record, at most `within_s`. False at once: nobody can."""

    async def recover(self) -> Sequence[str]:
        """At start: closes what the last owner of this home left; the records that came into doubt by it (hex)."""

    async def fate(self, record: str, call_id: str) -> State | None:
        """What became of a call whose process is gone; None when the record (hex) is not, or no longer, this call's.

        A call found `sent` is in doubt from then on. Raises StoreUnavailable.
        """

    async def doubts(self) -> Sequence[Doubted]:
        """Every call in doubt, oldest first, at most `claim.DOUBTS`; one that was sent and outlived its lease is in doubt
        from then on. Raises StoreUnavailable.
        """

    async def resolve(self, record: bytes, token: int, verdict: Done | NotDone, entry: Entry) -> bool:
        """doubt → done | retryable by the word of a probe or a person, with its journal entry, both durable.

        False, and nothing is written, when the record is not in doubt under this token any more. `NotDone` gives back what
        the claim spent. Raises StoreUnavailable, JournalUnavailable; then it may be in doubt still.
        """


class ApprovalStore(Protocol):
    """Durable home of approvals. Time comes from the caller as Unix seconds; a decision is final."""

    async def ask(self, wanted: Approval) -> Approval | None:
        """The approval that stands for `wanted.record` and `wanted.binding`; else `wanted`, pending from now on.

        One that is pending or approved for the same record under another binding becomes void in the same step. An
        expired, consumed or void one makes room for `wanted`. A denial stands for `approval.DENIAL_S`, also for the same
        binding under another record, unless that record has an approval standing. None, and nothing new is kept, when
        the agent (in its tenant) has `approval.PENDING_PER_AGENT` questions pending. Raises StoreUnavailable.
        """

    async def decide(self, id: str, vote: Vote) -> Approval | None:  # noqa: A002
        """pending → approved | denied, once. The approval as it stands afterwards; None when there is none."""

    async def get(self, id: str) -> Approval | None: ...  # noqa: A002

    async def all(self) -> Sequence[Approval]:
        """Everything kept, newest first, at most 1,000; ended ones are kept for `approval.KEPT_S`."""

    async def changed(self, id: str, within_s: float) -> None:  # noqa: A002
        """Returns when the approval may have changed, and at the latest after `within_s`."""


class BudgetStore(Protocol):
    """Counters that several processes share (Redis); one process counts in memory."""

    async def take(self, spend: Spend, wanted: int, owed: int) -> tuple[int, int]:
        """Takes up to `wanted` out of a counter, at least `spend.amount`; how much was had, and how much is used then.

        Where not even that is left, what is left goes toward what the taker owes. What is taken is paid for: never an
        overshoot. Raises StoreUnavailable.
        """

    def give_back(self, counter: Counter, start: float, amount: int) -> None:
        """Returns what was taken to the window that began at `start`, if it is open still. Not waited for.

        Below zero it charges what was used beyond that.
        """

    async def usage(self) -> Sequence[tuple[Counter, int, int, float | None]]:
        """Every counter that is kept: used, held by claims, and when it resets. Raises StoreUnavailable."""


class StopStore(Protocol):
    """Durable home of the kill switch."""

    async def put(self, stop: Stop) -> None: ...
    async def lift(self, kind: StopKind, target: str) -> bool: ...
    async def all(self) -> Sequence[Stop]: ...


class EndedSessions(Protocol):
    """Tombstones of legacy sessions, known to every process that could read the session id."""

    def __contains__(self, key: bytes) -> bool: ...

    def add(self, key: bytes, until: float) -> None:
        """Ended until Unix time `until`; told to other processes without being waited for."""


class FirstSeen(Protocol):
    """Whether a name was shown before: guards single-use assertions."""

    async def first(self, name: str, ttl_s: float) -> bool:
        """True exactly once per name within `ttl_s` seconds, over all processes that share the home."""


class Journal(Protocol):
    """The append-only truth. Called on the writer thread only."""

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Writes entries, chained. Raises OSError; then nothing of this call counts as written."""

    def sync(self) -> None:
        """fdatasync. Raises OSError; then nothing of the last `append` counts as written."""


class Writer(Protocol):
    """The one writer thread: takes whatever is queued, no timer."""

    def submit(self, work: Work) -> Awaitable[Any]:
        """Raises JournalUnavailable, StoreUnavailable, or what `change` raised."""

    def ride(self, change: Callable[[Any], Any]) -> None:
        """Queues a change that costs no commit of its own: it runs with the next group that commits, or at close."""
