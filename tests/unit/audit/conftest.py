"""Fixtures of the audit room."""

from pathlib import Path

import pytest
from audit_kit import DirectWriter, HandClock, Shelf


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def writer() -> DirectWriter:
    return DirectWriter()


@pytest.fixture
def shelf(tmp_path: Path, clock: HandClock) -> Shelf:
    return Shelf(tmp_path / "journal", clock)
