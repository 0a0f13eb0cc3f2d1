"""The promise of ledger §1.1 as a machine: whatever actors, clocks and crashes do, at most one send that may have counted.

Actors claim, depart, get answers, prove that nothing was sent, lose answers, stall past leases and die with the process.
The model counts sends as the upstream would see them; the store is the real one over a real SQLite file in memory
(`test_ledger_machine_redis.py`: over a real server).
"""

import sqlite3
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gateway.model.claim import Claim, Departure, Done, Ending, Found, InDoubt, Kept, Mismatch, NotDone, State, Won
from gateway.model.work import Work
from gateway.store.ledger_sqlite import SCHEMA, SqliteClaims

LEASE_S = 30.0
RECORDS = st.sampled_from([b"a" * 32, b"b" * 32])
FINGERPRINTS = st.sampled_from([b"f" * 32, b"f" * 32, b"g" * 32])
KEEPS = st.sampled_from([0.0, 60.0, 86_400.0])


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


class FakeClock:
    wall, steady = 1_790_000_000.0, 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


@dataclass(eq=False)
class Actor:
    """Whoever won a claim, in the life of the process that won it."""

    claim: Claim
    token: int
    life: int
    sent: bool = False


@dataclass
class Truth:
    """What really became of a record."""

    fingerprint: bytes | None = None
    open_sends: int = 0
    """Sends that may have been carried out and have no stored answer."""
    kept: Kept | None = None
    ends_at: float = 0.0


class LedgerMachine(RuleBasedStateMachine):
    waiting = Bundle("waiting")
    """Actors that hold a claim and have sent nothing."""
    flying = Bundle("flying")
    answered = Bundle("answered")

    @initialize()
    def open(self) -> None:
        self.writer, self.clock, self.life, self.calls = InlineWriter(), FakeClock(), 0, 0
        self.store = SqliteClaims(self.writer, self.clock, b"secret" * 6, lambda _: None)
        self.truth: dict[bytes, Truth] = {}

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("the store waited for something")

    def delivered(self, claim: Claim, token: int, keep_s: float) -> None:
        self.store.delivered(claim, token, keep_s)

    def _of(self, record: bytes) -> Truth:
        truth = self.truth.setdefault(record, Truth())
        if truth.kept is not None and truth.ends_at <= self.clock.wall:
            self.truth[record] = truth = Truth()
        return truth

    def _send(self, actor: Actor) -> None:
        actor.sent = True
        self._of(actor.claim.record).open_sends += 1

    @invariant()
    def at_most_one_send_may_have_counted(self) -> None:
        for record in getattr(self, "truth", {}):
            truth = self._of(record)
            assert truth.open_sends + (truth.kept is not None) <= 1

    def _claimed(self, record: bytes, fingerprint: bytes, *, departing: bool) -> Actor | None:
        self.calls += 1
        claim = Claim(record, fingerprint, f"call-{self.calls}", "owner", LEASE_S)
        truth = self._of(record)
        answer = self.run(self.store.claim(claim, dict if departing else None))
        match answer:
            case Won(token, departed):
                assert departed is departing
                truth.fingerprint = fingerprint
                return Actor(claim, token, self.life)
            case Found(State.DONE, kept):
                assert kept == truth.kept
            case Found(State.DOUBT | State.SENT):
                assert truth.open_sends == 1
            case Found():
                assert truth.open_sends == 0
            case Mismatch():
                assert fingerprint != truth.fingerprint
        return None

    @rule(target=waiting, record=RECORDS, fingerprint=FINGERPRINTS)
    def claim(self, record: bytes, fingerprint: bytes) -> Any:
        actor = self._claimed(record, fingerprint, departing=False)
        return multiple() if actor is None else actor

    @rule(target=flying, record=RECORDS, fingerprint=FINGERPRINTS)
    def claim_and_send(self, record: bytes, fingerprint: bytes) -> Any:
        actor = self._claimed(record, fingerprint, departing=True)
        if actor is None:
            return multiple()
        self._send(actor)
        return actor

    @rule(target=flying, actor=consumes(waiting))
    def send(self, actor: Actor) -> Any:
        if (
            actor.life != self.life
            or self.run(self.store.depart(actor.claim, actor.token, dict)) is not Departure.DEPARTED
        ):
            return multiple()
        self._send(actor)
        return actor

    @rule(actor=waiting)
    def release(self, actor: Actor) -> None:
        """Not consumed: a released or overtaken actor may come again, and must not matter."""
        if actor.life == self.life:
            self._end(actor, NotDone())

    @rule(target=answered, actor=flying, keep_s=KEEPS)
    def answer(self, actor: Actor, keep_s: float) -> Any:
        """Also a second answer to the same call: the first one wins."""
        if actor.life != self.life:
            return multiple()
        body = f"answer {self.calls} {self.clock.wall}".encode()
        kept = Kept("result", body, "0" * 64, len(body), is_error=False, call_id=actor.claim.call_id, at=1.0)
        if self._end(actor, Done(kept, keep_s)):
            assert actor.sent
            actor.sent = False
            truth = self._of(actor.claim.record)
            truth.open_sends -= 1
            truth.kept, truth.ends_at = kept, self.clock.wall + keep_s
        else:
            assert not actor.sent, "an answer to a send that counts must always be stored"
        return actor

    @rule(actor=flying)
    def prove_unsent(self, actor: Actor) -> None:
        if actor.life == self.life and self._end(actor, NotDone()):
            actor.sent = False
            self._of(actor.claim.record).open_sends -= 1

    @rule(actor=flying)
    def lose_the_answer(self, actor: Actor) -> None:
        if actor.life == self.life:
            self._end(actor, InDoubt())

    def _end(self, actor: Actor, ending: Ending) -> bool:
        return bool(self.run(self.store.finish(actor.claim, actor.token, ending, None)))

    @rule(actor=answered, keep_s=KEEPS)
    def deliver(self, actor: Actor, keep_s: float) -> None:
        if actor.life != self.life:
            return
        self.delivered(actor.claim, actor.token, keep_s)
        truth = self._of(actor.claim.record)
        if truth.kept is not None and truth.kept.call_id == actor.claim.call_id:
            truth.ends_at = min(truth.ends_at, self.clock.wall + keep_s)

    @rule(seconds=st.sampled_from([1.0, LEASE_S - 1, LEASE_S, 700.0, 90_000.0]))
    def stall(self, seconds: float) -> None:
        self.clock.wall += seconds
        self.clock.steady += seconds

    @rule()
    def die_and_come_back(self) -> None:
        """Monotonic time begins anew after a restart of the machine; no lease may profit from it."""
        self.life += 1
        self.clock.steady = 5.0
        doubted = self.run(self.store.recover())
        assert all(self.truth[bytes.fromhex(record)].open_sends == 1 for record in doubted)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
