"""The rooms that remember: record, upstream and ledger of the road's tests, over one stage that notes what happens.

Every fake passes its steps by name, so that a test can make any of them fail or wait. The other rooms and the play
itself are in `pipeline_kit`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.audit.record import checked
from gateway.model.admission import Admission, Passed, Replay, Ticket
from gateway.model.call import Asked
from gateway.model.claim import Claim, Ending
from gateway.model.decision import Decision
from gateway.model.outbound import Outbound
from gateway.model.outcome import AuditOutcome, Brought, Carried, Looped
from gateway.model.principal import Principal
from gateway.model.spend import Bill, Cost
from gateway.model.tool import ResolvedCall, Tool
from gateway.model.work import Entry, JournalUnavailable

CLAIM = Claim(b"r" * 32, b"f" * 32, "call-1", "this process", 15.0)


@dataclass
class Stage:
    """What happened, in order, over all rooms; and what shall go wrong."""

    log: list[str] = field(default_factory=list)
    journal: list[Mapping[str, Any]] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)

    def step(self, name: str) -> None:
        self.log.append(name)
        if name in self.fails:
            raise self.fails[name]

    async def wait(self, name: str) -> None:
        self.step(name)
        await asyncio.sleep(0)
        if name in self.holds:
            await self.holds[name].wait()


@dataclass
class FakeRecord:
    stage: Stage
    call_id: str
    facts: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def note(self, **facts: Any) -> None:
        self.facts.update(checked(facts))

    def lap(self, room: str) -> None:
        self.stage.log.append(f"lap {room}")

    def intent(self) -> Entry:
        made = {**self.facts, "kind": "intent"}
        return lambda: made

    def close(self, outcome: AuditOutcome, **facts: Any) -> Entry:
        assert not self.ended, "a record ends once"
        self.ended = True
        made = {**self.facts, **checked(facts), "outcome": outcome}
        return lambda: made

    def forget(self) -> None:
        self.ended = True

    async def seal(self, outcome: AuditOutcome, **facts: Any) -> None:
        if self.ended:
            return
        terminal = self.close(outcome, **facts)()
        try:
            await self.stage.wait("record.seal")
        except JournalUnavailable:
            terminal = {**terminal, "outcome": AuditOutcome.REFUSED, "reason": "audit-unavailable"}
            raise
        finally:
            self.stage.journal.append(terminal)


class Slot:
    """A permit: the upstream's, from the moment it is handed out."""

    def __init__(self, upstream: "FakeUpstream") -> None:
        self._upstream = upstream
        upstream.held += 1

    def __enter__(self) -> Callable[[], None]:
        return self._left_alone

    def __exit__(self, *_: object) -> None:
        self._upstream.held -= 1

    def _left_alone(self) -> None:
        self._upstream.alone += 1


@dataclass
class FakeUpstream:
    stage: Stage
    answer: Carried
    busy: bool = False
    held: int = 0
    alone: int = 0
    """Calls whose callers went away while they held a slot."""
    heard: list[Outbound] = field(default_factory=list)
    durable: list[str] = field(default_factory=list)
    """Kinds of the entries that were in the journal when a call was sent."""
    id: str = "helpdesk"
    address: str = "http://helpdesk"

    def try_permit(self, agent: str) -> Slot | None:
        self.stage.step("upstream.try_permit")
        return None if self.busy else Slot(self)

    async def permit(self, deadline: float, agent: str) -> Slot:
        await self.stage.wait("upstream.permit")
        return Slot(self)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        assert self.held == 1, "a call is carried under its permit"
        self.durable = [str(entry.get("kind")) for entry in self.stage.journal]
        self.heard.append(call)
        await self.stage.wait("upstream.send")
        return self.answer

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        return []

    async def close(self) -> None: ...


@dataclass
class FakeLedger:
    """Claims for the caller unless a replay is laid out; departs in the same step when it is handed an intent."""

    stage: Stage
    replay: Replay | None = None
    hint: str | None = None
    asks: str | None = None
    resends: bool = False
    looped: Looped | None = None
    settled: list[Ending] = field(default_factory=list)
    released: int = 0
    unspent: int = 0
    arrived: list[Ticket | Replay] = field(default_factory=list)
    denials: list[str] = field(default_factory=list)
    used: str | None = None
    """The approval that was consumed."""
    will_return: bool = False

    async def admit(
        self,
        principal: Principal,
        call: ResolvedCall,
        asked: Asked,
        call_id: str,
        *,
        intent: Callable[[], Entry | None],
        waits: Callable[[], None],
        deadline: float,
    ) -> Admission:
        await self.stage.wait("ledger.admit")
        if not call.tool.effect.leaves_traces:
            return Passed(self.hint, self.looped)
        if self.replay is not None:
            return self.replay
        entry = intent() if self.asks is None else None
        await self.stage.wait("ledger.claim")
        if entry is not None:
            self.stage.journal.append(entry())
        departed = entry is not None
        told = {"hint": self.hint, "asks": self.asks, "looped": self.looped, "resends": self.resends}
        return Ticket(CLAIM, 7, departed, "derived", call, principal, **told)

    def check(self, principal: Principal, tool: Tool) -> None:
        self.stage.step("ledger.check")

    async def depart(self, ticket: Ticket, intent: Entry, approval: str | None = None) -> Ticket:
        await self.stage.wait("ledger.depart")
        self.used = approval
        self.stage.journal.append(intent())
        return replace(ticket, departed=True)

    async def settle(
        self, ticket: Ticket, ending: Ending, close: Callable[..., Entry], brought: Brought | None = None
    ) -> Mapping[str, Any]:
        assert ticket.departed
        terminal = close()
        await self.stage.wait("ledger.settle")
        self.settled.append(ending)
        self.stage.journal.append(terminal())
        return {}

    async def release(self, ticket: Ticket, *, will_return: bool = False) -> None:
        self.stage.step("ledger.release")
        self.released += 1
        self.will_return = will_return

    @contextmanager
    def reading(self, principal: Principal, tool: Tool) -> Iterator[None]:
        yield

    def answered(self, passed: Passed, brought: Brought | None) -> Bill:
        return Bill(Cost(bytes=0 if brought is None else brought.size))

    def returned(self, passed: Passed) -> None:
        self.unspent += 1

    def delivered(self, served: Ticket | Replay) -> None:
        self.arrived.append(served)

    def denied(self, principal: Principal, asked: Asked) -> str | None:
        self.denials.append(asked.name)
        return self.hint


@dataclass
class FakeApprovals:
    """A person who says yes, unless the stage makes the room fail."""

    stage: Stage
    until: float = 0.0
    rules: tuple[str, ...] = ()

    async def granted(
        self, ticket: Ticket, decision: Decision, traceparent: str, until: float, still: Callable[[], None]
    ) -> str:
        assert not ticket.departed, "nothing departs before a person was asked"
        self.until, self.rules = until, decision.rules
        still()
        await self.stage.wait("approvals.granted")
        return "approval-1"
