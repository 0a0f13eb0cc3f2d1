"""Loop detection against labelled traces: what it finds of the loops, and what it refuses of honest work.

The traces were written by somebody who had not seen the detector. `python tests/loops/test_loop_traces.py` prints the
figures and the names of what was misjudged.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from loop_kit import Json, Reads, played

RECALL, FALSE_REFUSALS, TRACES = 0.95, 0.01, 200
READS: Final[tuple[Reads, ...]] = ("hint", "refuse")


def traces() -> Sequence[Json]:
    files = sorted((Path(__file__).parent / "traces").glob("*.jsonl"))
    return [
        json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
    ]


def misjudged(given: Sequence[Json], reads: Reads) -> tuple[list[str], list[str]]:
    """Loops that were not found, and honest traces of which a call was refused, asked about or paused."""
    missed = [one["name"] for one in given if one["kind"] == "loop" and not played(one, reads).found]
    wronged = [one["name"] for one in given if one["kind"] == "honest" and played(one, reads).barred]
    return missed, wronged


def shares(given: Sequence[Json], missed: Sequence[str], wronged: Sequence[str]) -> tuple[float, float]:
    """Recall, and the share of honest traces that were refused."""
    loops = sum(one["kind"] == "loop" for one in given)
    return 1 - len(missed) / loops, len(wronged) / (len(given) - loops)


@pytest.mark.parametrize("reads", READS)
def test_loops_are_found_and_honest_work_is_not_refused(reads: Reads) -> None:
    given = traces()
    assert len(given) >= TRACES

    missed, wronged = misjudged(given, reads)

    recall, false = shares(given, missed, wronged)
    assert recall >= RECALL, missed
    assert false <= FALSE_REFUSALS, wronged


if __name__ == "__main__":
    for column in READS:
        corpus = traces()
        lost, hurt = misjudged(corpus, column)
        found, refused = shares(corpus, lost, hurt)
        print(f"reads: {column:6}  {len(corpus)} traces  recall {found:.3f}  false refusals {refused:.3f}")
        print("  missed:", ", ".join(lost) or "none")
        print("  refused:", ", ".join(hurt) or "none")
