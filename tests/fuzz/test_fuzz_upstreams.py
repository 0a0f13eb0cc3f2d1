"""Upstreams that answer anything at all: the leg toward them says what became of each call, in time and in its own words."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from fuzz_dice import ONLY, again, seeds
from fuzz_legs import leg
from fuzz_server import Server


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    found = await Server().open()
    yield found
    await found.close()


async def legs(server: Server, run: Sequence[int]) -> None:
    waiting = [*reversed(run)]
    wrong: list[str] = []

    async def row() -> None:
        while waiting:
            seed = waiting.pop()
            try:
                await leg(server, seed)
            except Exception as fault:
                wrong.append(again("upstreams", seed, fault))

    await asyncio.gather(*(row() for _ in range(24)))
    assert not wrong, "\n".join(wrong[:20])
    assert server.fallen == 0, "somebody was led away"


async def test_a_thousand_answers_of_any_kind_are_understood_or_told_as_what_they_are(server: Server) -> None:
    await legs(server, seeds(0, 150))
    assert ONLY or server.answers > 1_000


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_many_more_answers_are_understood_too_or_told_as_what_they_are(server: Server) -> None:
    await legs(server, seeds(10_000, 5_000))
    assert ONLY or server.answers > 40_000
