"""Writes the labelled traces: `python -m tests.loops.make_traces`.

Every family draws from a seed of its own, so a new one leaves the others as they are. Another seed makes other traces,
whose servers stamp their answers each in a style of its own; they are not kept. The labels say what a platform
engineer would call the trace; whoever adds one should not look at the detector first.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.loops import traces_honest, traces_loops, traces_returning, traces_stuck
from tests.loops.trace_kit import Trace
from tests.loops.trace_noise import Dice

HOME = Path(__file__).parent / "traces"
FILES = {
    "loops.jsonl": traces_loops.FAMILIES + traces_stuck.FAMILIES,
    "honest.jsonl": traces_honest.FAMILIES + traces_returning.FAMILIES,
}


def traces(file: str, seed: int | None = None) -> Iterator[Trace]:
    for family in FILES[file]:
        name = family.__name__
        yield from family(Random(name) if seed is None else Dice(f"{seed}/{name}"))


def text(file: str) -> str:
    return "".join(f"{trace.line()}\n" for trace in traces(file))


def main() -> None:
    HOME.mkdir(exist_ok=True)
    for file in FILES:
        (HOME / file).write_text(text(file), encoding="utf-8")


if __name__ == "__main__":
    main()
