"""Who fails when journal or ledger file fails, and what waits."""

import asyncio
import errno
import sqlite3
from pathlib import Path

import pytest
from writer_kit import Desk, change, entry

from gateway.model.work import JournalUnavailable, StoreUnavailable, Work
from gateway.store import backlog as backlog_module
from gateway.store.ledger_file import opened


@pytest.fixture
async def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.journal.append_error = made.journal.sync_error = None
    await made.writer.close()


async def test_a_refusal_of_sqlite_is_store_unavailable(desk: Desk) -> None:
    await desk.writer.submit(change(1))
    with pytest.raises(StoreUnavailable) as raised:
        await desk.writer.submit(change(1))
    assert not raised.value.journaled


async def test_without_a_journal_what_needs_it_fails_and_leaves_no_trace(desk: Desk) -> None:
    desk.journal.append_error = OSError(errno.ENOSPC, "No space left on device")
    needs, waits = await desk.group(change(1, durable=True, needs_journal=True), change(2, durable=True))
    assert isinstance(needs, JournalUnavailable)
    assert waits == 1
    assert desk.rows() == [2]
    assert not desk.writer.journal_ok
    assert desk.writer.backlog == 2
    assert desk.writer.last_error == "journal: No space left on device"


async def test_what_waited_is_written_after_a_gap_entry_once_the_journal_works(desk: Desk) -> None:
    desk.journal.append_error = OSError(errno.ENOSPC, "No space left on device")
    await desk.group(entry(1), entry(2))
    desk.journal.append_error = None
    await desk.writer.submit(entry(3))
    assert desk.journal.names() == ["gap", "first", 1, 2, 3]
    assert desk.journal.entries[0]["delayed"] == 3
    assert desk.writer.journal_ok
    assert desk.writer.backlog == 0


async def test_a_failed_sync_fails_what_needs_the_journal_though_its_change_stands(desk: Desk) -> None:
    desk.journal.sync_error = OSError(errno.EIO, "Input/output error")
    needs, waits = await desk.group(change(1, durable=True, needs_journal=True), entry(2))
    assert isinstance(needs, JournalUnavailable)
    assert waits is None
    desk.journal.sync_error = None
    await desk.writer.submit(entry(3, durable=True))
    assert desk.journal.names() == ["first", "gap", 2, 3]
    assert desk.rows() == [1]


async def test_the_backlog_is_bounded_and_counts_what_it_dropped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.journal.append_error = OSError(errno.EROFS, "Read-only file system")
    await desk.group(*(entry(n) for n in range(backlog_module.WAITING + 4)))
    assert desk.writer.backlog == backlog_module.WAITING
    desk.journal.append_error = None
    await desk.writer.submit(entry("last"))
    gap = desk.journal.entries[0]
    assert (gap["dropped"], gap["delayed"]) == (5, backlog_module.WAITING)
    assert desk.journal.names()[1] == 4
    assert sum(made["kind"] == "gap" for made in desk.journal.entries) == 1


async def test_an_idle_writer_asks_a_failed_journal_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.writer._RETRY_S", 0.001)
    desk = Desk(tmp_path)
    desk.journal.append_error = OSError(errno.ENOSPC, "No space left on device")
    await desk.writer.submit(entry(1))
    desk.journal.append_error = None
    desk.journal.entered.clear()
    assert await asyncio.to_thread(desk.journal.entered.wait, 5)
    await desk.writer.close()
    assert desk.journal.names() == ["gap", 1]


async def test_a_failed_commit_fails_every_change_of_the_group_and_says_that_entries_stand(desk: Desk) -> None:
    foreign = Work(
        change=lambda db: db.execute("INSERT INTO orphan VALUES (7)").rowcount,
        entries=lambda _: (lambda: {"kind": "call", "n": "orphan"},),
    )
    failed, innocent, plain = await desk.group(foreign, change(1), entry(2))
    assert isinstance(failed, StoreUnavailable)
    assert failed.journaled
    assert isinstance(innocent, StoreUnavailable)
    assert plain is None
    assert desk.rows() == []
    assert not desk.writer.store_ok
    assert await desk.writer.submit(change(3)) == 1
    assert desk.writer.store_ok


async def test_a_ledger_file_that_is_locked_fails_changes_and_lets_records_pass(desk: Desk) -> None:
    await desk.writer.submit(Work(change=lambda db: db.execute("PRAGMA busy_timeout=1").fetchone()))
    blocker = sqlite3.connect(desk.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    changed, recorded = await desk.group(change(1, needs_journal=True), entry(2))
    blocker.execute("ROLLBACK")
    blocker.close()
    assert isinstance(changed, StoreUnavailable)
    assert not changed.journaled
    assert recorded is None
    assert desk.journal.names() == ["first", 2]


async def test_a_transaction_that_sqlite_gave_up_fails_all_its_changes(desk: Desk) -> None:
    give_up = Work(change=lambda db: (db.execute("ROLLBACK"), 1 / 0))
    first, bad, after, plain = await desk.group(change(2), give_up, change(3), entry(4))
    assert all(isinstance(each, StoreUnavailable) for each in (first, bad, after))
    assert plain is None
    assert desk.journal.names() == ["first", 4]
    assert desk.rows() == []


async def test_a_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, certainly not" * 100)
    with pytest.raises(StoreUnavailable, match=r"ledger\.db"):
        Desk(tmp_path)


async def test_a_defect_leaves_nobody_waiting_and_the_thread_alive(desk: Desk) -> None:
    desk.journal.append_error = ValueError("a defect")  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(desk.writer.submit(change(1)), 5)
    desk.journal.append_error = None
    assert await asyncio.wait_for(desk.writer.submit(change(2)), 5) == 1
    assert desk.rows() == [2]


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "ledger.db")
    older.execute("CREATE TABLE claims (record BLOB)")
    older.close()
    with pytest.raises(StoreUnavailable, match="made by another version of Sallyport"):
        opened(tmp_path / "ledger.db", ())
    again = sqlite3.connect(tmp_path / "ledger.db")
    assert again.execute("PRAGMA user_version").fetchone() == (0,)
    again.close()


def test_a_file_of_this_version_is_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        opened(tmp_path / "ledger.db", ("CREATE TABLE IF NOT EXISTS claims (record BLOB)",)).close()
