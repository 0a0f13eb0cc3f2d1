"""A refund that wants a person's yes: the room over a real store and a real policy, a clock that stands still, a trail."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from gateway.approval.deciding import Deciding
from gateway.approval.room import Questions
from gateway.config.schema import Approvals, Policy
from gateway.model.admission import Ticket
from gateway.model.approval import Approval, Ruling
from gateway.model.claim import Claim
from gateway.model.decision import Decision, Verdict
from gateway.model.principal import Principal
from gateway.model.refusal import Refusal, Refused
from gateway.model.tool import ResolvedCall, Tool
from gateway.policy.rules import Rules
from gateway.store.approvals_sqlite import SCHEMA, SqliteApprovals
from gateway.store.writer import GroupWriter

MODEL = Path(__file__).parents[3] / "policies/model.conf"
ROWS = """
p, ask-refund,   role:support, default, *, desk/refund, call,    -,     ask
p, yes-refund,   role:lead,    default, *, desk/refund, approve, -,     allow
p, yes-small,    role:junior,  default, *, desk/refund, approve, small, allow
p, not-for-ops,  *,            default, ops, desk/refund, approve, -,   deny
g, user:alice, role:support, default
g, user:alice, role:lead,    default
g, user:carol, role:lead,    default
g, user:dave,  role:junior,  default
"""
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
HOLD_S = 25.0


class Clock:
    wall, steady = 1_790_000_000.0, 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


class NoJournal:
    def append(self, entries: Any) -> None:
        raise AssertionError("approvals write no entries of their own")

    def sync(self) -> None:
        pass


@dataclass
class Trail:
    """Remembers what operators did; `before` runs when something is about to be recorded."""

    acts: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    before: Any = None

    def open(self, arrival: Any) -> Any:
        raise AssertionError("a decision is no call")

    async def operator(self, who: str, action: str, facts: Mapping[str, Any]) -> None:
        if self.before is not None:
            await self.before()
        self.acts.append((who, action, facts))

    @property
    def actions(self) -> list[str]:
        return [action for _, action, _ in self.acts]


@dataclass
class Desk:
    """Everything a question passes through."""

    folder: Path
    clock: Clock
    store: SqliteApprovals
    rules: Rules
    questions: Questions
    deciding: Deciding
    trail: Trail

    def decision(self) -> Decision:
        return Decision(Verdict.ASK, ("ask-refund",), self.rules.version)

    async def granted(self, asked: Ticket, hold_s: float = 0.0, still: Callable[[], None] = lambda: None) -> str:
        until = self.clock.steady + hold_s
        return await asyncio.wait_for(self.questions.granted(asked, self.decision(), TRACE, until, still), 5)

    async def refused(self, asked: Ticket) -> Refusal:
        return await self.refused_after(asked, 0.0)

    async def refused_after(self, asked: Ticket, hold_s: float, still: Callable[[], None] = lambda: None) -> Refusal:
        try:
            approval = await self.granted(asked, hold_s, still)
        except Refused as refused:
            return refused.refusal
        raise AssertionError(f"granted under {approval}")

    async def pending(self, asked: Ticket | None = None) -> Approval:
        """Asks without waiting; the question as it is kept."""
        refusal = await self.refused(asked or ticket())
        assert refusal.approval is not None, refusal
        found = await self.store.get(refusal.approval)
        assert found is not None
        return found

    async def says(self, approval: Approval, user: str = "carol", *, yes: bool = True, why: str = "fine") -> Ruling:
        return await self.deciding.decide(approval.id, by=f"token-{user}", user=user, approved=yes, why=why)

    def change_policy(self) -> None:
        rows = self.folder / "policy.csv"
        rows.write_text(rows.read_text() + "g, user:erin, role:lead, default\n")
        assert self.rules.reload().changed


@asynccontextmanager
async def opened(folder: Path, **times: Any) -> AsyncIterator[Desk]:
    """On a folder that may have been used before."""
    if not (folder / "policy.csv").exists():
        (folder / "policy.csv").write_text(ROWS)
        (folder / "conditions.yaml").write_text("small: args.cents <= 100\n")
    clock, trail, ids = Clock(), Trail(), count(1)
    section = Policy(model=MODEL, rows=Path("policy.csv"), conditions=Path("conditions.yaml"))
    rules = Rules.load(section, folder, clock)
    writer = GroupWriter(folder / "ledger.db", NoJournal(), reached=lambda _: None, schema=SCHEMA)
    store = SqliteApprovals(writer, b"secret" * 6)
    questions = Questions(store, rules, Approvals(**times), clock, lambda: f"a-{next(ids)}")
    yield Desk(folder, clock, store, rules, questions, Deciding(store, rules, trail, clock), trail)
    await writer.close()


def ticket(**changed: Any) -> Ticket:
    """A claimed refund for alice; `changed` names what is different about it."""
    known: dict[str, Any] = {
        "record": b"r" * 32, "fingerprint": b"f" * 32, "call_id": "call-1", "arguments": {"order": 7, "cents": 500},
        "tenant": "default", "agent": "bot", "user": "alice", "tool": "desk/refund", "digest": "d" * 64,
    }  # fmt: skip
    facts = known | changed
    assert facts.keys() == known.keys()
    tool = Tool(facts["tool"], "desk", "refund", {}, facts["digest"])
    call = ResolvedCall(tool, "desk_refund", facts["arguments"])
    claim = Claim(facts["record"], facts["fingerprint"], facts["call_id"], "owner", 30.0)
    principal = Principal(facts["tenant"], facts["agent"], "key:k", facts["user"], "key:k")
    return Ticket(claim, 1, False, "derived", call, principal)
