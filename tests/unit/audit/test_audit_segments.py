"""Reading the journal behind a position, while another thread or process writes it."""

import json
from functools import partial

import pytest
from audit_kit import fake

from gateway.audit import segments
from gateway.model.audit import Position, PositionLost


@pytest.fixture
def tail(shelf):
    return partial(segments.tail, shelf.folder)


def test_reading_on_from_any_line_gives_the_rest(shelf, tail) -> None:
    shelf.fill(range(12), segment_bytes=700)
    everything = list(tail(None))
    assert len({position.segment for position, _ in everything}) > 2
    for number, (position, _) in enumerate(everything):
        assert list(tail(position)) == everything[number + 1 :]


def test_what_is_written_later_is_read_later_across_a_rotation(shelf, tail) -> None:
    journal = shelf.open(500)
    last, seen = None, []
    for number in range(8):
        journal.append([fake(number)])
        more = list(tail(last))
        last = more[-1][0]
        seen += [json.loads(body) for _, body in more]
    journal.close()
    assert seen == shelf.entries()


def test_a_line_that_is_not_whole_yet_is_left_for_later(shelf, tail) -> None:
    shelf.fill([1, 2])
    data = shelf.last().read_bytes()
    shelf.last().write_bytes(data[:-20])
    *_, (position, body) = tail(None)
    assert json.loads(body)["call"] == "c1"
    shelf.last().write_bytes(data)
    assert [json.loads(body)["call"] for _, body in tail(position)] == ["c2"]


def test_a_position_in_a_segment_that_is_gone_is_lost(shelf, tail) -> None:
    shelf.fill([1])
    with pytest.raises(PositionLost):
        list(tail(Position("journal-000000000777.log", 0, "0" * 64)))


@pytest.mark.parametrize("left", ["cut", "rewritten", "beyond"])
def test_a_position_whose_line_is_not_the_same_any_more_is_lost(shelf, tail, left: str) -> None:
    shelf.fill([1, 2])
    *_, (position, _) = tail(None)
    data = shelf.last().read_bytes()
    shelf.last().write_bytes(data[: position.start])
    if left == "rewritten":
        shelf.fill([3, 4])
    if left == "beyond":
        position = Position(position.segment, position.start + 5000, position.mark)
    with pytest.raises(PositionLost):
        list(tail(position))


def test_other_files_are_not_of_the_journal(shelf) -> None:
    shelf.fill([1])
    for name in ("journal-1.log", "journal-000000000001.log.torn", "notes.txt"):
        (shelf.folder / name).write_text("x", encoding="utf-8")
    assert shelf.names == ["journal-000000000001.log"]
    with pytest.raises(ValueError, match="not the name of a segment"):
        segments.first_of("notes.txt")
