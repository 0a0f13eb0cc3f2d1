"""A probe looks: what proves something, what proves nothing, and which probes can never see anything."""

from contextlib import nullcontext
from typing import Any

import pytest

from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.terms import Probe, Terms
from gateway.model.tool import Effect, Tool
from gateway.probing import LONGEST_S, Looked, Probing, misdeclared

ALICE = Principal("default", "bot", "key", "alice", "key")
PROBE = Probe("bank/find", {"n": "args.n", "key": "key"}, "result.found && args.n == 7", 30.0)


def find(effect: Effect = Effect.READ, **more: Any) -> Tool:
    return Tool("bank/find", "bank", "find", {}, "0" * 64, effect, **more)


class Bank:
    """Answers every look alike."""

    def __init__(self, answer: Carried | Exception) -> None:
        self.answer = answer
        self.heard: list[tuple[Outbound, float]] = []

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 100.0

    def try_permit(self, agent: str) -> Any:
        return nullcontext() if agent == "bot" else None

    async def send(self, call: Outbound, deadline: float) -> Carried:
        self.heard.append((call, deadline))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def may(_who: Principal, _tool: Tool) -> None:
    """The kill switch has nothing against it."""


async def looked(bank: Bank, tool: Tool | None = None, check: Any = may, **arguments: Any) -> Looked:
    tool = tool or find()
    probing = Probing({tool.id: tool}.get, {"bank": bank}, check, bank)  # type: ignore[dict-item]
    return await probing.look(ALICE, PROBE, arguments or {"n": 7}, "k" * 64, within_s=60.0)


async def test_a_look_carries_the_filled_in_arguments_and_takes_no_longer_than_it_may() -> None:
    bank = Bank(Answered({"found": True}))

    assert (await looked(bank)).saw == "yes"

    ((call, deadline),) = bank.heard
    assert (call.tool.id, call.arguments, deadline) == ("bank/find", {"n": 7, "key": "k" * 64}, 100.0 + LONGEST_S)


@pytest.mark.parametrize(
    ("answer", "saw"),
    [
        (Answered({"found": True}), "yes"),
        (Answered({"found": False}), "no"),
        (Answered({"found": False, "isError": False}), "no"),
        (Answered({"found": False, "isError": True}), "unknown"),
        (Answered({"found": False, "isError": "no"}), "unknown"),
        (Answered({}), "unknown"),
        (Answered({"found": False, "resultType": "input_required"}), "unknown"),
        (AnsweredError(-32000, "no"), "unknown"),
        (Unsent("busy"), "unknown"),
        (Lost("reset"), "unknown"),
        (Refused(Reason.UPSTREAM_UNAVAILABLE, "busy"), "unknown"),
        (ZeroDivisionError(), "unknown"),
    ],
)
async def test_only_a_good_answer_proves_anything(answer: Any, saw: str) -> None:
    assert (await looked(Bank(answer))).saw == saw


@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.IDEMPOTENT, Effect.UNSET])
async def test_what_is_no_declared_read_is_never_asked(effect: Effect) -> None:
    bank = Bank(Answered({"found": True}))

    assert (await looked(bank, find(effect))).saw == "unknown"
    assert bank.heard == []


async def test_arguments_that_cannot_be_filled_in_ask_nothing() -> None:
    bank = Bank(Answered({"found": True}))

    assert (await looked(bank, other=1)).saw == "unknown"
    assert bank.heard == []


async def test_the_kill_switch_stops_looks_too() -> None:
    bank = Bank(Answered({"found": True}))

    def stopped(_who: Principal, _tool: Tool) -> None:
        raise Refused(Reason.STOPPED, "no")

    assert (await looked(bank, check=stopped)).saw == "unknown"
    assert bank.heard == []


async def test_an_answer_that_the_read_itself_does_not_accept_proves_nothing() -> None:
    tool = find(terms=Terms(accept="result.complete"))

    assert (await looked(Bank(Answered({"found": False})), tool)).saw == "unknown"
    assert (await looked(Bank(Answered({"found": False, "complete": True})), tool)).saw == "no"


def test_a_probe_that_can_never_look_is_named_once_its_upstream_is_known() -> None:
    def asks(probe: str) -> Tool:
        return Tool("bank/pay", "bank", "pay", {}, "0" * 64, terms=Terms(probe=Probe(probe, {}, "true", 0.0)))

    def told(*tools: Tool) -> list[str]:
        return misdeclared({tool.id: tool for tool in tools})

    assert told(asks("bank/find"), find()) == []
    assert told(asks("ledger/find"), find()) == []
    assert told(asks("bank/find"), find(Effect.UNSET)) == [
        "bank/pay: its probe bank/find is not declared `effect: read`, so it never looks: declare it"
    ]
    assert "is not in its upstream's list" in told(asks("bank/fnd"), find())[0]
