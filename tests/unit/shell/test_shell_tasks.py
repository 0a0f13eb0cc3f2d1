"""Tasks have an owner: referenced until they end, waited for, cancelled together, their failures logged."""

import asyncio
import gc
import logging
import weakref

import pytest

from gateway.tasks import Tasks


async def test_a_task_is_kept_until_it_ends() -> None:
    tasks, gate = Tasks(), asyncio.Event()

    kept = weakref.ref(tasks.start(gate.wait(), "waits"))
    await asyncio.sleep(0)
    gc.collect()

    running = kept()
    assert running is not None
    assert (len(tasks), running.get_name()) == (1, "waits")
    gate.set()
    async with asyncio.timeout(5):
        assert await running is True
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_draining_waits_for_all_and_says_how_many_were_left() -> None:
    tasks, gate = Tasks(), asyncio.Event()
    ends, stays = tasks.start(gate.wait(), "ends"), tasks.start(asyncio.Event().wait(), "stays")

    assert await tasks.drain(0) == 2
    gate.set()
    assert await tasks.drain(0.01) == 1

    assert ends.done()
    assert not stays.cancelled()
    await tasks.close()


async def test_draining_nothing_waits_for_nothing() -> None:
    assert await Tasks().drain(1000) == 0


async def test_cancelling_ends_a_drain_that_is_under_way() -> None:
    tasks = Tasks()
    task = tasks.start(asyncio.Event().wait(), "stays")
    asyncio.get_running_loop().call_soon(tasks.cancel)

    assert await tasks.drain(1000) == 0

    assert task.cancelled()


async def test_closing_cancels_and_waits_for_what_tidies_up() -> None:
    tasks, tidied = Tasks(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append("up")

    task = tasks.start(work(), "work")
    await asyncio.sleep(0)
    await tasks.close()

    assert tidied == ["up"]
    assert task.cancelled()
    assert len(tasks) == 0


async def test_a_failure_is_logged_with_the_tasks_name_and_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()

    async def fails() -> None:
        raise ValueError("what happened")

    tasks.start(fails(), "key-refresh")
    assert await tasks.drain(5) == 0
    await asyncio.sleep(0)

    (said,) = caplog.records
    assert (said.levelno, said.getMessage()) == (logging.ERROR, "task key-refresh failed: ValueError")
    assert said.exc_info is not None


async def test_what_was_cancelled_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    tasks.start(asyncio.Event().wait(), "waits")

    await tasks.close()

    assert caplog.records == []
