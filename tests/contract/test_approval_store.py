"""What every home of approvals must do, whatever it is made of (ledger §5): one question, one answer, one departure."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis_kit
from claim_homes import ListJournal, claim, entry

from gateway.homes import ApprovalStore, ClaimStore
from gateway.model.approval import (
    APPROVED_S,
    DENIAL_S,
    KEPT_S,
    PENDING_PER_AGENT,
    PENDING_S,
    Approval,
    ApprovalState,
    Vote,
)
from gateway.model.claim import Claim, Departure, NotDone, State, Won
from gateway.store import approvals_sqlite, ledger_sqlite
from gateway.store.approvals_sqlite import SqliteApprovals
from gateway.store.ledger_sqlite import SqliteClaims
from gateway.store.writer import GroupWriter

RECORD, OTHER = b"r" * 32, b"o" * 32


@dataclass
class Home:
    """Approvals and claims in one place, because a departure changes both in one step."""

    store: ApprovalStore
    claims: ClaimStore
    clock: redis_kit.Ticking
    journal: ListJournal
    shared: bool
    """By several processes: the intent of a call that did not depart may stand in the journal."""

    async def asked(self, **more: Any) -> Approval:
        found = await self.store.ask(question(self.clock, **more))
        assert found is not None
        return found

    async def decided(self, approval: Approval, *, approved: bool = True, by: str = "user:carol") -> Approval:
        found = await self.store.decide(approval.id, Vote(approved, by, "because", self.clock.wall))
        assert found is not None
        return found

    async def claimed(self, asked: Claim) -> int:
        won = await self.claims.claim(asked, None)
        assert isinstance(won, Won)
        return won.token


async def _sqlite(path: Path) -> AsyncIterator[Home]:
    clock, journal = redis_kit.Ticking(), ListJournal()
    schema = (*ledger_sqlite.SCHEMA, *approvals_sqlite.SCHEMA)
    writer = GroupWriter(path / "ledger.db", journal, reached=lambda _: None, schema=schema)
    claims = SqliteClaims(writer, clock, b"secret" * 6, lambda _: None)
    yield Home(SqliteApprovals(writer, b"secret" * 6), claims, clock, journal, shared=False)
    await writer.close()


async def _redis(path: Path) -> AsyncIterator[Home]:
    clock, journal = redis_kit.Ticking(), ListJournal()
    writer = GroupWriter(path / "ledger.db", journal, reached=lambda _: None, schema=())
    async with redis_kit.opened(path, clock, writer) as gateway:
        yield Home(gateway.approvals, gateway.claims, clock, journal, shared=True)
    await writer.close()


HOMES = {"sqlite": _sqlite, "redis": _redis}


@pytest.fixture(params=HOMES)
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Home]:
    async for made in HOMES[request.param](tmp_path):
        yield made


def question(clock: redis_kit.Ticking, name: str = "a-1", **more: Any) -> Approval:
    known: dict[str, Any] = {
        "record": RECORD.hex(), "binding": "b" * 64, "call_id": "call-1", "tenant": "default", "agent": "bot",
        "user": "alice", "tool": "desk/refund", "arguments": {"cents": 10**30, "note": "für „sie“", "deep": [{"x": 1.5}]},
        "fingerprint": "f" * 64, "tool_digest": "d" * 64, "policy": "v1", "rules": ("ask-1", "ask-2"),
        "asked_at": clock.wall, "expires_at": clock.wall + PENDING_S, "trace": "00-1-2-01",
    }  # fmt: skip
    return Approval(name, **known | more)


async def test_a_question_comes_back_as_it_was_asked(home: Home) -> None:
    asked = await home.asked()
    assert asked == question(home.clock)
    assert await home.store.get("a-1") == asked
    assert await home.store.all() == [asked]
    assert await home.store.get("a-2") is None


async def test_the_same_question_is_not_asked_twice(home: Home) -> None:
    first = await home.asked()
    home.clock.advance(60)
    assert await home.asked(name="a-2", call_id="call-2") == first
    await home.decided(first)
    assert (await home.asked(name="a-3")).state is ApprovalState.APPROVED
    assert [found.id for found in await home.store.all()] == ["a-1"]


@pytest.mark.parametrize("decided", [False, True])
async def test_another_binding_makes_a_new_question_and_voids_the_old_one(home: Home, decided: bool) -> None:
    first = await home.asked()
    if decided:
        await home.decided(first)
    second = await home.asked(name="a-2", binding="c" * 64, arguments={"cents": 1})
    assert (second.id, second.state) == ("a-2", ApprovalState.PENDING)
    assert await state(home, "a-1") is ApprovalState.VOID
    token = await home.claimed(claim())
    assert await home.claims.depart(claim(), token, entry("never written"), "a-1") is Departure.UNAPPROVED


async def test_the_first_decision_counts(home: Home) -> None:
    asked = await home.asked()
    denied = await home.decided(asked, approved=False)
    assert (denied.state, denied.vote) == (
        ApprovalState.DENIED,
        Vote(False, "user:carol", "because", home.clock.wall),
    )
    assert await home.decided(asked, by="user:dave") == denied
    assert await home.store.get("a-1") == denied
    assert await home.store.decide("a-9", Vote(True, "user:carol", "", home.clock.wall)) is None


async def test_of_two_who_decide_at_once_exactly_one_wins(home: Home) -> None:
    asked = await home.asked()
    votes = [Vote(bool(n % 2), f"user:u{n}", "", home.clock.wall) for n in range(6)]
    after = await asyncio.gather(*(home.store.decide(asked.id, vote) for vote in votes))
    [winner] = {found.vote for found in after if found is not None}
    assert winner in votes
    assert sum(found is not None and found.vote == vote for found, vote in zip(after, votes, strict=True)) == 1


async def test_silence_is_a_no_and_makes_room_for_a_new_question(home: Home) -> None:
    asked = await home.asked()
    home.clock.advance(PENDING_S)
    assert (await home.decided(asked)).state is ApprovalState.EXPIRED
    assert (await home.asked(name="a-2")).id == "a-2"


async def test_a_yes_that_is_not_used_in_time_permits_nothing(home: Home) -> None:
    asked = await home.decided(await home.asked(use_within_s=30.0))
    assert asked.expires_at == home.clock.wall + 30
    home.clock.advance(30)
    token = await home.claimed(claim())
    assert await home.claims.depart(claim(), token, entry("never written"), asked.id) is Departure.UNAPPROVED
    assert (await home.asked(name="a-2")).id == "a-2"
    assert home.shared or home.journal.entries == []


async def test_a_denial_stands_for_its_time_under_whatever_key_it_is_asked_again(home: Home) -> None:
    denied = await home.decided(await home.asked(), approved=False)
    home.clock.advance(DENIAL_S - 1)
    assert await home.asked(name="a-2") == denied
    assert await home.asked(name="a-3", record=OTHER.hex()) == denied
    assert (await home.asked(name="a-4", record=OTHER.hex(), binding="c" * 64)).id == "a-4"
    home.clock.advance(1)
    assert (await home.asked(name="a-5")).id == "a-5"


async def test_a_denial_of_one_call_does_not_unmake_the_yes_to_another(home: Home) -> None:
    first, second = await home.asked(), await home.asked(name="a-2", record=OTHER.hex())
    await home.decided(second)
    await home.decided(first, approved=False)
    again = await home.asked(name="a-3", record=OTHER.hex())
    assert (again.id, again.state) == ("a-2", ApprovalState.APPROVED)


async def test_a_yes_is_used_up_by_the_departure_it_permits(home: Home) -> None:
    asked = await home.decided(await home.asked())
    token = await home.claimed(claim("call-7"))
    assert await home.claims.depart(claim("call-7"), token, entry("intent"), asked.id) is Departure.DEPARTED
    assert home.journal.entries == [{"name": "intent"}]
    used = await home.store.get(asked.id)
    assert used == replace(asked, state=ApprovalState.CONSUMED, consumed_by="call-7")


async def test_a_used_yes_never_permits_a_second_departure(home: Home) -> None:
    asked = await home.decided(await home.asked())
    token = await home.claimed(claim())
    assert await home.claims.depart(claim(), token, entry("intent"), asked.id) is Departure.DEPARTED
    assert await home.claims.finish(claim(), token, NotDone(), None)
    again = await home.claimed(claim("call-2"))
    assert await home.claims.depart(claim("call-2"), again, entry("never"), asked.id) is Departure.UNAPPROVED
    assert (await home.asked(name="a-2")).id == "a-2"
    assert home.shared or home.journal.entries == [{"name": "intent"}]


@pytest.mark.parametrize("given", ["pending", "denied", "of another record", "unknown"])
async def test_what_is_no_yes_to_this_record_permits_nothing_and_leaves_the_claim(home: Home, given: str) -> None:
    asked = await home.asked(record=OTHER.hex() if given == "of another record" else RECORD.hex())
    if given != "pending":
        await home.decided(asked, approved=given != "denied")
    token = await home.claimed(claim())
    approval = "a-9" if given == "unknown" else asked.id
    assert await home.claims.depart(claim(), token, entry("never"), approval) is Departure.UNAPPROVED
    assert await home.claims.fate(RECORD.hex(), "call-1") is State.CLAIMED
    assert await home.claims.finish(claim(), token, NotDone(), None)
    assert home.shared or home.journal.entries == []


async def test_a_departure_that_lost_its_token_uses_up_no_yes(home: Home) -> None:
    asked = await home.decided(await home.asked())
    token = await home.claimed(claim())
    assert await home.claims.depart(claim(), token + 1, entry("never"), asked.id) is Departure.LOST
    assert await state(home, asked.id) is ApprovalState.APPROVED
    assert await home.claims.depart(claim(), token, entry("intent"), asked.id) is Departure.DEPARTED


async def test_of_departures_at_once_under_one_yes_one_leaves(home: Home) -> None:
    asked = await home.decided(await home.asked())
    token = await home.claimed(claim())
    answers = await asyncio.gather(*(home.claims.depart(claim(), token, entry("intent"), asked.id) for _ in range(5)))
    assert sorted(answers) == sorted([Departure.DEPARTED, *[Departure.LOST] * 4])
    assert home.shared or home.journal.entries == [{"name": "intent"}]


async def test_an_agent_may_have_so_many_questions_pending_and_no_more(home: Home) -> None:
    for number in range(PENDING_PER_AGENT):
        await home.asked(name=f"a-{number}", record=f"{number:064x}")
    further = question(home.clock, name="further", record=OTHER.hex())
    assert await home.store.ask(further) is None
    assert await home.store.get("further") is None
    assert (await home.asked(name="again", record=f"{7:064x}")).id == "a-7"
    assert (await home.asked(name="of another agent", record="0f" * 32, agent="other")).id == "of another agent"
    assert (await home.asked(name="of another tenant", record="1f" * 32, tenant="other")).id == "of another tenant"
    first = await home.store.get("a-0")
    assert first is not None
    await home.decided(first)
    assert await home.store.ask(further) == further


async def test_pending_ones_that_expired_do_not_count(home: Home) -> None:
    for number in range(PENDING_PER_AGENT):
        await home.asked(name=f"a-{number}", record=f"{number:064x}")
    home.clock.advance(PENDING_S)
    assert (await home.asked(name="further", record=OTHER.hex())).id == "further"


async def test_the_newest_come_first_and_what_ended_goes_after_a_day(home: Home) -> None:
    await home.asked()
    home.clock.advance(1)
    await home.decided(await home.asked(name="a-2", record=OTHER.hex()))
    assert [found.id for found in await home.store.all()] == ["a-2", "a-1"]
    home.clock.advance(max(PENDING_S, APPROVED_S) + KEPT_S)
    await home.asked(name="a-3", record="3f" * 32)
    assert [found.id for found in await home.store.all()] == ["a-3"]


async def test_whoever_waits_is_woken_by_the_decision(home: Home) -> None:
    asked = await home.asked()
    waits = [asyncio.ensure_future(home.store.changed(asked.id, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    await home.decided(asked)
    await asyncio.wait_for(asyncio.gather(*waits), 5)


async def test_waiting_ends_by_itself(home: Home) -> None:
    asked = await home.asked()
    await asyncio.wait_for(home.store.changed(asked.id, 0.01), 5)
    await asyncio.wait_for(home.store.changed("nothing", 0.01), 5)


async def state(home: Home, name: str) -> ApprovalState:
    found = await home.store.get(name)
    assert found is not None
    return found.state
