"""Writing the journal: the chain, rotation, and what a failed write leaves."""

import errno
import hashlib
import json
import os
import re
import resource
import stat
from typing import Any

import pytest
from audit_kit import fake

from gateway.audit.verify import verify


class Disk:
    """`os.write` and `fdatasync` that can run out of space in the middle of a write, or fail to sync."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.sync_fails = False

    def write(self, fd: int, data: memoryview) -> int:
        if self.room is None:
            return os.write(fd, data)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(fd, data[: self.room])
        self.room -= written
        return written

    def sync(self, fd: int) -> None:
        if self.sync_fails:
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(fd)


def test_a_line_is_the_chain_hash_and_the_json_that_was_hashed(shelf) -> None:
    shelf.fill([1, 2])
    head = bytes(32)
    for line in shelf.last().read_bytes().splitlines():
        stated, body = line.split(b" ", 1)
        head = hashlib.sha256(head + body).digest()
        assert stated.decode() == head.hex()
    assert shelf.calls() == ["c1", "c2"]


def test_the_first_line_of_a_journal_is_its_segment_entry(shelf) -> None:
    shelf.fill([])
    (first,) = shelf.entries()
    assert (first["kind"], first["format"], first["first"], "previous" in first) == ("segment", 1, 1, False)
    assert shelf.names == ["journal-000000000001.log"]


def test_files_and_folder_are_the_owners_alone(shelf) -> None:
    shelf.fill([1])
    assert stat.S_IMODE(shelf.last().stat().st_mode) == 0o600
    assert stat.S_IMODE(shelf.folder.stat().st_mode) == 0o700


def test_a_full_segment_is_followed_by_one_that_continues_its_chain(shelf) -> None:
    shelf.fill(range(12), segment_bytes=700)
    assert len(shelf.names) > 2
    assert shelf.calls() == [f"c{number}" for number in range(12)]
    opening = [made for made in shelf.entries() if made["kind"] == "segment"]
    for name, previous, made in zip(shelf.names[1:], shelf.names[:-1], opening[1:], strict=True):
        assert made["previous"]["name"] == previous
        assert name == f"journal-{made['first']:012d}.log"
        assert (shelf.folder / previous).read_bytes().splitlines()[-1][:64].decode() == made["previous"]["hash"]
    assert verify(shelf.folder).ok


def test_rotation_passes_its_crash_points_in_order(shelf) -> None:
    shelf.fill(range(6), segment_bytes=700)
    assert shelf.points[:3] == [f"journal.rotate.{point}" for point in ("created", "written", "switched")]
    assert shelf.points[3:7] == [f"journal.rotate.{point}" for point in ("synced", "created", "written", "switched")]


def test_a_reopened_journal_goes_on_where_it_was(shelf) -> None:
    shelf.fill([1, 2])
    shelf.fill([3])
    assert shelf.calls() == ["c1", "c2", "c3"]
    assert (len(shelf.names), verify(shelf.folder).ok) == (1, True)


@pytest.mark.parametrize("room", [0, 1, 70, 150, 200])
def test_a_write_that_runs_out_of_space_leaves_nothing_and_can_be_repeated(shelf, room: int) -> None:
    disk = Disk()
    journal = shelf.open(write=disk.write)
    journal.append([fake(1)])
    size = shelf.last().stat().st_size
    disk.room = room
    with pytest.raises(OSError, match="No space left"):
        journal.append([fake(2), fake(3)])
    assert shelf.last().stat().st_size == size
    disk.room = None
    journal.append([fake(2), fake(3)])
    journal.close()
    assert shelf.calls() == ["c1", "c2", "c3"]
    assert verify(shelf.folder).ok


def test_the_kernels_own_limit_is_an_oserror_and_is_rolled_back(shelf) -> None:
    journal = shelf.open()
    journal.append([fake(1)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (shelf.last().stat().st_size + 40, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append([fake(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append([fake(3)])
    journal.close()
    assert shelf.calls() == ["c1", "c3"]
    assert verify(shelf.folder).ok


def test_what_cannot_be_cut_at_once_is_cut_before_the_next_write(shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    journal = shelf.open(write=disk.write)

    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk.room = 30
    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError):
            journal.append([fake(1)])
        disk.room = None
        with pytest.raises(OSError):
            journal.append([fake(2)])
    journal.append([fake(3)])
    journal.close()
    assert shelf.calls() == ["c3"]
    assert verify(shelf.folder).ok


def test_a_failed_sync_takes_the_last_append_back_and_no_other(shelf) -> None:
    disk = Disk()
    journal = shelf.open(sync=disk.sync)
    journal.append([fake(1)])
    journal.append([fake(2), fake(3)])
    disk.sync_fails = True
    with pytest.raises(OSError, match="Input/output"):
        journal.sync()
    disk.sync_fails = False
    journal.append([fake(4)])
    journal.sync()
    journal.close()
    assert shelf.calls() == ["c1", "c4"]
    assert verify(shelf.folder).ok


@pytest.mark.parametrize("broken", ["write", "sync"])
def test_a_failed_rotation_keeps_the_old_segment_and_is_tried_again(shelf, broken: str) -> None:
    disk = Disk()
    journal = shelf.open(400, write=disk.write, sync=disk.sync)
    journal.append([fake(1)])
    journal.append([fake(2)])
    disk.room, disk.sync_fails = (10, False) if broken == "write" else (None, True)
    with pytest.raises(OSError):
        journal.append([fake(3)])
    assert len(shelf.names) == 1
    disk.room, disk.sync_fails = None, False
    journal.append([fake(3)])
    journal.close()
    assert len(shelf.names) == 2
    assert shelf.calls() == ["c1", "c2", "c3"]
    assert verify(shelf.folder).ok


def test_an_entry_without_id_is_stamped(shelf, clock) -> None:
    journal = shelf.open()
    clock.tick(1.5)
    journal.append([{"kind": "gap", "dropped": 1, "delayed": 2, "detail": "why"}])
    journal.close()
    gap = shelf.entries()[-1]
    assert gap["time"] == "2026-09-21T14:13:21.500000Z"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", gap["id"])


def test_an_entry_that_has_no_json_form_is_written_in_words(shelf) -> None:
    journal = shelf.open()
    odd = {"nan": float("nan"), "half": "a\ud800b", "bytes": b"x", "big": 10**30, "set": {1}, 7: {"deep": [object()]}}
    journal.append([fake(1) | {"arguments": odd}])
    journal.close()
    (line,) = [made for made in shelf.entries() if made["kind"] == "call"]
    assert line["arguments"] == {
        "nan": "nan", "half": "a?b", "bytes": "(bytes)", "big": 10**30, "set": [1], "7": {"deep": ["(object)"]},
    }  # fmt: skip
    assert json.loads(shelf.last().read_bytes().splitlines()[-1][65:]) == line
