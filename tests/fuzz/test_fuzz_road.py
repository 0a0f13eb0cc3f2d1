"""Proper callers of both eras before upstreams that answer anything at all: whatever comes back, they are told something true.

Over HTTP in both eras and over stdio; each caller answers what it is asked, and every request has its record.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fuzz_dice import ONLY, seeds
from fuzz_road import Road, upstreams
from fuzz_server import Server


@pytest_asyncio.fixture
async def road(tmp_path, monkeypatch) -> AsyncIterator[tuple[Road, Server]]:
    server = await Server().open()
    found = Road(tmp_path, monkeypatch, upstreams(server))
    yield await found.open(), server
    await found.close()
    await server.close()


async def told_true(road: Road, server: Server, first: int, count: int) -> None:
    await road.storm(seeds(first, count))
    assert [strange for site in server.sites.values() for strange in site.strange] == []
    assert server.fallen == 0, "somebody was led away"


async def test_callers_are_told_something_sound_whatever_their_upstreams_answer(road) -> None:
    await told_true(*road, 1, 120)
    assert ONLY or road[1].answers > 300


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_thousands_of_callers_are_told_something_sound_too(road) -> None:
    await told_true(*road, 1_000, 3_000)
