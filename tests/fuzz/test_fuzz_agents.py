"""Agents that send anything at all, against the real road in this process: nothing breaks, shows itself or gets through."""

import gc
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio
from fuzz_dice import ONLY, seeds
from fuzz_field import Field


@pytest_asyncio.fixture
async def field(tmp_path, monkeypatch) -> AsyncIterator[Field]:
    found = Field(tmp_path, monkeypatch)
    yield await found.open()
    await found.close()


def resident() -> int:
    """Bytes of memory of this process, the gateway's among them."""
    gc.collect()
    return psutil.Process().memory_info().rss


async def test_two_thousand_requests_get_through_to_nothing_they_may_not(field: Field) -> None:
    await field.storm(seeds(0, 250))
    if ONLY is None:
        assert field.shots > 2_000
        assert field.fake.arrived > field.shots / 20, "the grammar does not reach far enough"
        assert field.fake.asked > 10
        assert len(field.kinds) > 30


@pytest.mark.deep
@pytest.mark.timeout(1_200)
async def test_a_hundred_thousand_requests_get_through_to_nothing_and_leave_nothing_in_memory(field: Field) -> None:
    await field.storm(seeds(100_000, 1_500))
    before = resident()
    for round_ in range(9):
        await field.storm(seeds(110_000 + 1_500 * round_, 1_500))
    assert resident() - before < 48_000_000
    assert ONLY or field.shots > 100_000
