"""Who may answer, that it is written down before it counts, and what a late or forbidden answer is told."""

import pytest
from approval_kit import Desk, ticket

from gateway.model.approval import PENDING_S, ApprovalState, RulingKind, Vote
from gateway.model.refusal import Reason
from gateway.model.work import StoreUnavailable


async def test_a_decision_is_recorded_with_what_it_is_about_before_it_counts(desk: Desk) -> None:
    asked = await desk.pending()

    async def undecided_yet() -> None:
        found = await desk.store.get(asked.id)
        assert found == asked

    desk.trail.before = undecided_yet
    ruling = await desk.says(asked, why="spoke to the customer")

    assert (ruling.kind, ruling.approval and ruling.approval.state) == (RulingKind.DECIDED, ApprovalState.APPROVED)
    assert ruling.says == "Approved once: desk/refund of bot for alice; the call must be made within 10 min."
    [(who, action, facts)] = desk.trail.acts
    assert (who, action) == ("token-carol", "approval.approved")
    assert facts == {
        "approval": "a-1", "call": "call-1", "tenant": "default", "agent": "bot", "user": "alice",
        "tool": "desk/refund", "rules": ["ask-refund"], "policy": desk.rules.version, "decision": "approved",
        "fingerprint": (b"f" * 32).hex(), "by": "user:carol", "why": "spoke to the customer",
    }  # fmt: skip
    found = await desk.deciding.get(asked.id)
    assert found is not None
    assert found.vote == Vote(True, "user:carol", "spoke to the customer", desk.clock.wall)


async def test_what_cannot_be_recorded_is_not_decided(desk: Desk) -> None:
    asked = await desk.pending()

    async def fails() -> None:
        raise StoreUnavailable("the writer is closed")

    desk.trail.before = fails
    with pytest.raises(StoreUnavailable):
        await desk.says(asked)
    assert (await desk.pending()).state is ApprovalState.PENDING


async def test_nobody_decides_about_a_call_made_for_themselves(desk: Desk) -> None:
    asked = await desk.pending()
    for yes in (True, False):
        ruling = await desk.says(asked, "alice", yes=yes)
        assert ruling.kind is RulingKind.SELF_APPROVAL
    assert desk.trail.actions == ["approval.refused"] * 2
    assert desk.trail.acts[0][2]["because"] == "self-approval"
    assert (await desk.refused(ticket())).reason is Reason.APPROVAL_PENDING


@pytest.mark.parametrize(
    ("user", "changed", "kind"),
    [
        ("carol", {}, RulingKind.DECIDED),
        ("mallory", {}, RulingKind.NOT_PERMITTED),
        ("carol", {"tenant": "other"}, RulingKind.NOT_PERMITTED),
        ("carol", {"agent": "ops"}, RulingKind.NOT_PERMITTED),
        ("carol", {"tool": "desk/erase"}, RulingKind.NOT_PERMITTED),
        ("carol", {"user": None}, RulingKind.DECIDED),
        ("dave", {"arguments": {"cents": 100}}, RulingKind.DECIDED),
        ("dave", {"arguments": {"cents": 101}}, RulingKind.NOT_PERMITTED),
        ("dave", {"arguments": {}}, RulingKind.NOT_PERMITTED),
    ],
)
async def test_policy_says_who_may_decide_about_which_call(
    desk: Desk, user: str, changed: dict[str, object], kind: RulingKind
) -> None:
    asked = await desk.pending(ticket(**changed))
    ruling = await desk.says(asked, user)
    assert ruling.kind is kind
    found = await desk.store.get(asked.id)
    assert found is not None
    assert (found.state is ApprovalState.APPROVED) is (kind is RulingKind.DECIDED)


async def test_a_refused_decision_says_which_rule_or_that_there_is_none(desk: Desk) -> None:
    assert "rule not-for-ops says so" in (await desk.says(await desk.pending(ticket(agent="ops")))).says
    assert "no rule with action approve permits it" in (await desk.says(await desk.pending(), "mallory")).says


async def test_the_second_answer_learns_whose_the_first_was(desk: Desk) -> None:
    asked = await desk.pending()
    await desk.says(asked, yes=False)
    ruling = await desk.says(asked, "dave")
    assert ruling.kind is RulingKind.NOT_PERMITTED
    ruling = await desk.says(asked)
    assert (ruling.kind, ruling.says) == (
        RulingKind.OVER,
        "user:carol has denied it already; the first decision counts.",
    )
    assert desk.trail.actions == ["approval.denied", "approval.refused"]


async def test_of_two_answers_at_once_one_counts_and_the_records_say_which(desk: Desk) -> None:
    asked = await desk.pending(ticket(arguments={"cents": 1}))

    async def first() -> None:
        desk.trail.before = None
        assert (await desk.says(asked, "dave", yes=False)).kind is RulingKind.DECIDED

    desk.trail.before = first
    ruling = await desk.says(asked)
    assert (ruling.kind, ruling.approval and ruling.approval.state) == (RulingKind.OVER, ApprovalState.DENIED)
    assert desk.trail.actions == ["approval.denied", "approval.approved", "approval.overtaken"]


async def test_what_is_not_there_cannot_be_decided(desk: Desk) -> None:
    asked = await desk.pending()
    ruling = await desk.deciding.decide("a-9", by="token-carol", user="carol", approved=True, why="")
    assert (ruling.kind, ruling.approval) == (RulingKind.NOT_FOUND, None)
    assert desk.trail.acts == []
    assert await desk.deciding.all() == [asked]


async def test_what_has_expired_cannot_be_decided(desk: Desk) -> None:
    asked = await desk.pending()
    desk.clock.wall += PENDING_S
    ruling = await desk.says(asked)
    assert (ruling.kind, "which is a no" in ruling.says) == (RulingKind.OVER, True)
    assert desk.trail.acts == []


async def test_what_was_asked_under_another_policy_cannot_be_decided(desk: Desk) -> None:
    asked = await desk.pending()
    desk.change_policy()
    ruling = await desk.says(asked)
    assert (ruling.kind, "policy or the tool has changed" in ruling.says) == (RulingKind.OVER, True)
    assert [found.state for found in await desk.deciding.all()] == [ApprovalState.VOID]
