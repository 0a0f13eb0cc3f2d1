"""The official suite through the gateway: what does not plainly pass is exactly what is written here, cell by cell."""

from pathlib import Path

import pytest

from tests.conformance import run, suite
from tests.conformance.suite import Outcome

THROUGH = {cell.name: cell for cell in run.CELLS if cell.way != "direct"}
CROSSED = ("client-modern-to-legacy", "client-legacy-to-modern")
ASKING = ("elicitation-sep1034-client-defaults", "sep-2322-client-request-state")
"""The client scenarios in which the era in front decides what the upstream gets."""
SHORT: dict[str, set[str]] = {
    "legacy-to-legacy": {"server-sse-polling"},
    "legacy-to-modern": {"server-sse-polling"},
    "modern-to-legacy": {
        "server-stateless",
        "input-required-result-basic-elicitation",
        "input-required-result-multiple-input-requests",
        "input-required-result-ignore-extra-params",
    },
}
"""Scenarios that fail, warn or prove nothing; of a cell that is not here, none."""


pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("cell", [pytest.param(cell, marks=[pytest.mark.deep] * (cell in CROSSED)) for cell in THROUGH])
def test_every_scenario_passes_but_for_those_written_here(cell: str, tmp_path: Path) -> None:
    suite.install()

    outcomes = run.measure(THROUGH[cell], tmp_path / cell)

    assert _short(outcomes) == SHORT.get(cell, set()), run.table({cell: outcomes})


@pytest.mark.parametrize("cell", CROSSED)
def test_what_an_upstream_asks_crosses_the_eras(cell: str, tmp_path: Path) -> None:
    suite.install()

    outcomes = run.measure(THROUGH[cell], tmp_path / cell, ASKING)

    assert len(outcomes) == 1
    assert not _short(outcomes), run.table({cell: outcomes})


def _short(outcomes: list[Outcome]) -> set[str]:
    return {one.scenario for one in outcomes if one.failures or one.warnings or one.idle}
