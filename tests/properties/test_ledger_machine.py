"""The promise of ledger §1.1 as a machine: whatever actors, clocks and crashes do, no send is repeated that may have counted.

Actors claim one record or two, depart, get answers, prove that nothing was sent, lose answers, stall past leases and die
with the process; people and probes settle doubts; clocks step. The book (`ledger_book.py`) says what may happen; the store is
the real one over a real SQLite file in memory (`test_ledger_machine_redis.py`: over a real server).
"""

import math
import sqlite3
from collections.abc import Coroutine, Generator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule
from ledger_book import Attempt, Book, Times

from gateway.model.claim import Claim, Departure, Done, Found, InDoubt, Kept, Mismatch, NotDone, State, Won
from gateway.model.work import Work
from gateway.store.ledger_sqlite import SCHEMA, SqliteClaims

LEASE_S = 30.0
NAMES = [b"a" * 32, b"b" * 32, b"c" * 32]
RECORDS = st.sampled_from(NAMES[:2])
ALSO = st.sampled_from([None, None, NAMES[1], NAMES[2]])
FINGERPRINTS = st.sampled_from([b"f" * 32] * 7 + [b"g" * 32])
RESENDS = st.sampled_from([None, None, None, 100.0, 1000.0, math.inf])
KEEPS = st.sampled_from([0.0, 60.0, 86_400.0])
STAGES = {State.CLAIMED: "held", State.SENT: "sent", State.DONE: "done", State.DOUBT: "doubt"}


class Ready:
    """An awaitable that has its value already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, Any]:
        return self._value
        yield


class InlineWriter:
    """A writer without a thread: every work is one transaction, riders first."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._riders: list[Any] = []
        for statement in SCHEMA:
            self._db.execute(statement)

    def submit(self, work: Work) -> Ready:
        self._db.execute("BEGIN IMMEDIATE")
        while self._riders:
            self._riders.pop(0)(self._db)
        assert work.change is not None
        value = work.change(self._db)
        self._db.execute("COMMIT")
        return Ready(value)

    def ride(self, change: Any) -> None:
        self._riders.append(change)

    def close(self) -> None:
        self._db.close()


class BookClock:
    def __init__(self, times: Times) -> None:
        self._times = times

    def now(self) -> float:
        return self._times.wall

    def monotonic(self) -> float:
        return self._times.steady


class LedgerMachine(RuleBasedStateMachine):
    held = Bundle("held")
    sent = Bundle("sent")

    @initialize()
    def open(self) -> None:
        self.times, self.calls = Times(), 0
        self.book, self.writer = Book(self.times), InlineWriter()
        self.store: Any = SqliteClaims(self.writer, BookClock(self.times), b"secret" * 6, lambda _: None)

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("the store waited for something")

    def delivered(self, attempt: Attempt, keep_s: float) -> None:
        self.store.delivered(attempt.claim, attempt.token, keep_s)

    def _here(self, attempt: Attempt) -> bool:
        """Whether the process lives that made the attempt: another one knows no token."""
        return attempt.life == self.times.life

    def _claimed(
        self, record: bytes, also: bytes | None, fingerprint: bytes, resend: float | None, *, departing: bool
    ) -> Any:
        self.calls += 1
        also = None if also == record else also
        call_id, owner = f"call-{self.calls}", f"life {self.times.life}"
        claim = Claim(record, fingerprint, call_id, owner, LEASE_S, resend, (), also, call_id.encode())
        may, may_win = self.book.obstacles(claim)
        match self.run(self.store.claim(claim, dict if departing else None)):
            case Won(token=token, departed=departed):
                assert may_win, may
                assert departed is departing
                return self.book.won(claim, token, departed=departing)
            case Found(state, kept, found):
                assert (STAGES[state], found) in may
                theirs = next(one for one in self.book.attempts() if one.claim.call_id == found)
                forgotten = bool(theirs.vague) and kept is not None and kept.kind == "withheld"
                assert kept == theirs.kept or forgotten
            case Mismatch():
                assert "mismatch" in may
            case answer:
                raise AssertionError(answer)
        return multiple()

    @rule(target=held, record=RECORDS, also=ALSO, fingerprint=FINGERPRINTS, resend=RESENDS)
    def claim(self, record: bytes, also: bytes | None, fingerprint: bytes, resend: float | None) -> Any:
        return self._claimed(record, also, fingerprint, resend, departing=False)

    @rule(target=sent, record=RECORDS, also=ALSO, fingerprint=FINGERPRINTS, resend=RESENDS)
    def claim_and_send(self, record: bytes, also: bytes | None, fingerprint: bytes, resend: float | None) -> Any:
        return self._claimed(record, also, fingerprint, resend, departing=True)

    @rule(target=sent, attempt=consumes(held))
    def send(self, attempt: Attempt) -> Any:
        if not self._here(attempt):
            return multiple()
        departed = self.run(self.store.depart(attempt.claim, attempt.token, dict)) is Departure.DEPARTED
        assert departed is self.book.may_depart(attempt)
        if not departed:
            return multiple()
        self.book.departed(attempt)
        return attempt

    @rule(attempt=sent)
    def renew(self, attempt: Attempt) -> None:
        """Also of what has ended meanwhile, which stays as it is."""
        if self._here(attempt):
            self.run(self.store.renew(attempt.claim, attempt.token))
            self.book.renewed(attempt)

    @rule(attempt=held)
    def release(self, attempt: Attempt) -> None:
        """Not consumed: a released or overtaken actor may come again, and must not matter."""
        self.prove_unsent(attempt)

    @rule(attempt=sent)
    def prove_unsent(self, attempt: Attempt) -> None:
        if self._here(attempt):
            self._end(attempt, NotDone())

    @rule(attempt=sent)
    def lose_the_answer(self, attempt: Attempt) -> None:
        if self._here(attempt):
            self._end(attempt, InDoubt())

    @rule(attempt=sent, keep_s=KEEPS, also_keep_s=KEEPS)
    def answer(self, attempt: Attempt, keep_s: float, also_keep_s: float) -> None:
        """Also a second answer to the same call, and one that comes after somebody's word: the first one stands."""
        if self._here(attempt):
            self._end(attempt, Done(self._kept(attempt), keep_s, also_keep_s))

    def _kept(self, attempt: Attempt) -> Kept:
        body = f"answer {self.calls} {self.times.wall}".encode()
        return Kept("result", body, "0" * 64, len(body), is_error=False, call_id=attempt.claim.call_id, at=1.0)

    def _end(self, attempt: Attempt, ending: Any) -> None:
        stage = self._stage(ending)
        may = self.book.may_end(attempt, stage)
        assert self.run(self.store.finish(attempt.claim, attempt.token, ending, None)) is may
        if may:
            self._ended(attempt, ending)

    def _stage(self, ending: Any) -> Any:
        return {Done: "done", NotDone: "free", InDoubt: "doubt"}[type(ending)]

    def _ended(self, attempt: Attempt, ending: Any, by: bytes = b"") -> None:
        done = isinstance(ending, Done)
        keeps = (ending.keep_s, ending.also_keep_s) if done else (0.0, 0.0)
        self.book.ended(attempt, self._stage(ending), keeps, ending.kept if done else None, by)

    @rule(attempt=sent, keep_s=KEEPS)
    def deliver(self, attempt: Attempt, keep_s: float) -> None:
        if self._here(attempt):
            self.delivered(attempt, keep_s)
            self.book.delivered(attempt, keep_s)

    @rule()
    def ask_for_doubts(self) -> None:
        told = self.run(self.store.doubts())
        known = self.book.doubts()
        assert {one.call_id: (one.token, one.since, one.about) for one in told} == {
            name: (attempt.token, attempt.since, name.encode()) for name, attempt in known.items()
        }
        assert len(told) == len(known)
        assert [one.since for one in told] == sorted(one.since for one in told)
        for one in told:
            attempt = known[one.call_id]
            mine = self.book.has(attempt)
            assert one.record == (attempt.claim.record if attempt.claim.record in mine else mine[0])

    @rule(attempt=sent, carried_out=st.booleans(), second=st.booleans(), keep_s=KEEPS, also_keep_s=KEEPS)
    def say(self, attempt: Attempt, carried_out: bool, second: bool, keep_s: float, also_keep_s: float) -> None:
        """A person or a probe, which may be wrong; from any process."""
        record = attempt.records[0] if second else attempt.claim.record
        verdict = Done(self._kept(attempt), keep_s, also_keep_s) if carried_out else NotDone()
        may = self.book.may_be_settled(attempt, record)
        assert self.run(self.store.resolve(record, attempt.token, verdict, dict)) is may
        if may:
            self._ended(attempt, verdict, record)

    @rule(seconds=st.sampled_from([1.0, LEASE_S - 1, LEASE_S, LEASE_S, 100.0, 700.0, 90_000.0]))
    def stall(self, seconds: float) -> None:
        self.times.wall += seconds
        self.times.steady += seconds
        self.book.passed()

    @rule(seconds=st.sampled_from([-90_000.0, -100.0, 100.0, 90_000.0]))
    def step_the_wall_clock(self, seconds: float) -> None:
        self.times.wall += seconds
        self.book.passed()

    @rule()
    def die_and_come_back(self) -> None:
        """Monotonic time begins anew after a restart of the machine; no lease may profit from it."""
        open_ = {attempt.claim.record.hex() for attempt in self.book.attempts() if attempt.stage in {"held", "sent"}}
        self.times.steady = 5.0
        self.book.died()
        doubted = self.run(self.store.recover())
        assert set(doubted) <= open_


LedgerMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
