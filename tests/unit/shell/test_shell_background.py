"""What goes on beside the calls: lists are read again with growing pauses, and one fault hides no later success."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.background import Learner, first_lists, keep_up, until_done, watch_policy
from gateway.model.work import JournalUnavailable, StoreUnavailable
from gateway.ports import Catalog, Upstream, UpstreamFault

FAULT = UpstreamFault("connection refused")


class Enough(Exception):
    """The fake of `asyncio.sleep` was asked often enough."""


class Clock:
    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 5.0


@dataclass
class Lister:
    """An upstream that answers in turn with what is written down, and with its last answer from then on."""

    turns: list[Sequence[Mapping[str, Any]] | Exception]
    id: str = "helpdesk"
    asked: list[float] = field(default_factory=list)

    async def list_tools(self, deadline: float) -> Sequence[Mapping[str, Any]]:
        self.asked.append(deadline)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn


@dataclass
class Shelf:
    """A catalog that keeps the last list."""

    lists: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def learn(self, upstream: str, definitions: Sequence[Mapping[str, Any]]) -> None:
        if definitions == [{"name": "cursed"}]:
            raise RuntimeError("nobody foresaw this list")
        self.lists[upstream] = definitions


def learner(turns: list[Any]) -> tuple[Learner, Shelf]:
    shelf = Shelf()
    return Learner(cast(Upstream, Lister(turns)), cast(Catalog, shelf), 60.0, Clock()), shelf


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


async def test_a_list_is_taken_and_said_so() -> None:
    one, shelf = learner([[{"name": "get"}]])
    assert not one.state.tried

    assert await one.learn()

    assert shelf.lists == {"helpdesk": [{"name": "get"}]}
    assert (one.state.tried, one.state.tools, one.state.at, one.state.fault) == (True, 1, 1000.0, None)
    assert cast(Lister, one.upstream).asked == [15.0]


@pytest.mark.parametrize("bad", [FAULT, RuntimeError("a defect"), [{"name": "cursed"}]])
async def test_a_fault_keeps_the_last_list_and_is_told(bad: Any) -> None:
    one, shelf = learner([[{"name": "get"}], bad])
    await one.learn()

    assert not await one.learn()

    assert shelf.lists == {"helpdesk": [{"name": "get"}]}
    assert (one.state.tools, one.state.at) == (1, 1000.0)
    assert one.state.fault == ("connection refused" if bad is FAULT else "its list could not be taken; the gateway's log says why")  # fmt: skip


async def test_an_upstream_that_never_answered_was_tried() -> None:
    one, _ = learner([FAULT])

    await one.learn()

    assert one.state.tried
    assert one.state.at is None


async def test_the_same_fault_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    one, _ = learner([FAULT, FAULT, UpstreamFault("timed out"), [], FAULT])

    for _ in range(5):
        await one.learn()

    said = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert said == ["connection refused", "timed out", "connection refused"]


@pytest.mark.parametrize("bad", [FAULT, RuntimeError("a defect")])
async def test_pauses_after_a_fault_grow_to_half_a_minute(slept: list[float], bad: Exception) -> None:
    with pytest.raises(Enough):
        await learner([bad])[0].run()

    assert slept == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]


async def test_after_a_success_the_list_is_read_at_its_own_pace_and_pauses_begin_anew(slept: list[float]) -> None:
    one, shelf = learner([FAULT, FAULT, [{"name": "a"}], FAULT, FAULT, [{"name": "b"}]])

    with pytest.raises(Enough):
        await one.run()

    assert slept == [0.5, 1, 60, 0.5, 1, *[60] * 7]
    assert shelf.lists == {"helpdesk": [{"name": "b"}]}
    assert one.state.fault is None


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
    assert [record.getMessage() for record in caplog.records] == ["disk full"] * 2


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


async def test_a_start_waits_for_every_first_list_and_for_none_longer_than_its_patience() -> None:
    quick, hangs = asyncio.Event(), asyncio.Event()

    class Listed:
        def __init__(self, event: asyncio.Event) -> None:
            self.tried = event.wait

    quick.set()
    await asyncio.wait_for(first_lists([Listed(quick)], 60), 5)
    await asyncio.wait_for(first_lists([Listed(quick), Listed(hangs)], 0.01), 5)
    waiting = asyncio.ensure_future(first_lists([Listed(hangs), Listed(quick)], 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    hangs.set()
    await asyncio.wait_for(waiting, 5)


async def test_what_the_last_process_left_is_closed_once_store_and_journal_can_be_written() -> None:
    failures = [StoreUnavailable("away"), JournalUnavailable("disk full"), StoreUnavailable("away")]
    asked: list[int] = []

    async def work() -> None:
        asked.append(len(failures))
        if failures:
            raise failures.pop()

    await asyncio.wait_for(until_done(work, every_s=0), 5)
    assert asked == [3, 2, 1, 0]
