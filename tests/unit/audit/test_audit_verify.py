"""`verify` names the first bad record, and never claims more than a chain can show."""

import re
from collections.abc import Callable

import pytest

from gateway.audit import segments
from gateway.audit.verify import TAIL_NOTE, verify


def test_a_whole_journal_is_confirmed_with_what_it_cannot_show(shelf) -> None:
    shelf.fill(range(12), segment_bytes=700)
    report = verify(shelf.folder)
    assert report.ok
    assert (report.segments, report.entries) == (len(shelf.names), len(shelf.entries()))
    assert report.last_hash == shelf.last().read_bytes().splitlines()[-1][:64].decode()
    assert report.notes == (TAIL_NOTE,)


@pytest.mark.parametrize(
    ("edit", "line", "what"),
    [
        pytest.param(lambda old: [*old[:2], *old[3:]], 3, "chain breaks", id="removed"),
        pytest.param(lambda old: [*old[:2], old[2].replace(b"c2", b"c9"), *old[3:]], 3, "altered", id="altered"),
        pytest.param(lambda old: [*old[:2], old[3], old[2], *old[4:]], 3, "moved", id="swapped"),
        pytest.param(lambda old: [*old[:3], old[2], *old[3:]], 4, "stands twice", id="twice"),
        pytest.param(lambda old: [*old[:2], old[2][:50] + b"\n", *old[3:]], 3, "not an entry", id="cut in the middle"),
        pytest.param(lambda old: [*old[:-1], old[-1][:-9]], 6, "torn", id="torn tail"),
        pytest.param(lambda old: old[1:], 1, "does not continue from the beginning", id="head removed"),
        pytest.param(lambda _: [], 0, "empty", id="emptied"),
    ],
)
def test_the_first_bad_record_is_named(shelf, edit: Callable[[list[bytes]], list[bytes]], line: int, what: str) -> None:
    shelf.fill(range(1, 6))
    shelf.last().write_bytes(b"".join(edit(shelf.last().read_bytes().splitlines(keepends=True))))
    report = verify(shelf.folder)
    assert not report.ok
    assert report.fault is not None
    assert (report.fault.file, report.fault.line) == (str(shelf.last()), line)
    assert what in str(report.fault)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_segment_is_named_by_the_one_after_it(shelf, missing: int) -> None:
    shelf.fill(range(30), segment_bytes=700)
    names = shelf.names
    (shelf.folder / names[missing]).unlink()
    report = verify(shelf.folder)
    assert report.fault is not None
    assert report.fault.file.endswith(names[missing + 1])
    assert "a segment is missing" in report.fault.what


def test_a_renamed_segment_is_found(shelf) -> None:
    shelf.fill(range(30), segment_bytes=700)
    shelf.last().rename(shelf.folder / "journal-000000009999.log")
    assert not verify(shelf.folder).ok


def test_a_torn_segment_in_the_middle_is_damage(shelf) -> None:
    shelf.fill(range(30), segment_bytes=700)
    path = shelf.folder / shelf.names[1]
    path.write_bytes(path.read_bytes()[:-5])
    report = verify(shelf.folder)
    assert report.fault is not None
    assert "altered" in report.fault.what


def test_entries_cut_off_at_the_very_end_cannot_be_seen_and_that_is_said(shelf) -> None:
    shelf.fill(range(5))
    shelf.last().write_bytes(b"".join(shelf.last().read_bytes().splitlines(keepends=True)[:-2]))
    report = verify(shelf.folder)
    assert report.ok
    assert TAIL_NOTE in report.notes


def test_gaps_and_recoveries_are_told(shelf) -> None:
    journal = shelf.open()
    journal.append([{"kind": "gap", "dropped": 3, "delayed": 1, "detail": "full"}])
    journal.close()
    with shelf.last().open("ab") as file:
        file.write(b"torn")
    shelf.open().close()
    notes = " ".join(verify(shelf.folder).notes)
    assert "1 gaps" in notes
    assert "3 entries lost" in notes
    assert "1 recoveries" in notes


def test_a_folder_without_a_journal_is_not_confirmed(tmp_path) -> None:
    assert not verify(tmp_path).ok


@pytest.mark.parametrize("kind", ["invented", "segment"])
def test_an_entry_that_does_not_belong_is_found_even_in_a_whole_chain(shelf, kind: str) -> None:
    journal = shelf.open()
    journal.append([{"kind": kind, "id": "1", "format": 1, "first": 2}])
    journal.close()
    report = verify(shelf.folder)
    assert report.fault is not None
    assert "does not belong here" in report.fault.what


@pytest.mark.parametrize("forged", [b'"first":7', b'"name":"journal-000000000009.log"', b'"hash":"' + b"0" * 64 + b'"'])
def test_a_segment_that_names_another_as_its_previous_is_found_even_in_a_whole_chain(shelf, forged: bytes) -> None:
    shelf.fill(range(6), segment_bytes=700)
    first, second = (shelf.folder / name for name in shelf.names)
    head = bytes.fromhex(first.read_bytes().splitlines()[-1][:64].decode())
    opening = second.read_bytes().splitlines()[0][65:]
    body = re.sub(forged.split(b":")[0] + b':("[^"]*"|[0-9]+)', forged, opening)
    assert body != opening
    second.write_bytes(segments.line(segments.chained(head, body), body))
    report = verify(shelf.folder)
    assert report.fault is not None
    assert "names another one as its previous" in report.fault.what
