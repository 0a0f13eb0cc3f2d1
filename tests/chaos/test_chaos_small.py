"""A small storm on each store: whatever dies, nothing happens twice, nobody is lied to, and every doubt has a reason."""

from pathlib import Path

import pytest

from tests.chaos.field import Store
from tests.chaos.run import passed, storm, told
from tests.chaos.weather import SMALL


@pytest.mark.timeout(90)
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_three_hundred_operations_in_a_storm_keep_the_promise(tmp_path: Path, store: Store) -> None:
    verdict = storm(tmp_path, store, 7, 300, SMALL)
    assert verdict.ok, told(verdict)
    assert verdict.figures["kill"] >= 2


@pytest.mark.timeout(60)
def test_the_same_storm_without_deduplication_shows_duplicates(tmp_path: Path) -> None:
    verdict = storm(tmp_path, "sqlite", 7, 60, SMALL, deduplicates=False)
    assert passed(verdict, gently=False, deduplicates=False), told(verdict)
