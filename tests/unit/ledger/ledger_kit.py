"""A ledger room over the real writer and the real store, with a clock that only moves when told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.config import schema
from gateway.config.idempotency import Idempotency
from gateway.ledger.allowances import Owed
from gateway.ledger.budgets import Budgets
from gateway.ledger.case import Case
from gateway.ledger.loops import Loops
from gateway.ledger.room import OnceLedger
from gateway.ledger.stops import Stops
from gateway.model.admission import Admission, Replay, Ticket
from gateway.model.call import Asked
from gateway.model.claim import Done, Kept
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.spend import Cost, Counter, Scope, Unit, Who
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.model.work import Entry, StoreUnavailable
from gateway.store import ledger_sqlite, stops_sqlite
from gateway.store.ledger_sqlite import SqliteClaims
from gateway.store.stops_sqlite import SqliteStops
from gateway.store.writer import GroupWriter
from gateway.tasks import Tasks

SECRET = b"0123456789abcdef" * 2
ALICE = Principal("default", "support-bot", "key:k1", "alice", "key:k1")
BOB = Principal("default", "support-bot", "key:k2", "bob", "key:k2")
FREE = Owed(Cost(), ())
NOON = 1_790_078_400.0 // 86_400 * 86_400 + 43_200
BOUND_S = 5.0


class FakeClock:
    def __init__(self) -> None:
        self.wall, self.steady = NOON, 100.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class ListJournal:
    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []
        self.broken = False

    def append(self, entries: Any) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.entries += entries

    def sync(self) -> None:
        pass

    def named(self, kind: str) -> list[str]:
        return [entry["call"] for entry in self.entries if entry["kind"] == kind]


class FailingClaims(SqliteClaims):
    """The real store, whose endings fail as often as told."""

    failures = 0
    journaled = False

    async def finish(self, claim: Any, token: int, ending: Any, terminal: Entry | None) -> bool:
        if self.failures:
            self.failures -= 1
            if self.journaled and terminal is not None:
                await super().finish(claim, -1, ending, terminal)  # the entry is written, the change is not
            raise StoreUnavailable("the disk is full", journaled=self.journaled)
        return await super().finish(claim, token, ending, terminal)


class UsedBefore:
    """An audit index that knows one figure for everybody, after which it is asked."""

    def __init__(self, used: int = 0) -> None:
        self.everybody = used
        self.asked: list[tuple[Counter, float]] = []
        self.named: dict[str, int] = {}

    async def used(self, counter: Counter, since: float) -> int:
        self.asked.append((counter, since))
        await asyncio.sleep(0)
        return self.named.get(counter.name, self.everybody)

    async def used_by(self, scope: Scope, unit: Unit, since: float) -> list[tuple[str, Who, int]]:
        return [("default", ((scope, name),), used) for name, used in self.named.items()]


class House:
    """One room and everything it stands on."""

    def __init__(
        self,
        folder: Path,
        *,
        budgets: Sequence[schema.Budget] = (),
        loops: schema.Loops | None = None,
        used: int = 0,
        idempotency: Idempotency = Idempotency(),  # noqa: B008  frozen
    ) -> None:
        self.clock, self.journal, self.tasks = FakeClock(), ListJournal(), Tasks()
        self.reached: list[str] = []
        self.paused: list[tuple[Principal, str]] = []
        """Whom the loop brake paused, and why."""
        self.writer = GroupWriter(
            folder / "ledger.db",
            self.journal,
            reached=lambda _: None,
            schema=[*ledger_sqlite.SCHEMA, *stops_sqlite.SCHEMA],
        )
        self.claims = FailingClaims(self.writer, self.clock, SECRET, self.reached.append)
        self.stops = Stops(SqliteStops(self.writer))
        self.ledger = OnceLedger(
            self.claims,
            self.stops,
            Budgets(budgets, self.clock, UsedBefore(used)),
            Loops(loops, self.clock, lambda who, why: self.paused.append((who, why))) if loops is not None else None,
            self.clock,
            SECRET,
            "owner",
            self.reached.append,
            self.tasks,
            self.tasks,
            idempotency,
        )

    async def admit(
        self,
        call_id: str,
        call: ResolvedCall,
        *,
        who: Principal = ALICE,
        key: str | None = None,
        call_ref: str | None = None,
        departs: bool = True,
        within_s: float = 10.0,
        **more: Any,
    ) -> Admission:
        return await asyncio.wait_for(
            self.ledger.admit(
                who,
                call,
                Asked(
                    call.published_name, {}, "modern", "2026-07-28", key, "header" if key else None, call_ref, **more
                ),
                call_id,
                intent=lambda: entry("intent", call_id) if departs else None,
                waits=lambda: None,
                deadline=self.clock.monotonic() + within_s,
            ),
            BOUND_S,
        )

    async def won(self, call_id: str, call: ResolvedCall, **how: Any) -> Ticket:
        admitted = await self.admit(call_id, call, **how)
        assert isinstance(admitted, Ticket), admitted
        return admitted

    async def done(self, call_id: str, call: ResolvedCall, *, is_error: bool = False, **how: Any) -> Ticket:
        """Walks a call to its answer."""
        ticket = await self.won(call_id, call, **how)
        brought = Brought({"structuredContent": {"ok": not is_error}}, 0, is_error=is_error)
        await self.ledger.settle(ticket, answer(call_id, is_error=is_error), closing(call_id), brought)
        return ticket

    async def close(self) -> None:
        await self.tasks.close()
        await self.writer.close()


def tool(effect: Effect = Effect.MUTATING, **more: Any) -> Tool:
    return Tool("helpdesk/refund", "helpdesk", "refund", {}, "0" * 64, effect, **more)


def call(of: Tool | None = None, occurrence: int = 1, **arguments: Any) -> ResolvedCall:
    return ResolvedCall(of or tool(), "helpdesk_refund", arguments or {"order": 7}, occurrence)


def case(who: Principal, effect: Effect = Effect.READ, of: Tool | None = None, **arguments: Any) -> Case:
    """A call of `who`, as the brakes see it."""
    return Case(who, call(of or tool(effect), **arguments), Asked("helpdesk_refund", {}, "modern", "2026-07-28"))


def answer(call_id: str, *, is_error: bool = False) -> Done:
    body = b'{"content":[{"type":"text","text":"%s"}]}' % call_id.encode()
    return Done(Kept("result", body, "a" * 64, len(body), is_error=is_error, call_id=call_id, at=NOON))


def entry(kind: str, call_id: str) -> Entry:
    return lambda: {"kind": kind, "call": call_id}


def closing(call_id: str) -> Callable[..., Entry]:
    """Ends a record, with what the ledger has to say."""
    return lambda **facts: lambda: {"kind": "terminal", "call": call_id, **facts}


async def settled() -> None:
    """Lets everything that can run without the clock run."""
    for _ in range(20):
        await asyncio.sleep(0)


OpenHouse = Callable[..., House]


async def refused(house: House, call_id: str, of: object, **how: object) -> Refused:
    with pytest.raises(Refused) as caught:
        await house.admit(call_id, of, **how)
    return caught.value


async def replayed(house: House, call_id: str, of: object, **how: object) -> Replay:
    admitted = await house.admit(call_id, of, **how)
    assert isinstance(admitted, Replay), admitted
    return admitted
