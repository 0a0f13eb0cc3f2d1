"""Loop detection against labelled traces: what it finds of the loops, and what it refuses of honest work.

The traces were written by somebody who had not seen the detector. Those that are kept are one throw of the dice; others
of the same families have other numbers, and ids of other shapes in their answers.
`python -m tests.loops.test_loop_traces` prints the figures and the names of what was misjudged.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest

from tests.loops import make_traces
from tests.loops.loop_kit import Json, Reads, played

RECALL, FALSE_REFUSALS, TRACES = 0.95, 0.01, 200
READS: Final[tuple[Reads, ...]] = ("hint", "refuse")
SEEDS: Final = (1, 2)


def kept() -> Sequence[Json]:
    files = [make_traces.HOME / file for file in make_traces.FILES]
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@cache
def thrown() -> Sequence[Json]:
    made = (trace for seed in SEEDS for file in make_traces.FILES for trace in make_traces.traces(file, seed))
    return [json.loads(trace.line()) for trace in made]


CORPORA: Final[Mapping[str, Callable[[], Sequence[Json]]]] = {"kept": kept, "other ids": thrown}


@dataclass(frozen=True)
class Score:
    """Loops that were not found, and honest traces of which a call was refused, asked about or paused."""

    loops: int
    honest: int
    missed: Sequence[str]
    wronged: Sequence[str]

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.loops

    @property
    def false_refusals(self) -> float:
        return len(self.wronged) / self.honest

    def row(self, corpus: str, reads: Reads) -> str:
        given = f"{self.loops} loops and {self.honest} honest traces"
        figures = f"recall {self.recall:.3f} | false refusals {self.false_refusals:.3f}"
        return f"| {corpus:9} | {reads:6} | {given} | {figures} |"


def scored(given: Sequence[Json], reads: Reads) -> Score:
    loops = [one for one in given if one["kind"] == "loop"]
    honest = [one for one in given if one["kind"] == "honest"]
    missed = [one["name"] for one in loops if not played(one, reads).found]
    wronged = [one["name"] for one in honest if played(one, reads).barred]
    return Score(len(loops), len(honest), missed, wronged)


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("corpus", CORPORA)
def test_loops_are_found_and_honest_work_is_not_refused(corpus: str, reads: Reads) -> None:
    score = scored(CORPORA[corpus](), reads)

    print(score.row(corpus, reads))
    assert score.loops + score.honest >= TRACES
    assert score.recall >= RECALL, score.missed
    assert score.false_refusals <= FALSE_REFUSALS, score.wronged


if __name__ == "__main__":
    for one in CORPORA:
        for mode in READS:
            judged = scored(CORPORA[one](), mode)
            print(judged.row(one, mode))
            print("  missed:", ", ".join(judged.missed) or "none")
            print("  refused:", ", ".join(judged.wronged) or "none")
