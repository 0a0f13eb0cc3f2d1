"""What goes on beside the calls: one fault hides no later success, and an outage is told once."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from gateway.background import go_over, keep_up, until_done, watch_policy
from gateway.model.work import JournalUnavailable, StoreUnavailable


class Enough(Exception):
    """The fake of `asyncio.sleep` was asked often enough."""


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were slept, without sleeping; the twelfth time ends the loop."""
    seconds, yields = list[float](), asyncio.sleep

    async def fake(delay: float) -> None:
        seconds.append(delay)
        if len(seconds) == 12:
            raise Enough
        await yields(0)

    monkeypatch.setattr("gateway.background.asyncio.sleep", fake)
    return seconds


async def test_an_outage_of_the_index_is_told_once_and_ends_nothing(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[Exception | None] = [StoreUnavailable("disk full")] * 3 + [None, StoreUnavailable("disk full")]

    async def catch_up() -> None:
        if turns and (turn := turns.pop(0)) is not None:
            raise turn

    with pytest.raises(Enough):
        await keep_up(catch_up)

    assert slept == [1.0] * 12
    assert [record.getMessage() for record in caplog.records] == ["the audit index falls behind: disk full"] * 2


async def test_a_defect_of_the_index_ends_nothing(slept: list[float], caplog: pytest.LogCaptureFixture) -> None:
    async def catch_up() -> None:
        raise RuntimeError("nobody foresaw this")

    with pytest.raises(Enough):
        await keep_up(catch_up)

    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_a_policy_that_could_not_be_loaded_does_not_hide_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched: list[Any] = []

    async def changes(*folders: Path, **_: Any) -> Any:
        watched.extend(folders)
        for _change in range(3):
            yield set()

    loads: list[int] = []

    async def reload() -> None:
        loads.append(len(loads))
        if len(loads) == 1:
            raise StoreUnavailable("disk full")

    monkeypatch.setattr("gateway.background.awatch", changes)
    await watch_policy([tmp_path / "model.conf", tmp_path / "policy.csv"], reload)

    assert watched == [tmp_path]
    assert len(loads) == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_what_the_last_process_left_is_closed_once_store_and_journal_can_be_written() -> None:
    failures = [StoreUnavailable("away"), JournalUnavailable("disk full"), StoreUnavailable("away")]
    asked: list[int] = []

    async def work() -> None:
        asked.append(len(failures))
        if failures:
            raise failures.pop()

    await asyncio.wait_for(until_done(work, every_s=0), 5)
    assert asked == [3, 2, 1, 0]


async def test_doubts_are_gone_over_at_once_and_again_whatever_goes_wrong(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[Exception | None] = [StoreUnavailable("away"), StoreUnavailable("away"), KeyError("x"), None]

    async def sweep() -> None:
        if turns and (turn := turns.pop(0)) is not None:
            raise turn

    with pytest.raises(Enough):
        await go_over(sweep)

    assert (turns, slept) == ([], [10.0] * 12)
    assert [record.getMessage() for record in caplog.records] == [
        "what is in doubt is looked at later: away",
        "what is in doubt could not be looked at",
    ]
