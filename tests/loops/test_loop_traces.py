"""Loop detection against labelled traces: what it finds of the loops, and what it refuses of honest work.

The traces were written by somebody who had not seen the detector. Those that are kept are one throw of the dice; others
of the same families have other numbers, and ids of other shapes in their answers.
`python -m tests.loops.test_loop_traces [seed ...]` prints the figures and the names of what was misjudged.
"""

import json
import sys
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
def thrown(seeds: Sequence[int] = SEEDS) -> Sequence[Json]:
    made = (trace for seed in seeds for file in make_traces.FILES for trace in make_traces.traces(file, seed))
    return [json.loads(trace.line()) for trace in made]


CORPORA: Final[Mapping[str, Callable[[], Sequence[Json]]]] = {"kept": kept, "other ids": thrown}


@dataclass(frozen=True)
class Score:
    """What was made of the traces."""

    loops: int
    honest: int
    missed: Sequence[str]
    """Loops of which the agent was never told."""
    wronged: Sequence[str]
    """Honest traces of which a call was refused, asked about or paused."""
    barred: int
    """Loops of which one was."""
    hinted: int
    """Honest traces that were told to look out, at least once."""

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.loops

    @property
    def false_refusals(self) -> float:
        return len(self.wronged) / self.honest

    def row(self, corpus: str, reads: Reads) -> str:
        given = f"{self.loops} loops, {self.honest} honest"
        gates = f"recall {self.recall:.3f} | false refusals {self.false_refusals:.3f}"
        rest = f"loops barred {self.barred / self.loops:.2f} | honest hinted at {self.hinted / self.honest:.2f}"
        return f"| {corpus:9} | {reads:6} | {given} | {gates} | {rest} |"


def scored(given: Sequence[Json], reads: Reads) -> Score:
    ends = [(one["name"], one["kind"], played(one, reads)) for one in given]
    loops = [(name, end) for name, kind, end in ends if kind == "loop"]
    honest = [(name, end) for name, kind, end in ends if kind == "honest"]
    return Score(
        len(loops),
        len(honest),
        missed=[name for name, end in loops if not end.found],
        wronged=[name for name, end in honest if end.barred],
        barred=sum(end.barred for _, end in loops),
        hinted=sum(end.found for _, end in honest),
    )


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("corpus", CORPORA)
def test_loops_are_found_and_honest_work_is_not_refused(corpus: str, reads: Reads) -> None:
    score = scored(CORPORA[corpus](), reads)

    print(score.row(corpus, reads))
    assert score.loops + score.honest >= TRACES
    assert score.recall >= RECALL, score.missed
    assert score.false_refusals <= FALSE_REFUSALS, score.wronged


if __name__ == "__main__":
    seeds = tuple(int(seed) for seed in sys.argv[1:]) or SEEDS
    for one, corpus_of in (("kept", kept()), ("other ids", thrown(seeds))):
        for mode in READS:
            judged = scored(corpus_of, mode)
            print(judged.row(one, mode))
            print("  missed:", ", ".join(judged.missed) or "none")
            print("  refused:", ", ".join(judged.wronged) or "none")
