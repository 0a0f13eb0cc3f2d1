"""The operator plane over an office, closed at its end."""

from collections.abc import AsyncIterator

import pytest
from operator_kit import Office, Visitor


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def visitor(office: Office) -> AsyncIterator[Visitor]:
    visitor = Visitor(office)
    yield visitor
    await visitor.close()
