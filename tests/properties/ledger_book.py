"""What the promise of the ledger says, kept in a book of its own: the oracle of the ledger's machines.

Written from ledger §1.1 and §1.4 and not from the stores' code. An attempt is one claim that won. It has one or two records
until somebody else wins them, is sent at most once, and ends by an answer, a proof, or the word of a person or a probe.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.model.claim import Claim, Kept

FORGOTTEN_S = 600.0
"""A record that was given back knows its call's fingerprint for so long."""

Stage = Literal["held", "sent", "doubt", "done", "free"]


@dataclass
class Times:
    """What the clocks show. `steady` counts anew in every life of the process."""

    wall: float = 1_790_000_000.0
    steady: float = 1000.0
    life: int = 0
    one_clock: bool = False
    """The store has but one clock, and no life of its own."""

    @property
    def lease(self) -> float:
        return self.wall if self.one_clock else self.steady


@dataclass(eq=False)
class Attempt:
    claim: Claim
    token: int
    life: int
    since: float
    began: float
    lease_until: float
    again: tuple[float, float] | None = None
    """When the send began that is in doubt and that this one repeats, by both clocks: only an answer or a word ends that."""
    stage: Stage = "held"
    kept: Kept | None = None
    ends: dict[bytes, tuple[float, float]] = field(default_factory=dict)
    """Of each record, once it is settled: when it is over by the wall clock, and by the steady one."""
    vague: set[bytes] = field(default_factory=set)
    """Records that were over once. If the clock goes back, the store may or may not remember them."""

    @property
    def records(self) -> tuple[bytes, ...]:
        return (self.claim.record,) if self.claim.also is None else (self.claim.also, self.claim.record)


Found = tuple[str, str]
"""The stage that is in the way, and whose."""


class Book:
    def __init__(self, times: Times) -> None:
        self.times = times
        self.owner: dict[bytes, Attempt] = {}

    def has(self, attempt: Attempt) -> list[bytes]:
        return [record for record in attempt.records if self.owner.get(record) is attempt]

    def attempts(self) -> Iterator[Attempt]:
        yield from dict.fromkeys(self.owner.values())

    # -- what may happen ----------------------------------------------------------------------------------------------

    def obstacles(self, asked: Claim) -> tuple[list[str | Found], bool]:
        """What may stop this claim: `mismatch` or what is in the way, the first one last; and whether it may win."""
        may: list[str | Found] = []
        for record in (asked.record,) if asked.also is None else (asked.also, asked.record):
            attempt = self.owner.get(record)
            if attempt is None or self._over(attempt, record):
                continue
            says = self._says(attempt, asked)
            if says is None:
                continue
            may.append(says)
            if record not in attempt.vague:
                return may, False
        return may, True

    def _says(self, attempt: Attempt, asked: Claim) -> str | Found | None:
        self._lapse(attempt)
        if attempt.claim.fingerprint != asked.fingerprint:
            return "mismatch"
        late = attempt.lease_until <= self.times.lease
        harmless = attempt.stage == "doubt" and self._licensed(attempt, asked.resend_within_s)
        if attempt.stage == "free" or (attempt.stage == "held" and late) or harmless:
            return None
        return attempt.stage, attempt.claim.call_id

    def _licensed(self, attempt: Attempt, within_s: float | None) -> bool:
        """Whether the operator said that a second send does no harm now."""
        if within_s is None:
            return False
        wall, steady = self._first_sent(attempt)
        return within_s == float("inf") or (
            0 <= self.times.wall - wall < within_s and self.times.steady - steady < within_s
        )

    def _first_sent(self, attempt: Attempt) -> tuple[float, float]:
        """By both clocks; the steady one of another life says nothing."""
        wall, steady = attempt.again or (attempt.since, attempt.began)
        return wall, steady if self._alive(attempt) else self.times.steady

    def _alive(self, attempt: Attempt) -> bool:
        return attempt.life == self.times.life and not self.times.one_clock

    def _lapse(self, attempt: Attempt) -> None:
        """Somebody looked: what was sent, now or before, and outlived its lease is in doubt."""
        if self._went_out(attempt) and attempt.lease_until <= self.times.lease:
            attempt.stage = "doubt"

    def _went_out(self, attempt: Attempt) -> bool:
        return attempt.stage == "sent" or (attempt.stage == "held" and attempt.again is not None)

    def _over(self, attempt: Attempt, record: bytes) -> bool:
        if record not in attempt.ends:
            return False
        wall, steady = attempt.ends[record]
        return wall <= self.times.wall and (not self._alive(attempt) or steady <= self.times.steady)

    # -- what happened ------------------------------------------------------------------------------------------------

    def won(self, claim: Claim, token: int, *, departed: bool) -> Attempt:
        """Raises AssertionError where a send may have counted that this one would repeat."""
        now = self.times
        attempt = Attempt(claim, token, now.life, now.wall, now.steady, now.lease + claim.lease_s)
        for record in attempt.records:
            before = self.owner.get(record)
            if before is not None and (before.stage == "doubt" or self._went_out(before)):
                assert self._licensed(before, claim.resend_within_s), "sent twice"
                assert before.stage == "doubt", "sent again while it may be under way"
                wall, steady = zip(self._first_sent(before), attempt.again or self._first_sent(before), strict=True)
                attempt.again = min(wall), min(steady)
            if before is not None and before.stage == "done":
                assert self._over(before, record) or record in before.vague, "sent twice, though it was answered"
            self.owner[record] = attempt
        if departed:
            attempt.stage = "sent"
        return attempt

    def may_depart(self, attempt: Attempt) -> bool:
        mine = len(self.has(attempt)) == len(attempt.records)
        harmless = attempt.again is None or self._licensed(attempt, attempt.claim.resend_within_s)
        return mine and harmless and attempt.stage == "held" and self.times.lease < attempt.lease_until

    def departed(self, attempt: Attempt) -> None:
        now = self.times
        attempt.stage, attempt.since, attempt.began = "sent", now.wall, now.steady
        attempt.lease_until = now.lease + attempt.claim.lease_s

    def renewed(self, attempt: Attempt) -> None:
        if attempt.stage == "sent":
            attempt.lease_until = self.times.lease + attempt.claim.lease_s

    def may_end(self, attempt: Attempt, stage: Stage) -> bool:
        if not self.has(attempt):
            return False
        open_: dict[Stage, set[Stage]] = {
            "done": {"held", "sent", "doubt"},
            "free": {"held", "sent"},
            "doubt": {"sent", "doubt"},
        }
        return attempt.stage in open_[stage]

    def may_be_settled(self, attempt: Attempt, record: bytes) -> bool:
        self._lapse(attempt)
        return record in self.has(attempt) and attempt.stage == "doubt"

    def ended(
        self,
        attempt: Attempt,
        stage: Stage,
        keeps: Sequence[float] = (0.0, 0.0),
        kept: Kept | None = None,
        by: bytes = b"",
    ) -> None:
        """`by`: the record under which somebody settled it."""
        if stage == "free" and attempt.again is not None and not by:
            stage = "doubt"  # that this send did not happen says nothing of the one before
        attempt.stage, attempt.kept = stage, kept
        for record in self.has(attempt) if stage in {"done", "free"} else []:
            first = record == (by or attempt.claim.record)
            keep_s = FORGOTTEN_S if stage == "free" else keeps[0] if first else max(keeps)
            attempt.ends[record] = (self.times.wall + keep_s, self.times.steady + keep_s)
        self.passed()

    def delivered(self, attempt: Attempt, keep_s: float) -> None:
        record = attempt.claim.record
        if attempt.stage == "done" and record in self.has(attempt):
            wall, steady = attempt.ends[record]
            attempt.ends[record] = (min(wall, self.times.wall + keep_s), min(steady, self.times.steady + keep_s))
        self.passed()

    def passed(self) -> None:
        """After every change of the clocks."""
        for attempt in self.attempts():
            attempt.vague |= {record for record in self.has(attempt) if self._over(attempt, record)}

    def died(self) -> None:
        """The process; a store of its own closes what it left."""
        self.times.life += 1
        if self.times.one_clock:
            return
        for record, attempt in list(self.owner.items()):
            if self._went_out(attempt):
                attempt.stage = "doubt"
            elif attempt.stage == "held":
                del self.owner[record]
        self.passed()

    def doubts(self) -> dict[str, Attempt]:
        """By the name of the call."""
        for attempt in self.attempts():
            self._lapse(attempt)
        return {attempt.claim.call_id: attempt for attempt in self.attempts() if attempt.stage == "doubt"}
