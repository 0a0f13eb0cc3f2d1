"""The writer thread: groups, their order, and whom it releases."""

import asyncio
import threading
from pathlib import Path

import pytest
from writer_kit import Desk, change, entry, failing, insert

from gateway.model.work import StoreUnavailable, Work


@pytest.fixture
async def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.journal.append_error = made.journal.sync_error = None
    await made.writer.close()


async def test_a_change_is_committed_and_its_result_returned(desk: Desk) -> None:
    assert await desk.writer.submit(change(1, durable=True)) == 1
    assert desk.rows() == [1]
    assert desk.points[:2] == ["writer.changed", "writer.appended"]
    assert sorted(desk.points[2:]) == ["writer.committed", "writer.synced"]  # side by side, in either order


async def test_everything_queued_becomes_one_group_with_one_sync(desk: Desk) -> None:
    await desk.group(*(change(x, durable=True) for x in range(64)))
    assert (desk.journal.appends, desk.journal.syncs) == (2, 1)
    assert desk.points.count("writer.committed") == 1
    assert desk.rows() == list(range(64))


async def test_a_group_without_durable_work_is_not_synced(desk: Desk) -> None:
    await desk.group(entry(1), entry(2), change(3))
    assert desk.journal.syncs == 0
    assert desk.journal.names() == ["first", 1, 2, 3]


async def test_nobody_is_released_before_journal_and_ledger_are_both_on_disk(desk: Desk) -> None:
    syncing, go = threading.Event(), threading.Event()

    def slow() -> None:
        syncing.set()
        assert go.wait(5)

    desk.journal.sync = slow  # type: ignore[method-assign]
    submitted = asyncio.ensure_future(desk.writer.submit(change(1, durable=True)))
    assert await asyncio.to_thread(syncing.wait, 5)
    await asyncio.sleep(0)
    assert not submitted.done()
    go.set()
    await asyncio.wait_for(submitted, 5)
    assert desk.rows() == [1]


async def test_a_sync_that_fails_in_a_way_nobody_foresaw_strands_nobody(desk: Desk) -> None:
    def broken() -> None:
        raise ValueError("I/O operation on closed file")

    good, desk.journal.sync = desk.journal.sync, broken  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(desk.writer.submit(change(1, durable=True)), 5)
    desk.journal.sync = good  # type: ignore[method-assign]
    await asyncio.wait_for(desk.writer.submit(change(2, durable=True)), 5)
    assert 2 in desk.rows()


async def test_what_one_change_raises_fails_only_its_own_work(desk: Desk) -> None:
    good, bad, after = await desk.group(change(1), failing(KeyError("mine")), change(2))
    assert (good, after) == (1, 1)
    assert isinstance(bad, KeyError)
    assert desk.rows() == [1, 2]
    assert "never" not in desk.journal.names()


async def test_entries_that_cannot_be_made_undo_their_own_change(desk: Desk) -> None:
    broken = Work(change=insert(5), entries=lambda _: (lambda: 1 / 0,))  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        await desk.writer.submit(broken)
    assert desk.rows() == []


async def test_a_change_that_raises_stop_iteration_does_not_strand_its_group(desk: Desk) -> None:
    bad, good = await desk.group(failing(StopIteration()), change(1))
    assert isinstance(bad, RuntimeError)
    assert good == 1


async def test_a_cancelled_callers_work_is_done_and_the_others_are_released(desk: Desk) -> None:
    desk.journal.go.clear()
    gone, stays = desk.writer.submit(change(1)), desk.writer.submit(change(2))
    gone.cancel()
    desk.journal.go.set()
    assert await asyncio.wait_for(stays, 5) == 1
    assert desk.rows() == [1, 2]


async def test_a_rider_waits_for_the_next_group_that_commits(desk: Desk) -> None:
    desk.writer.ride(insert(1))
    await desk.writer.submit(entry("no change"))
    assert desk.rows() == []
    await desk.writer.submit(change(2))
    assert desk.rows() == [1, 2]
    assert desk.points.count("writer.committed") == 1


async def test_a_rider_that_fails_harms_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.writer.ride(lambda _: 1 / 0)
    assert await desk.writer.submit(change(2)) == 1
    assert "rode along" in caplog.text


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    waiting = [desk.writer.submit(change(x)) for x in range(5)]
    await desk.writer.close()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert desk.rows() == [0, 1, 2, 3, 4]
    with pytest.raises(StoreUnavailable):
        await desk.writer.submit(change(10))


async def test_closing_writes_what_rides(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.writer.ride(insert(9))
    await desk.writer.close()
    assert desk.rows() == [9]
