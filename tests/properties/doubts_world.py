"""A town with one bank: the road behind policy, the ledger and the looks are the real ones, over a store in memory."""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from test_ledger_machine import InlineWriter

from gateway.crossing import Crossing
from gateway.doubting import Doubting, Keeping
from gateway.ledger.budgets import Budgets
from gateway.ledger.room import OnceLedger
from gateway.ledger.stops import Stops
from gateway.leg import Caller, leg
from gateway.model.call import Asked
from gateway.model.cleaned import Cleaned
from gateway.model.decision import Decision, Verdict
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, Carried, Lost, Unsent
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.terms import Probe, Terms
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.probing import Probing
from gateway.store.ledger_sqlite import SqliteClaims
from gateway.tasks import Tasks

SETTLES_S, TIMEOUT_S, LOOK_S = 30.0, 10.0, 2.0
ALICE = Principal("default", "pay-bot", "key", "alice", "key")
Fate = Literal["answered", "lost", "unsent", "dies"]
Saw = Literal["found", "nothing", "error", "garbage", "lost", "unsent"]
FIND = Tool("bank/find", "bank", "find", {}, "1" * 64, Effect.READ)
PROBE = Probe("bank/find", {"n": "args.n"}, "result.found", SETTLES_S)
PAY = Tool(
    "bank/pay",
    "bank",
    "pay",
    {},
    "0" * 64,
    Effect.MUTATING,
    timeout_s=TIMEOUT_S,
    terms=Terms(in_doubt="probe", probe=PROBE),
)


@dataclass
class Clock:
    at: float = 1_790_000_000.0
    stepped_s: float = 0.0
    """What somebody added to the wall clock alone."""

    def now(self) -> float:
        return self.at + self.stepped_s

    def monotonic(self) -> float:
        return self.at - 1_780_000_000.0


class Bank:
    """Does what a test says with payments and with looks, and remembers both with their times."""

    id, address = "bank", "http://bank"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fate: Fate = "answered"
        self.took_s = 0.0
        self.saw: Saw = "nothing"
        self.sent: list[tuple[float, Fate]] = []
        """When each payment had left for good, and what became of it."""
        self.saw_nothing: list[float] = []
        """When looks that found nothing began."""

    def try_permit(self, agent: str) -> Any:
        return nullcontext(lambda: None)

    async def send(self, call: Outbound, deadline: float) -> Carried:
        if call.tool is FIND:
            return self._look()
        if self.fate == "unsent":
            return Unsent("busy")
        self.sent.append((self.clock.now() + (TIMEOUT_S if self.fate == "dies" else self.took_s), self.fate))
        if self.fate == "dies":
            await asyncio.Event().wait()
        self.clock.at += self.took_s
        return Lost("reset") if self.fate == "lost" else Answered({"content": []})

    def _look(self) -> Carried:
        began = self.clock.now()
        self.clock.at += LOOK_S
        match self.saw:
            case "found":
                return Answered({"content": [], "found": True})
            case "nothing":
                self.saw_nothing.append(began)
                return Answered({"content": [], "found": False})
            case "error":
                return Answered({"content": [], "found": False, "isError": True})
            case "garbage":
                return Answered({"content": []})
            case "lost":
                return Lost("reset")
            case "unsent":
                return Unsent("busy")

    def saw_nothing_of(self, payment: tuple[float, Fate]) -> bool:
        """Whether a look found nothing of a lost payment when everything of it had settled."""
        left, fate = payment
        return fate != "answered" and any(began >= left + SETTLES_S for began in self.saw_nothing)


class Silent:
    """Record, trail and sanitizer in one: nothing to say."""

    call_id = ""

    def note(self, **_: Any) -> None: ...
    def lap(self, _: str) -> None: ...
    def intent(self) -> Any:
        return dict

    def close(self, *_: Any, **__: Any) -> Any:
        return dict

    def resolved(self, **_: Any) -> Any:
        return dict

    async def seal(self, *_: Any, **__: Any) -> None: ...

    def result(self, result: Mapping[str, Any], _tool: Tool) -> Cleaned:
        return Cleaned(result, {})


class Town:
    """One process after the other over one store."""

    def __init__(self) -> None:
        self.clock, self.writer = Clock(), InlineWriter()
        self.bank = Bank(self.clock)
        self.calls = 0
        self._begin()

    def _begin(self) -> None:
        self.tasks = Tasks()
        self.store = SqliteClaims(self.writer, self.clock, b"s" * 32, lambda _: None)  # type: ignore[arg-type]
        stops, silent, tools = Stops(None), Silent(), {FIND.id: FIND, PAY.id: PAY}  # type: ignore[arg-type]
        budgets = Budgets((), self.clock, None)  # type: ignore[arg-type]
        self.ledger = OnceLedger(
            self.store, stops, budgets, None, self.clock, b"s" * 32, "owner", lambda _: None, self.tasks, self.tasks
        )
        probing = Probing(tools.get, {"bank": self.bank}, stops.check, self.clock)  # type: ignore[dict-item]
        keeping = Keeping(86_400.0, 86_400.0)
        self.doubting = Doubting(
            self.store,
            probing,
            tools.get,
            silent,
            silent,
            self.clock,
            self.tasks,
            keeping,
            lambda _: None,  # type: ignore[arg-type]
        )
        self.crossing = Crossing(self.ledger, None, self.doubting, silent, self.clock)  # type: ignore[arg-type]

    async def pay(self, fate: Fate, saw: Saw, took_s: float) -> Any:
        """One call, always the same; a refusal is its answer. Where it dies, its process does."""
        self.calls += 1
        self.bank.fate, self.bank.saw, self.bank.took_s = fate, saw, took_s
        record, call = Silent(), ResolvedCall(PAY, "bank_pay", {"n": 7})
        record.call_id = f"call-{self.calls}"
        asked = Asked("bank_pay", {"n": 7}, "modern", "2026-07-28")
        way = leg(record, ALICE, asked, call, Decision(Verdict.ALLOW, (), "v1"), self.bank, self.clock.monotonic(), 0.0)  # type: ignore[arg-type]
        before = len(self.bank.sent)
        task = self.tasks.start(self._crossed(way), "call")
        while not task.done() and not (fate == "dies" and len(self.bank.sent) > before):
            await asyncio.sleep(0)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        self._begin()
        await self.store.recover()
        return None

    async def _crossed(self, way: Any) -> Any:
        try:
            return await self.crossing.once(way, Caller())
        except Refused as refused:
            return refused.refusal

    async def sweep(self, saw: Saw) -> None:
        self.bank.saw = saw
        await self.doubting.sweep()
