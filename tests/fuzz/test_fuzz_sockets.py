"""Bytes of any kind on raw sockets, against a gateway process: each connection is answered or closed, and nobody is harmed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fuzz_dice import ONLY, seeds
from fuzz_gate import Gate
from fuzz_server import Server


@pytest_asyncio.fixture
async def gate(tmp_path) -> AsyncIterator[Gate]:
    server = await Server().open()
    found = Gate(tmp_path, server)
    yield await found.open()
    await found.close()
    await server.close()


async def test_some_hundred_connections_are_answered_or_closed(gate: Gate) -> None:
    await gate.storm(seeds(0, 400))


@pytest.mark.deep
@pytest.mark.timeout(600)
async def test_thousands_of_connections_are_answered_or_closed_and_leave_nothing_in_memory(gate: Gate) -> None:
    await gate.storm(seeds(10_000, 1_000))
    before = gate.resident()
    for round_ in range(4):
        await gate.storm(seeds(20_000 + 1_000 * round_, 1_000))
    assert gate.resident() - before < 32_000_000
    assert ONLY or gate.shots > 8_000
