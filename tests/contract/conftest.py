from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from claim_homes import HOMES, Home


@pytest.fixture(params=HOMES)
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Home]:
    async for made in HOMES[request.param](tmp_path):
        yield made
