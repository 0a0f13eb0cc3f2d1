"""Budgets against an oracle that adds up a list of calls: the same machine over memory and over a real Valkey server.

Never below zero, never over the limit in calls and money, and what is told as used and held is what the calls were.
"""

import asyncio
import math
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import redis_kit
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.config.budgets import Budget
from gateway.ledger.budgets import Budgets, Paid
from gateway.ledger.case import Case
from gateway.ledger.shared_budgets import SharedBudgets
from gateway.model.call import Asked
from gateway.model.claim import Claim, Done, InDoubt, NotDone, Overspent, Won
from gateway.model.outcome import Brought
from gateway.model.principal import Principal
from gateway.model.refusal import Refused
from gateway.model.spend import Cost, Counter
from gateway.model.terms import Price, Terms
from gateway.model.tool import Effect, ResolvedCall, Tool
from gateway.store.redis_budgets import RedisBudgets

RULES = [
    Budget(scope="agent", unit="calls", window="minute", limit=4),
    Budget(scope="user", unit="money", window="hour", limit=Decimal("3.5")),
    Budget(scope="user", unit="money", window="hour", limit=Decimal("2.25"), of="al"),
    Budget(scope="run", unit="mutating", limit=7),
]
WINDOWS = {"agent": 60, "user": 3600, "run": 0}
LEASE_S = 30.0
TOOL = Tool(
    "desk/pay", "desk", "pay", {}, "0" * 64, Effect.MUTATING,
    terms=Terms(price=Price(result="result.price", at_most=1_000_000), at_most_bytes=1),
)  # fmt: skip
PEOPLE = {
    user: Principal("t", "bot", "key:k", user, "key:k", run="run-7" if user == "al" else "run-8")
    for user in ("al", "bo")
}


def limit_of(scope: str, name: str) -> int:
    return {"agent": 4, "run": 7}.get(scope) or (2_250_000 if name == "al" else 3_500_000)


def names_of(user: str) -> dict[str, str]:
    return {"agent": "bot", "user": user, "run": str(PEOPLE[user].run)}


@dataclass
class Called:
    """One call, as the oracle knows it."""

    user: str
    windows: dict[str, float]
    """Scope → the window that paid."""
    handle: Any
    sent: bool
    dead_at: float
    """When a claim that was never sent holds nothing any more."""
    state: str = "open"
    price: int = 1_000_000

    def amounts(self, scope: str, now: float) -> tuple[int, int]:
        """Used and held."""
        if self.state == "unsent" or now >= self.dead_at:
            return 0, 0
        reserved = 1_000_000 if scope == "user" else 1
        if self.state == "done":
            return (self.price if scope == "user" else 1), 0
        return 0, reserved


class BudgetMachine(RuleBasedStateMachine):
    """Over counters in memory."""

    lease_s = math.inf

    def __init__(self) -> None:
        super().__init__()
        self.loop, self.clock = asyncio.new_event_loop(), redis_kit.Ticking()
        self.calls: list[Called] = []
        self.newest: dict[tuple[str, str], float] = {}
        """Scope and id → the youngest window that was ever open."""
        self.numbers = 0

    @initialize()
    def open(self) -> None:
        self.purse = Budgets(RULES, self.clock, self)

    async def used(self, counter: Counter, since: float) -> int:
        return 0

    async def used_by(self, scope: str, unit: str, since: float) -> list[Any]:
        return []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def window(self, scope: str, name: str, *, opens: bool) -> float:
        length = WINDOWS[scope]
        start = self.clock.wall // length * length if length else 0.0
        newest = max(start, self.newest.get((scope, name), start))
        if opens:
            self.newest[scope, name] = newest
        return newest

    def level(self, scope: str, name: str, window: float) -> tuple[int, int]:
        mine = [
            one.amounts(scope, self.clock.wall)
            for one in self.calls
            if names_of(one.user)[scope] == name and one.windows[scope] == window
        ]
        return sum(used for used, _ in mine), sum(held for _, held in mine)

    @rule(user=st.sampled_from(["al", "bo"]), sent=st.booleans())
    def call(self, user: str, sent: bool) -> None:
        fits = True
        for scope, name in names_of(user).items():
            used, held = self.level(scope, name, self.window(scope, name, opens=False))
            fits = fits and used + held + (1_000_000 if scope == "user" else 1) <= limit_of(scope, name)
        handle = self.reserve(self.case(user), sent)
        assert (handle is not None) is fits
        if handle is not None:
            windows = {scope: self.window(scope, name, opens=True) for scope, name in names_of(user).items()}
            dead_at = math.inf if sent else self.clock.wall + self.lease_s
            self.calls.append(Called(user, windows, handle, sent=sent, dead_at=dead_at))

    @precondition(lambda self: self.unended())
    @rule(data=st.data(), how=st.sampled_from(["done", "unsent", "doubt"]), price=st.integers(0, 1_000_000))
    def end(self, data: st.DataObject, how: str, price: int) -> None:
        one = data.draw(st.sampled_from(self.unended()))
        assume(one.sent or how == "unsent")
        self.ends(one, how, price)
        one.state, one.price = how, price

    @precondition(lambda self: any(one.state == "doubt" for one in self.calls))
    @rule(data=st.data(), executed=st.booleans())
    def resolve(self, data: st.DataObject, executed: bool) -> None:
        one = data.draw(st.sampled_from([one for one in self.calls if one.state == "doubt"]))
        self.settle(one, executed)
        one.state, one.price = ("done", 1_000_000) if executed else ("unsent", 0)

    @rule(seconds=st.sampled_from([1, 20, 61, 3601]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([30, 90, 4000]))
    def clock_steps_back(self, seconds: int) -> None:
        self.clock.wall -= seconds

    @invariant()
    def what_is_told_is_what_the_calls_were(self) -> None:
        for usage in self.run(self.purse.usage()):
            counter = usage.counter
            window = self.window(counter.scope, counter.name, opens=False)
            assert (usage.used, usage.held) == self.level(counter.scope, counter.name, window), counter
            assert usage.used >= 0 <= usage.held
            assert usage.used + usage.held <= usage.limit == limit_of(counter.scope, counter.name)

    def teardown(self) -> None:
        for one in self.unended():
            self.ends(one, "unsent", 0)
            one.state = "unsent"
        for one in self.calls:
            if one.state == "doubt":
                self.settle(one, executed=False)
                one.state = "unsent"
        self.what_is_told_is_what_the_calls_were()
        assert all(usage.held == 0 for usage in self.run(self.purse.usage()))
        self.close()
        self.loop.close()

    def close(self) -> None:
        pass

    def unended(self) -> list[Called]:
        return [one for one in self.calls if one.state == "open" and self.clock.wall < one.dead_at]

    def case(self, user: str) -> Case:
        self.numbers += 1
        call = ResolvedCall(TOOL, "desk_pay", {"number": self.numbers})
        return Case(PEOPLE[user], call, Asked("desk_pay", {}, "modern", "2026-07-28"))

    def reserve(self, case: Case, sent: bool) -> tuple[Case, Paid] | None:
        self.run(self.purse.learn(self.purse.owes(case)))
        try:
            return case, self.purse.spend(self.purse.owes(case))
        except Refused:
            return None

    def ends(self, one: Called, how: str, price: int) -> None:
        case, paid = one.handle
        match how:
            case "done":
                told = {"price": str(Decimal(price) / 1_000_000)}
                self.purse.settle(case, paid, Brought(told, 1, is_error=False))
                self.purse.give_back(paid)
            case "unsent":
                self.purse.give_back(paid)
                self.purse.give_back(paid)
            case "doubt":
                self.purse.doubt(id(one), paid)

    def settle(self, one: Called, executed: bool) -> None:
        self.purse.resolved(id(one), executed=executed)


class SharedBudgetMachine(BudgetMachine):
    """Over a real server, whose clock is the machine's. Claims that are not sent end with their lease."""

    lease_s = LEASE_S

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        server, writer = redis_kit.shared(), redis_kit.Writing()
        self.run(redis_kit.emptied(server))
        self.gateway = redis_kit.gateway(server, Path(self.folder.name), self.clock, writer, at=self.clock.now)
        self.run(self.gateway.guard.tick())
        self.purse = SharedBudgets(RULES, self.clock, RedisBudgets(self.gateway.guard, self.gateway.tasks))

    def clock_steps_back(self, seconds: int) -> None:
        """No rule here: leases would live on with it. `test_redis_budgets` steps it."""

    def reserve(self, case: Case, sent: bool) -> tuple[Claim, int] | None:
        claim = Claim(case.fingerprint, case.fingerprint, "call", "owner", LEASE_S, None, self.purse.owes(case).spends)
        answer = self.run(self.gateway.claims.claim(claim, redis_kit.entry("intent") if sent else None))
        if isinstance(answer, Overspent):
            return None
        assert isinstance(answer, Won)
        return claim, answer.token

    def ends(self, one: Called, how: str, price: int) -> None:
        claim, token = one.handle
        done = redis_kit.done()
        ending = {
            "done": Done(done.kept, 60.0, used=Cost(1, 1, 1, 1, price)),
            "unsent": NotDone(),
            "doubt": InDoubt(),
        }[how]
        assert self.run(self.gateway.claims.finish(claim, token, ending, None))
        self.run(self.gateway.claims.finish(claim, token, NotDone(), None))

    def settle(self, one: Called, executed: bool) -> None:
        claim, token = one.handle
        verdict = redis_kit.done() if executed else NotDone()
        assert self.run(self.gateway.claims.resolve(claim.record, token, verdict, redis_kit.entry("resolved")))

    def close(self) -> None:
        self.run(self.gateway.close())
        self.folder.cleanup()


BudgetMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
SharedBudgetMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestBudgetMachine = BudgetMachine.TestCase
TestSharedBudgetMachine = SharedBudgetMachine.TestCase
