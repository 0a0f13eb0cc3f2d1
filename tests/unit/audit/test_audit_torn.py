"""Opening what a dead process left: a torn tail is cut and told of, damage is refused and kept."""

import os
from collections.abc import Callable

import pytest
from audit_kit import fake

from gateway.audit.torn import JournalDamaged
from gateway.audit.verify import verify


class Stop(Exception):
    """Stands for a process that died at a crash point."""


@pytest.mark.parametrize("cut", [1, 2, 40, 80, 130])
def test_a_torn_tail_is_cut_kept_aside_and_told_of(shelf, cut: int) -> None:
    shelf.fill([1, 2, 3])
    data = shelf.last().read_bytes()
    shelf.last().write_bytes(data[:-cut])
    shelf.fill([4])
    assert shelf.calls() == ["c1", "c2", "c4"]
    told = shelf.entries()[-2]
    aside = shelf.folder / told["file"]
    assert told["kind"] == "recovered"
    assert data[:-cut].endswith(aside.read_bytes())
    assert (told["bytes"], aside.name) == (len(aside.read_bytes()), f"{shelf.last().name}.torn")
    assert verify(shelf.folder).ok


@pytest.mark.parametrize("rubbish", [b"\0" * 4096, b"\n", b"rubbish", b"rubbish\nand more\n", b"\xff" * 90 + b"\n"])
def test_rubbish_at_the_end_is_a_torn_tail(shelf, rubbish: bytes) -> None:
    shelf.fill([1])
    with shelf.last().open("ab") as file:
        file.write(rubbish)
    shelf.fill([2])
    assert shelf.calls() == ["c1", "c2"]
    assert (shelf.folder / f"{shelf.last().name}.torn").read_bytes() == rubbish


def test_two_recoveries_keep_both_tails(shelf) -> None:
    for tail in (b"one", b"two"):
        shelf.fill([1])
        with shelf.last().open("ab") as file:
            file.write(tail)
    shelf.fill([2])
    assert (shelf.folder / f"{shelf.last().name}.torn").read_bytes() == b"onetwo"


def lines(edit: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(edit(data.splitlines(keepends=True)))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lines(lambda old: [*old[:2], old[2].replace(b"c2", b"c9"), *old[3:]]), id="altered"),
        pytest.param(lines(lambda old: [*old[:2], *old[3:]]), id="removed"),
        pytest.param(lines(lambda old: [*old[:2], old[3], old[2], *old[4:]]), id="swapped"),
        pytest.param(lines(lambda old: [*old[:-2], old[-1], old[-2]]), id="last two swapped"),
        pytest.param(lines(lambda old: [*old[:3], old[2], *old[3:]]), id="twice"),
        pytest.param(lines(lambda old: [*old[:-2], b"f" * 64 + old[-2][64:], old[-1]]), id="hash of the last but one"),
        pytest.param(lines(lambda old: old[1:]), id="head removed"),
        pytest.param(lines(lambda old: [b"rubbish\n", *old[1:]]), id="head altered"),
    ],
)
def test_damage_with_whole_entries_behind_it_refuses_to_start_and_cuts_nothing(shelf, edit) -> None:
    shelf.fill(range(1, 6))
    damaged = edit(shelf.last().read_bytes())
    shelf.last().write_bytes(damaged)
    with pytest.raises(JournalDamaged, match=r"journal-000000000001\.log:\d+: .*sallyport audit verify"):
        shelf.open()
    assert shelf.last().read_bytes() == damaged
    assert list(shelf.folder.iterdir()) == [shelf.last()]


def test_the_refusal_names_the_line(shelf) -> None:
    shelf.fill(range(1, 6))
    data = shelf.last().read_bytes()
    shelf.last().write_bytes(data.replace(b'"c3"', b'"cX"'))
    with pytest.raises(JournalDamaged, match=r"\.log:4: an entry was altered"):
        shelf.open()


def test_a_missing_segment_in_the_middle_refuses_to_start(shelf) -> None:
    shelf.fill(range(30), segment_bytes=700)
    (shelf.folder / shelf.names[-2]).unlink()
    with pytest.raises(JournalDamaged, match="does not continue the segment before it"):
        shelf.open()


def test_a_missing_first_segment_refuses_to_start(shelf) -> None:
    shelf.fill(range(6), segment_bytes=700)
    first, _ = shelf.names
    (shelf.folder / first).unlink()
    with pytest.raises(JournalDamaged):
        shelf.open()


def test_a_torn_segment_that_is_not_the_last_refuses_to_start(shelf) -> None:
    shelf.fill(range(30), segment_bytes=700)
    before = shelf.folder / shelf.names[-2]
    before.write_bytes(before.read_bytes()[:-10])
    with pytest.raises(JournalDamaged, match="its last line is not an entry"):
        shelf.open()


@pytest.mark.parametrize("point", ["synced", "created", "written", "switched"])
def test_a_crash_anywhere_in_a_rotation_loses_nothing(shelf, point: str) -> None:
    shelf.fill(range(3), segment_bytes=600)
    journal = shelf.open(600)
    crossed = len(shelf.points)

    def die(name: str) -> None:
        if name == f"journal.rotate.{point}":
            raise Stop

    journal._reached = die
    with pytest.raises(Stop):
        for number in range(3, 9):
            journal.append([fake(number)])
            crossed = number + 1
    os.close(journal._fd)
    written = [f"c{number}" for number in range(crossed)]
    shelf.fill(["after"])
    assert shelf.calls() == [*written, "cafter"]
    assert verify(shelf.folder).ok


@pytest.mark.parametrize("left", [b"", b"0123"])
def test_a_segment_that_was_only_begun_is_removed_and_told_of(shelf, left: bytes) -> None:
    shelf.fill(range(3), segment_bytes=600)
    number = len(shelf.entries()) + 1
    (shelf.folder / f"journal-{number:012d}.log").write_bytes(left)
    shelf.fill([7])
    assert shelf.calls() == ["c0", "c1", "c2", "c7"]
    assert "recovered" in [made["kind"] for made in shelf.entries()]
    assert verify(shelf.folder).ok


def test_an_empty_folder_and_a_torn_first_line_begin_a_journal(shelf) -> None:
    shelf.fill([])
    shelf.last().write_bytes(shelf.last().read_bytes()[:30])
    shelf.fill([1])
    assert shelf.calls() == ["c1"]
    assert verify(shelf.folder).ok
