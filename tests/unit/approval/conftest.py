"""One desk for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from approval_kit import Desk, opened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made
