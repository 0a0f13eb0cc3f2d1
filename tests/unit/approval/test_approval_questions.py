"""What the agent is told while a person thinks, and what a yes is bound to."""

import asyncio
from pathlib import Path

import pytest
from approval_kit import HOLD_S, TRACE, Desk, opened, ticket

from gateway.model.approval import APPROVED_S, PENDING_PER_AGENT, PENDING_S, ApprovalState
from gateway.model.refusal import Reason, Refused
from gateway.model.work import StoreUnavailable


async def test_the_question_holds_exactly_what_will_be_sent_and_who_asks(desk: Desk) -> None:
    arguments = {"order": 10**30, "note": "für „sie“\u202e", "deep": [{"x": 1.5, "y": None}]}
    asked = await desk.pending(ticket(arguments=arguments))
    assert asked.arguments == arguments
    assert (asked.id, asked.call_id, asked.tenant, asked.agent, asked.user) == (
        "a-1", "call-1", "default", "bot", "alice",
    )  # fmt: skip
    assert (asked.tool, asked.tool_digest, asked.fingerprint) == ("desk/refund", "d" * 64, (b"f" * 32).hex())
    assert (asked.policy, asked.rules, asked.trace) == (desk.rules.version, ("ask-refund",), TRACE)
    assert (asked.asked_at, asked.expires_at) == (desk.clock.wall, desk.clock.wall + PENDING_S)


async def test_nobody_has_answered_yet_is_told_with_the_question_and_when_to_come_back(desk: Desk) -> None:
    refusal = await desk.refused(ticket())
    assert (refusal.reason, refusal.approval, refusal.retry_after_ms) == (Reason.APPROVAL_PENDING, "a-1", 5_000)
    assert refusal.told("call-1")["approval"] == refusal.facts()["approval"] == "a-1"
    assert "approval a-1, rule ask-refund" in refusal.detail


async def test_the_same_call_later_finds_its_question_and_the_yes_to_it(desk: Desk) -> None:
    asked = await desk.pending()
    assert (await desk.refused(ticket(call_id="call-2"))).approval == asked.id
    await desk.says(asked)
    assert await desk.granted(ticket(call_id="call-3")) == asked.id


async def test_a_yes_while_the_agent_is_held_ends_the_wait(desk: Desk) -> None:
    waiting = asyncio.ensure_future(desk.granted(ticket(), HOLD_S))
    while not await desk.store.all():
        await asyncio.sleep(0)
    [asked] = await desk.store.all()
    await desk.says(asked)
    assert await asyncio.wait_for(waiting, 5) == asked.id


async def test_the_hold_ends_with_its_time_and_the_question_stays(desk: Desk) -> None:
    waiting = asyncio.ensure_future(desk.refused_after(ticket(), HOLD_S))
    while not await desk.store.all():
        await asyncio.sleep(0)
    desk.clock.steady += HOLD_S
    assert (await asyncio.wait_for(waiting, 5)).reason is Reason.APPROVAL_PENDING
    assert (await desk.pending()).state is ApprovalState.PENDING


async def test_who_may_wait_no_longer_is_let_go_and_the_question_stays(desk: Desk) -> None:
    def stopped() -> None:
        raise Refused(Reason.STOPPED, "An operator stopped everything.")

    assert (await desk.refused_after(ticket(), HOLD_S, stopped)).reason is Reason.STOPPED
    assert (await desk.pending()).id == "a-1"


async def test_a_process_that_ends_holds_nobody(desk: Desk) -> None:
    waiting = asyncio.ensure_future(desk.refused_after(ticket(), HOLD_S))
    while not await desk.store.all():
        await asyncio.sleep(0)
    desk.questions.let_go()
    assert (await asyncio.wait_for(waiting, 5)).reason is Reason.APPROVAL_PENDING


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("ask the customer first", "ask the customer first"),
        ("", "no reason was given."),
        ("one\ntwo\x1b[31m \u202etxt", "one two [31m txt"),
        ("x" * 500, "x" * 300 + "…"),
    ],
)
async def test_a_no_is_told_with_its_reason_and_stands(desk: Desk, why: str, told: str) -> None:
    asked = await desk.pending()
    await desk.says(asked, yes=False, why=why)
    for again in (ticket(), ticket(call_id="call-2"), ticket(record=b"another key".ljust(32))):
        refusal = await desk.refused(again)
        assert (refusal.reason, refusal.approval) == (Reason.APPROVAL_DECLINED, asked.id)
        assert refusal.detail == f"A person declined this call of desk/refund (approval a-1): {told}"


async def test_silence_is_a_no_and_calling_again_asks_anew(desk: Desk) -> None:
    waiting = asyncio.ensure_future(desk.refused_after(ticket(), PENDING_S * 2))
    while not await desk.store.all():
        await asyncio.sleep(0)
    desk.clock.wall += PENDING_S
    refusal = await asyncio.wait_for(waiting, 5)
    assert (refusal.reason, refusal.approval) == (Reason.APPROVAL_EXPIRED, "a-1")
    assert (await desk.refused(ticket())).approval == "a-2"


async def test_an_unused_yes_expires(desk: Desk) -> None:
    await desk.says(await desk.pending())
    desk.clock.wall += APPROVED_S
    assert (await desk.refused(ticket())).reason is Reason.APPROVAL_PENDING


async def test_the_times_are_the_operators(tmp_path: Path) -> None:
    async with opened(tmp_path, pending="60s", approved="30s") as desk:
        asked = await desk.pending()
        assert asked.expires_at == desk.clock.wall + 60
        await desk.says(asked)
        desk.clock.wall += 29
        assert await desk.granted(ticket()) == asked.id
        desk.clock.wall += 1
        assert (await desk.refused(ticket())).reason is Reason.APPROVAL_PENDING


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": b"g" * 32, "arguments": {"order": 7, "cents": 50_000}},
        {"digest": "e" * 64},
        {"user": "bob"},
        {"user": None},
        {"agent": "other"},
        {"tenant": "other"},
        {"tool": "desk/refunds"},
    ],
)
async def test_a_yes_to_one_thing_is_no_yes_to_another_and_is_void_then(desk: Desk, changed: dict[str, object]) -> None:
    asked = await desk.pending()
    await desk.says(asked)
    refusal = await desk.refused(ticket(**changed))
    assert (refusal.reason, refusal.approval) == (Reason.APPROVAL_PENDING, "a-2")
    found = await desk.store.get(asked.id)
    assert found is not None
    assert found.state is ApprovalState.VOID


async def test_a_yes_under_another_policy_is_void(desk: Desk) -> None:
    asked = await desk.pending()
    await desk.says(asked)
    desk.change_policy()
    assert (await desk.refused(ticket())).approval == "a-2"


async def test_a_policy_that_changes_while_the_agent_is_held_is_asked_again(desk: Desk) -> None:
    asked = await desk.pending()
    decided_under = desk.decision()
    await desk.says(asked)
    desk.change_policy()
    desk.decision = lambda: decided_under  # type: ignore[method-assign]
    refusal = await desk.refused(ticket())
    assert refusal.reason is Reason.APPROVAL_EXPIRED
    assert "the policy or the tool has changed" in refusal.detail


async def test_questions_and_answers_survive_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        await desk.pending()
    async with opened(tmp_path) as desk:
        await desk.says(await desk.pending())
    async with opened(tmp_path) as desk:
        assert await desk.granted(ticket(call_id="call-9")) == "a-1"


async def test_a_flood_of_questions_reaches_nobody(desk: Desk) -> None:
    for number in range(PENDING_PER_AGENT):
        await desk.pending(ticket(record=number.to_bytes(32)))
    refusal = await desk.refused(ticket())
    assert (refusal.reason, refusal.row.executed) == (Reason.OVERLOADED, "no")
    assert len(await desk.store.all()) == PENDING_PER_AGENT


async def test_what_nobody_can_read_cannot_be_approved(desk: Desk) -> None:
    refusal = await desk.refused(ticket(arguments={"note": "x" * 70_000}))
    assert refusal.reason is Reason.INVALID_ARGUMENTS
    assert await desk.store.all() == []


@pytest.mark.parametrize("step", ["ask", "get", "changed"])
async def test_what_cannot_be_asked_is_not_permitted(desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    async def fails(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(desk.store, step, fails)
    refusal = await desk.refused_after(ticket(), HOLD_S)
    assert refusal.reason is Reason.STORE_UNAVAILABLE
    assert "disk full" not in refusal.detail
