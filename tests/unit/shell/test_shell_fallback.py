"""The last good result: whose it is, how long it is served, what it says of itself; and whom a refusal says to ask."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.fallback import LARGEST, LastGood, told_whom_to_ask
from gateway.model.call import Reply
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal
from gateway.model.tool import Effect, Fallback, ResolvedCall, Tool

TOOL = Tool("helpdesk/ticket_get", "helpdesk", "ticket_get", {}, "0" * 64, Effect.READ, fallback=Fallback(stale_s=60.0))
CALL = ResolvedCall(TOOL, "helpdesk_ticket_get", {"id": 7})
ALICE = Principal("default", "bot", "key:k", "alice")
FAILURES = {
    Reason.UPSTREAM_UNAVAILABLE,
    Reason.UPSTREAM_REFUSED,
    Reason.UPSTREAM_TIMEOUT,
    Reason.UPSTREAM_INVALID,
}
DOWN = Refusal(Reason.UPSTREAM_UNAVAILABLE, "helpdesk did not take the call: no connection.")
KEPT = json.dumps({"content": [{"type": "text", "text": "open"}], "structuredContent": {"state": "open"}}).encode()


class Clock:
    passed = 0.0

    def now(self) -> float:
        return 1_767_268_800.0 + self.passed

    def monotonic(self) -> float:
        return 100.0 + self.passed


class Memory(LastGood):
    """With the facts that a test does not care about."""

    def __init__(self, **limits: int) -> None:
        self.clock = Clock()
        super().__init__(self.clock, **limits)

    def put(self, call: ResolvedCall = CALL, who: Principal = ALICE, policy: str = "v1", kept: bytes = KEPT) -> None:
        self.keep(who, call, policy, kept)

    def get(
        self, call: ResolvedCall = CALL, who: Principal = ALICE, policy: str = "v1", failed: Refusal = DOWN
    ) -> Reply | None:
        return self.stale(who, call, policy, failed, "call-2")


def _changed(**members: Any) -> ResolvedCall:
    return replace(CALL, tool=replace(TOOL, **members))


def test_a_stale_result_says_that_it_is_one_from_when_and_why() -> None:
    memory = Memory()
    memory.put()
    memory.clock.passed = 42.9

    reply = memory.get()

    assert reply is not None
    assert reply.delivered is None
    assert reply.result["structuredContent"] == {"state": "open"}
    first, line = (block["text"] for block in reply.result["content"])
    assert first == "open"
    assert line == (
        "Not current: helpdesk/ticket_get cannot be read now. "
        "This is its last good result, from 2026-01-01T12:00:00+00:00, 42 s ago."
    )
    assert reply.result["_meta"] == {
        "io.sallyport/provenance": {
            "trust": "untrusted",
            "upstream": "helpdesk",
            "tool": "helpdesk/ticket_get",
            "call_id": "call-2",
            "findings": {},
        },
        "io.sallyport/stale": {"at": "2026-01-01T12:00:00+00:00", "age_s": 42, "reason": "upstream-unavailable"},
    }


def test_it_is_served_no_longer_than_the_operator_said() -> None:
    memory = Memory()
    memory.put()
    memory.clock.passed = 60
    assert memory.get() is not None
    memory.clock.passed = 60.1
    assert memory.get() is None


def test_a_later_good_result_takes_the_place_of_an_earlier_one() -> None:
    memory = Memory()
    memory.put(kept=b'{"content":[]}')
    memory.clock.passed = 50
    memory.put()
    memory.clock.passed = 100
    reply = memory.get()
    assert reply is not None
    assert reply.result["content"][0]["text"] == "open"


@pytest.mark.parametrize(
    "other",
    [
        {"who": replace(ALICE, user="bob")},
        {"who": replace(ALICE, user=None)},
        {"who": replace(ALICE, agent="other")},
        {"who": replace(ALICE, tenant="other")},
        {"policy": "v2"},
        {"call": replace(CALL, arguments={"id": 8})},
        {"call": _changed(id="helpdesk/other")},
        {"call": _changed(digest="1" * 64)},
    ],
)
def test_nobody_and_nothing_else_is_served_from_it(other: dict[str, Any]) -> None:
    memory = Memory()
    memory.put()
    assert memory.get(**other) is None


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET])
def test_only_declared_reads_are_kept_or_served(effect: Effect) -> None:
    memory, call = Memory(), _changed(effect=effect)
    memory.put(call)
    memory.put()
    assert memory.get(call) is None
    assert len(memory._results) == 1


def test_a_tool_without_the_setting_is_neither_kept_nor_served() -> None:
    memory, call = Memory(), _changed(fallback=Fallback())
    memory.put(call)
    assert len(memory._results) == 0
    memory.put()
    assert memory.get(call) is None


@pytest.mark.parametrize("reason", Reason)
def test_only_a_failure_of_the_upstream_is_answered_so(reason: Reason) -> None:
    memory = Memory()
    memory.put()
    assert (memory.get(failed=Refusal(reason, "Why.")) is not None) == (reason in FAILURES)


def test_the_longest_unused_are_forgotten_when_there_are_too_many() -> None:
    memory = Memory(entries=2)
    first, second, third = (replace(CALL, arguments={"id": number}) for number in range(3))
    memory.put(first)
    memory.put(second)
    memory.get(first)
    memory.put(third)
    assert [memory.get(call) is not None for call in (first, second, third)] == [True, False, True]


def test_the_bytes_kept_are_bounded() -> None:
    memory = Memory(size=3 * len(KEPT))
    calls = [replace(CALL, arguments={"id": number}) for number in range(5)]
    for call in (*calls, calls[-1], calls[-1]):
        memory.put(call)
    assert [memory.get(call) is not None for call in calls] == [False, False, True, True, True]
    assert memory._room == 0


def test_a_result_that_is_too_large_is_not_kept() -> None:
    memory = Memory()
    memory.put(kept=b" " * (LARGEST + 1))
    assert memory.get() is None


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("ask", ["the desk on +49 30 1234", "the desk on +49 30 1234."])
def test_a_refusal_names_whom_to_ask_whatever_the_tool_does(effect: Effect, ask: str) -> None:
    told = told_whom_to_ask(DOWN, replace(TOOL, effect=effect, fallback=Fallback(ask=ask)))
    assert told.detail == "helpdesk did not take the call: no connection. Ask the desk on +49 30 1234."
    assert replace(told, detail=DOWN.detail) == DOWN


@pytest.mark.parametrize("reason", Reason)
def test_only_refusals_of_a_failed_upstream_say_so(reason: Reason) -> None:
    refusal = Refusal(reason, "Why.")
    told = told_whom_to_ask(refusal, replace(TOOL, fallback=Fallback(ask="Ann")))
    assert (told is not refusal) == (reason in {*FAILURES, Reason.OUTCOME_UNKNOWN})
    assert told_whom_to_ask(refusal, TOOL) is refusal
