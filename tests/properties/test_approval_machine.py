"""The promise of ledger §5 as a machine: whoever asks, decides and departs whenever, a yes counts once and never late.

The model keeps its own books in plain words: which question was asked when, whose answer came first, what made it void. The
store is the real one, with the real claims beside it, over a real SQLite file in memory.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule
from redis_kit import Ticking
from test_ledger_machine import InlineWriter

from gateway.model.approval import APPROVED_S, DENIAL_S, PENDING_S, Approval, Vote
from gateway.model.claim import Claim, Departure, NotDone, Won
from gateway.model.work import Work
from gateway.store import approvals_sqlite
from gateway.store.approvals_sqlite import SqliteApprovals
from gateway.store.ledger_sqlite import SqliteClaims

RECORDS = st.sampled_from([b"a" * 32, b"b" * 32])
BINDINGS = st.sampled_from(["1" * 64, "1" * 64, "2" * 64])
PAUSES = st.sampled_from([1.0, PENDING_S - 1, APPROVED_S - 1, DENIAL_S, PENDING_S])


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The value of a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("the store waited for something")


@dataclass(eq=False)
class Asked:
    """One question, as the model knows it."""

    id: str
    record: bytes
    binding: str
    at: float
    vote: Vote | None = None
    void: bool = False
    sent: int = 0

    def pending(self, now: float) -> bool:
        return self.vote is None and not self.void and now < self.at + PENDING_S

    def permits(self, now: float) -> bool:
        said = self.vote
        return said is not None and said.approved and not self.void and not self.sent and now < said.at + APPROVED_S

    def denied(self, now: float) -> bool:
        return self.vote is not None and not self.vote.approved and now < self.vote.at + DENIAL_S

    def stands(self, now: float) -> bool:
        return self.pending(now) or self.permits(now) or self.denied(now)


class Approving(RuleBasedStateMachine):
    questions = Bundle("questions")

    @initialize()
    def open(self) -> None:
        self.clock, self.writer = Ticking(), InlineWriter()
        for statement in approvals_sqlite.SCHEMA:
            run(self._submitted(Work(lambda db, statement=statement: db.execute(statement))))
        self.store = SqliteApprovals(self.writer, b"secret" * 6)
        self.claims = SqliteClaims(self.writer, self.clock, b"secret" * 6, lambda _: None)
        self.books: list[Asked] = []

    async def _submitted(self, work: Work) -> None:
        await self.writer.submit(work)

    @rule(target=questions, record=RECORDS, binding=BINDINGS)
    def ask(self, record: bytes, binding: str):
        now, name = self.clock.wall, f"a-{len(self.books)}"
        wanted = Approval(
            name, record.hex(), binding, "call", "default", "bot", "alice", "desk/refund", {}, "f", "d", "v1", (),
            now, now + PENDING_S,
        )  # fmt: skip
        found = run(self.store.ask(wanted))
        own = [one for one in self.books if one.record == record]
        standing = [one for one in own if one.binding == binding and one.stands(now)]
        for one in own:
            one.void |= one.binding != binding and (one.pending(now) or one.permits(now))
        denials = [one for one in self.books if one.binding == binding and one.denied(now)]
        if expected := standing or denials:
            assert found.id in {one.id for one in expected}
            return multiple()
        assert found == wanted
        self.books.append(Asked(name, record, binding, now))
        return self.books[-1]

    @rule(asked=questions, approved=st.booleans(), by=st.sampled_from(["user:carol", "user:dave"]))
    def decide(self, asked: Asked, approved: bool, by: str) -> None:
        vote = Vote(approved, by, "", self.clock.wall)
        if asked.pending(vote.at):
            asked.vote = vote
        assert run(self.store.decide(asked.id, vote)).vote == asked.vote

    @rule(asked=questions, record=RECORDS, fails=st.booleans())
    def depart(self, asked: Asked, record: bytes, fails: bool) -> None:
        claim = Claim(record, b"f" * 32, "call", "owner", 30.0)
        won = run(self.claims.claim(claim, None))
        assert isinstance(won, Won)
        token = won.token + 1 if fails else won.token
        said = run(self.claims.depart(claim, token, dict, asked.id))
        permitted = asked.permits(self.clock.wall) and asked.record == record
        assert said is (Departure.LOST if fails else Departure.DEPARTED if permitted else Departure.UNAPPROVED)
        asked.sent += said is Departure.DEPARTED
        assert asked.sent <= 1
        assert run(self.claims.finish(claim, won.token, NotDone(), None))

    @rule(seconds=PAUSES)
    def wait(self, seconds: float) -> None:
        self.clock.wall += seconds
        self.clock.steady += seconds

    def teardown(self) -> None:
        self.writer.close()


TestApproving = Approving.TestCase
TestApproving.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
