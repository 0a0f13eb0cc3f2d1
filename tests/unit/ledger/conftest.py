"""A house per test, closed at its end."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_kit import House


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[Callable[..., House]]:
    houses: list[House] = []

    def make(**how: Any) -> House:
        houses.append(House(tmp_path, **how))
        return houses[-1]

    yield make
    for house in houses:
        await house.close()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
