"""What is SQLite's own: bytes at rest, the journal beside it, rows that must not stay, facts the schema itself holds."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.model.claim import Claim, Done, Found, Kept, State, Won
from gateway.model.work import JournalUnavailable, StoreUnavailable, Work
from gateway.store.ledger_sqlite import SCHEMA, SqliteClaims
from gateway.store.writer import GroupWriter

SECRET = b"secret" * 6


class FrozenClock:
    at = 1_790_000_000.0
    stepped = 0.0
    """By how much somebody set the wall clock."""

    def now(self) -> float:
        return self.at + self.stepped

    def monotonic(self) -> float:
        return self.at


class BreakableJournal:
    broken = False
    unsynced = False

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []

    def append(self, entries: Any) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.entries += entries

    def sync(self) -> None:
        if self.unsynced:
            raise OSError(5, "Input/output error")


class House:
    def __init__(self, path: Path) -> None:
        self.path = path / "ledger.db"
        self.clock, self.journal = FrozenClock(), BreakableJournal()
        self.reached: list[str] = []
        self.writer = GroupWriter(self.path, self.journal, reached=self.reached.append, schema=SCHEMA)
        self.store = SqliteClaims(self.writer, self.clock, SECRET, self.reached.append)

    async def done(self, body: bytes, name: bytes = b"r") -> Kept:
        kept = Kept("result", body, "a" * 64, len(body), is_error=False, call_id="call", at=2.0)
        answer = await self.store.claim(claim(name), lambda: {"intent": 1})
        assert isinstance(answer, Won)
        assert await self.store.finish(claim(name), answer.token, Done(kept, 60), None)
        return kept

    async def found(self, name: bytes = b"r") -> Kept | None:
        answer = await self.store.claim(claim(name), None)
        assert isinstance(answer, Found)
        return answer.kept

    async def run(self, statement: str) -> list[Any]:
        return await self.writer.submit(Work(lambda db: db.execute(statement).fetchall(), durable=True))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    await house.writer.close()


def claim(name: bytes = b"r") -> Claim:
    return Claim(name * 32, b"f" * 32, "call", "owner", 30.0)


async def test_a_long_body_is_compressed_and_no_body_can_be_read_in_the_file(house: House) -> None:
    await house.done(b"account 4711 " * 1000)
    await house.done(b"account 4711", b"s")
    ((longest,),) = await house.run("SELECT max(length(kept)) FROM claims")
    assert longest < 1000
    await house.writer.close()
    assert b"4711" not in house.path.read_bytes()


async def test_a_result_moved_to_another_record_or_read_with_another_secret_does_not_open(house: House) -> None:
    await house.done(b"mine", b"a")
    await house.done(b"theirs", b"b")
    await house.run(f"UPDATE claims SET kept = (SELECT kept FROM claims WHERE record = x'{b'b'.hex() * 32}')")
    for store, name in (house.store, b"a"), (SqliteClaims(house.writer, house.clock, b"other" * 7, print), b"b"):
        found = await store.claim(claim(name), None)
        assert isinstance(found, Found)
        assert found.kept is not None
        assert (found.kept.kind, found.kept.body) == ("withheld", None)


@pytest.mark.parametrize("step", [-90_000.0, 90_000.0])
async def test_a_step_of_the_wall_clock_ends_no_window(house: House, step: float) -> None:
    kept = await house.done(b"{}")
    house.clock.stepped = step
    for name in (b"x", b"y"):  # each claim purges
        assert await house.store.claim(claim(name), None)
    assert await house.found() == kept
    house.clock.at += 60 + max(0.0, -step)
    assert isinstance(await house.store.claim(claim(), None), Won)


async def test_a_clock_that_was_set_back_a_little_makes_no_doubt_young(house: House) -> None:
    young = replace(claim(), resend_within_s=100.0)
    assert isinstance(await house.store.claim(young, lambda: {"intent": 1}), Won)
    house.clock.at, house.clock.stepped = house.clock.at + 150, -60
    assert isinstance(await house.store.claim(young, None), Found)


async def test_nothing_is_claimed_when_the_intent_cannot_be_written(house: House) -> None:
    house.journal.broken = True
    with pytest.raises(JournalUnavailable):
        await house.store.claim(claim(), lambda: {"intent": 1})
    assert await house.run("SELECT * FROM claims") == []


async def test_nothing_departs_when_the_intent_cannot_be_written(house: House) -> None:
    answer = await house.store.claim(claim(), None)
    assert isinstance(answer, Won)
    house.journal.broken = True
    with pytest.raises(JournalUnavailable):
        await house.store.depart(claim(), answer.token, lambda: {"intent": 1})
    assert await house.run("SELECT state FROM claims") == [("retryable",)]


async def test_a_claim_whose_intent_was_written_but_not_synced_can_be_claimed_again(house: House) -> None:
    house.journal.unsynced = True
    with pytest.raises(JournalUnavailable):
        await house.store.claim(claim(), lambda: {"intent": 1})
    house.journal.unsynced = False
    answer = await house.store.claim(claim(), lambda: {"intent": 2})
    assert isinstance(answer, Won)
    assert answer.departed


async def test_an_ending_is_stored_while_the_journal_is_down_and_its_entry_waits(house: House) -> None:
    answer = await house.store.claim(claim(), lambda: {"intent": 1})
    assert isinstance(answer, Won)
    house.journal.broken = True
    kept = Kept("result", b"1", "a" * 64, 1, is_error=False, call_id="call", at=2.0)
    assert await house.store.finish(claim(), answer.token, Done(kept, 60), lambda: {"terminal": 1})
    assert await house.run("SELECT state FROM claims") == [("done",)]
    house.journal.broken = False
    assert await house.store.claim(claim(b"n"), lambda: {"intent": 2})
    assert {"terminal": 1} in house.journal.entries


@pytest.mark.parametrize("keep_s", [0, 60])
async def test_a_call_whose_answer_was_delivered_is_still_known_to_have_been_sent(house: House, keep_s: float) -> None:
    """Power may fail before the system has brought its terminal entry to the disk."""
    answer = await house.store.claim(claim(), lambda: {"intent": 1})
    assert isinstance(answer, Won)
    kept = Kept("result", b"{}", "a" * 64, 2, is_error=False, call_id="call", at=2.0)
    assert await house.store.finish(claim(), answer.token, Done(kept, 3600), None)
    house.store.delivered(claim(), answer.token, keep_s)
    house.clock.at += keep_s + 30
    assert isinstance(await house.store.claim(claim(b"other"), None), Won)
    assert await house.store.fate(claim().record.hex(), "call") is State.DONE


async def test_finished_records_are_purged_a_few_with_each_claim(house: House) -> None:
    for name in range(10):
        await house.done(b"old", bytes([65 + name]))
    house.clock.at += 120
    await house.done(b"new", b"y")
    assert await house.run("SELECT count(*) FROM claims") == [(7,)]
    await house.done(b"new", b"z")
    assert await house.run("SELECT count(*) FROM claims") == [(4,)]


@pytest.mark.parametrize("state", ["claimed", "sent", "doubt"])
async def test_the_file_itself_refuses_a_lifetime_on_what_is_not_settled(house: House, state: str) -> None:
    await house.store.claim(claim(), None)
    with pytest.raises(StoreUnavailable):
        await house.run(f"UPDATE claims SET state = '{state}', ends_at = 1.0")


async def test_every_step_passes_its_crash_point_inside_the_transaction(house: House) -> None:
    await house.done(b"1")
    answer = await house.store.claim(claim(b"s"), None)
    assert isinstance(answer, Won)
    await house.store.depart(claim(b"s"), answer.token, lambda: {"intent": 2})
    for point in ("claims.claimed", "claims.departed", "claims.finished"):
        after = house.reached[house.reached.index(point) + 1 :]
        assert after.index("writer.changed") < after.index("writer.committed")


async def test_a_sent_record_survives_in_the_file(house: House, tmp_path: Path) -> None:
    assert await house.store.claim(claim(), lambda: {"intent": 1})
    with sqlite3.connect(house.path) as beside:
        assert beside.execute("SELECT state FROM claims").fetchall() == [("sent",)]
    beside.close()
