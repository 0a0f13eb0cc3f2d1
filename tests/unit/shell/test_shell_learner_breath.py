"""How soon a list that changed is read again: at once, but never as often as a rude server likes."""

import asyncio
from typing import Any, cast

import pytest

from gateway.learner import Learner
from gateway.model.news import ListChanged


class HandClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def learner(clock: HandClock) -> Learner:
    nothing = cast("Any", None)
    return Learner(nothing, nothing, 60.0, clock, lambda _: None, beside=False)


async def test_a_server_that_calls_its_lists_changed_whenever_they_are_read_is_asked_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, breaths = learner(HandClock()), list[float]()

    async def sleep(seconds: float) -> None:
        breaths.append(seconds)
        if len(breaths) != 8:
            one._news(ListChanged("tools"))

    monkeypatch.setattr("gateway.learner.asyncio.sleep", sleep)
    for wait_s in [60.0] * 7 + [0.0, 60.0]:
        one._due.clear()
        await one._rest(wait_s)

    assert breaths == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 0, 0.2]


async def test_a_change_after_some_quiet_is_read_at_once_however_many_there_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = HandClock()
    one, breaths = learner(clock), list[float]()

    async def sleep(seconds: float) -> None:
        breaths.append(seconds)
        asyncio.get_running_loop().call_soon(said)

    def said() -> None:
        clock.at += 10.0
        one._due.set()

    monkeypatch.setattr("gateway.learner.asyncio.sleep", sleep)
    for _ in range(3):
        one._due.clear()
        await one._rest(60.0)

    assert breaths == [0.2] * 3
