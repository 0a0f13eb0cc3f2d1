"""Runs the official conformance suite and prints one table: `python -m tests.conformance.run`.

Lives only here: which cells there are and how they are shown. The suite is the client of our own server, directly or through
the gateway, whose upstream is of the same era or of the other one only; or, in the `client` cells, it is the server behind
the gateway, and judges what the gateway sends upstream. `--url` takes a server of your own instead. Ends with 1 if a scored
scenario failed in a cell that was asked for.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.conformance import behind, suite
from tests.conformance.behind import Era
from tests.conformance.suite import REVISIONS, Outcome, Revision

Way = Literal["direct", "gateway", "client"]

_ERA: dict[Revision, Era] = {"2025-11-25": "legacy", "2026-07-28": "modern"}
_LEGACY, _MODERN = REVISIONS
_ERAS: tuple[tuple[Revision, Era], ...] = (
    (_LEGACY, "legacy"),
    (_MODERN, "modern"),
    (_LEGACY, "modern"),
    (_MODERN, "legacy"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """`revision` is what the suite speaks, `other` the era on the other side of what is tested."""

    name: str
    revision: Revision
    other: Era
    way: Way


CELLS = (
    Cell("legacy-direct", _LEGACY, "both", "direct"),
    Cell("modern-direct", _MODERN, "both", "direct"),
    *(Cell(f"{_ERA[revision]}-to-{other}", revision, other, "gateway") for revision, other in _ERAS),
    *(Cell(f"client-{other}-to-{_ERA[revision]}", revision, other, "client") for revision, other in _ERAS),
)


@contextlib.contextmanager
def served(cell: Cell, folder: Path) -> Iterator[str]:
    """URL of what the cell tests."""
    with behind.everything(cell.other) as upstream:
        if cell.way == "direct":
            yield upstream
            return
        with behind.gateway(upstream, folder) as url:
            yield url


def measure(cell: Cell, folder: Path, only: Sequence[str] = ()) -> list[Outcome]:
    """One cell; `folder` keeps the checks, and the gateway's configuration and log."""
    folder.mkdir(parents=True)
    results = folder / "checks"
    results.mkdir()
    if cell.way == "client":
        player = [sys.executable, "-m", "tests.conformance.client", "--front", cell.other, "--keep", str(folder)]
        return suite.run_client(player, cell.revision, results, only)
    with served(cell, folder) as url:
        return suite.run(url, cell.revision, results, only)


def table(measured: dict[str, list[Outcome]]) -> str:
    """One row a scenario, one column a cell; then what failed, with its first reason."""
    width = max(map(len, measured)) + 2
    by_cell = {name: {one.scenario: one for one in outcomes} for name, outcomes in measured.items()}
    scenarios = dict.fromkeys(one for outcomes in by_cell.values() for one in outcomes)
    lines = [f"{'':46}" + "".join(f"{name:>{width}}" for name in measured)]
    lines += [
        f"{scenario:46}" + "".join(f"{_mark(of.get(scenario)):>{width}}" for of in by_cell.values())
        for scenario in scenarios
    ]
    for title, scored in (("scored", True), ("extras", False)):
        lines.append(f"{title:46}" + "".join(f"{_score(all_of, scored):>{width}}" for all_of in measured.values()))
    for name, outcomes in measured.items():
        lines += [f"\n{name}:"] * any(one.failures or one.warnings or one.skipped for one in outcomes)
        for one in outcomes:
            lines += [f"  FAIL {one.scenario}: {_first(one.failures)}"] if one.failures else []
            lines += [f"  warn {one.scenario}: {_first(one.warnings)}"] if one.warnings else []
            lines += [f"  skip {one.scenario}: {_first(one.skipped)}"] if one.skipped else []
    return "\n".join(lines)


def _first(reasons: Sequence[str]) -> str:
    return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")


def _mark(outcome: Outcome | None) -> str:
    """`warn` and `idle` count as passed, as the suite counts them."""
    if outcome is None:
        return "."
    if outcome.failures:
        return "FAIL"
    if outcome.warnings:
        return "warn"
    return "idle" if outcome.idle else "pass"


def _score(outcomes: Sequence[Outcome], scored: bool) -> str:
    counted = [one for one in outcomes if one.scored == scored]
    return f"{sum(one.passed for one in counted)}/{len(counted)}"


def _chosen(names: Sequence[str], way: str | None) -> list[Cell]:
    begins = tuple(f"{name}-" for name in names)
    return [
        cell for cell in CELLS if (not names or f"{cell.name}-".startswith(begins)) and (way is None or cell.way == way)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="The conformance suite against our server and through the gateway.")
    parser.add_argument("--cell", action="append", metavar="NAME", help="or how several begin; default: all of them")
    parser.add_argument("--through", choices=get_args(Way), help="one of the three ways; default: all of them")
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO", help="default: all of them")
    parser.add_argument("--url", help="a server of your own, tested with both revisions in place of the cells")
    parser.add_argument("--keep", type=Path, help="a new folder for every check, configuration and log")
    options = parser.parse_args()
    suite.install()
    known = {one for leg in get_args(suite.Leg) for revision in REVISIONS for one in suite.scenarios(revision, leg)}
    if unknown := set(options.only) - known:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    cells = _chosen(options.cell or [], options.through)
    if not cells:
        parser.error(f"no such cell; there are {', '.join(cell.name for cell in CELLS)}")
    with contextlib.ExitStack() as stack:
        kept = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured: dict[str, list[Outcome]] = {}
        if options.url:
            for revision in REVISIONS:
                results = kept / revision
                results.mkdir(parents=True)
                measured[_ERA[revision]] = suite.run(options.url, revision, results, options.only)
        else:
            for cell in cells:
                measured[cell.name] = measure(cell, kept / cell.name, options.only)
    print(table(measured))
    raise SystemExit(any(one.scored and not one.passed for outcomes in measured.values() for one in outcomes))


if __name__ == "__main__":
    main()
