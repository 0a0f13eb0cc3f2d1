"""Whatever is done to the bytes of a journal is found, or is a torn tail that is cut, kept and told of."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.audit import segments
from gateway.audit.journal import SegmentJournal
from gateway.audit.torn import JournalDamaged
from gateway.audit.verify import verify

ENTRIES = 14


class StillClock:
    def now(self) -> float:
        return 1_790_000_000.0

    def monotonic(self) -> float:
        return 0.0


def open_journal(folder: Path, segment_bytes: int) -> SegmentJournal:
    return SegmentJournal(folder, segment_bytes=segment_bytes, clock=StillClock(), reached=lambda _: None)


@cache
def _journal(segment_bytes: int) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = open_journal(folder, segment_bytes)
        for number in range(ENTRIES):
            journal.append([{"kind": "call", "id": str(number), "time": "t", "call": f"c{number}"}])
        journal.close()
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def filled(folder: Path, segment_bytes: int) -> None:
    for name, data in _journal(segment_bytes).items():
        (folder / name).write_bytes(data)


def calls(folder: Path) -> list[str]:
    found: list[dict[str, Any]] = [json.loads(body) for _, body in segments.tail(folder, None)]
    return [entry["call"] for entry in found if entry["kind"] == "call"]


ALL = [f"c{number}" for number in range(ENTRIES)]
SIZES = st.sampled_from([500, 900, 1 << 20])


def found_or_recovered(folder: Path) -> None:
    """The law: opening either refuses and touches nothing, or goes on with a prefix and keeps what it cut."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    try:
        journal = open_journal(folder, 1 << 20)
    except JournalDamaged:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        return
    journal.append([{"kind": "call", "id": "x", "time": "t", "call": "after"}])
    journal.close()
    left = calls(folder)
    assert left[-1] == "after"
    assert left[:-1] == ALL[: len(left) - 1]
    assert verify(folder).ok
    after = b"".join(path.read_bytes() for path in sorted(folder.glob("*.log*")))
    for name, data in before.items():
        kept = (folder / name).read_bytes() if (folder / name).exists() else b""
        torn = folder / f"{name}.torn"
        aside = torn.read_bytes() if torn.exists() else b""
        assert (kept.startswith(data) and not aside) or kept[: len(data) - len(aside)] + aside == data
    assert b'"kind":"recovered"' in after or not any(folder.glob("*.torn"))


@settings(max_examples=40, deadline=None)
@given(size=SIZES, share=st.floats(0, 1))
def test_any_prefix_of_the_last_segment_is_recovered_without_losing_a_whole_entry(size: int, share: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, size)
        last = folder / segments.segments(folder)[-1]
        data = last.read_bytes()
        cut = data[: int(len(data) * share)]
        last.write_bytes(cut)
        whole = calls(folder)
        found_or_recovered(folder)
        assert calls(folder) == [*whole, "after"]


@settings(max_examples=80, deadline=None)
@given(size=SIZES, draw=st.data())
def test_any_flipped_bit_is_detected_and_refused_or_recovered(size: int, draw: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, size)
        path = folder / draw.draw(st.sampled_from(segments.segments(folder)))
        data = bytearray(path.read_bytes())
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] ^= 1 << draw.draw(st.integers(0, 7))
        path.write_bytes(data)
        report = verify(folder)
        assert not report.ok
        assert report.fault is not None
        good = bytes(data[:at]).count(b"\n")
        assert report.fault.file == str(path)
        assert report.fault.line == good + 1
        if path.name == segments.segments(folder)[-1]:
            found_or_recovered(folder)


@settings(max_examples=60, deadline=None)
@given(size=SIZES, edit=st.sampled_from(["swap", "delete", "double"]), draw=st.data())
def test_any_swap_deletion_or_doubling_of_lines_is_detected(size: int, edit: str, draw: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, size)
        names = segments.segments(folder)
        path = folder / draw.draw(st.sampled_from(names))
        lines = path.read_bytes().splitlines(keepends=True)
        first = draw.draw(st.integers(0, len(lines) - 1))
        match edit:
            case "swap":
                other = draw.draw(st.integers(0, len(lines) - 1))
                assume(first != other)
                lines[first], lines[other] = lines[other], lines[first]
            case "delete":
                assume(path.name != names[-1] or first != len(lines) - 1)  # the tail: a chain alone cannot show it
                del lines[first]
            case "double":
                lines.insert(first, lines[first])
        path.write_bytes(b"".join(lines))
        assert not verify(folder).ok
        if path.name == names[-1]:
            found_or_recovered(folder)


@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([500, 900]), draw=st.data())
def test_any_missing_segment_but_the_last_is_detected(size: int, draw: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, size)
        (folder / draw.draw(st.sampled_from(segments.segments(folder)[:-1]))).unlink()
        assert not verify(folder).ok
