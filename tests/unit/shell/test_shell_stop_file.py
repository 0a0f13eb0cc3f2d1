"""The stop file: it stops whatever else works, is noticed by looking, and stands in the audit chain."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gateway import stop_file
from gateway.ledger.stops import Stops
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect, Tool
from gateway.stop_file import StopFile

NOON = 1_767_268_800.0
ALICE = Principal("default", "support-bot", "key:k1", "alice", "key:k1")
READ = Tool("helpdesk/ticket_get", "helpdesk", "ticket_get", {}, "0" * 64, Effect.READ)


class Watched:
    """One folder, its gateway's kill switch, and what was written down."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said, self.broken = folder, [], False
        self.stops = Stops(None)
        self.file = StopFile(folder, self.stops, self.tell, lambda: NOON)

    async def tell(self, who: str, action: str, facts: dict[str, Any]) -> None:
        if self.broken:
            raise OSError("no journal")
        self.said.append((who, action, facts.get("why"), self.why() is not None))

    def why(self) -> str | None:
        """Why nothing passes; None where it does."""
        try:
            self.stops.check(ALICE, READ)
        except Refused as refused:
            assert refused.refusal.reason is Reason.STOPPED
            return refused.refusal.detail.partition("+00:00: ")[2]
        return None


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_while_it_is_there_nothing_passes_and_its_first_line_says_why(watched: Watched) -> None:
    await watched.file.look()
    assert watched.why() is None
    (watched.folder / "STOP").write_text("the disk burns\nand so does the house\n")
    await watched.file.look()
    assert watched.why() == "the disk burns"
    await watched.file.look()
    (watched.folder / "STOP").unlink()
    await watched.file.look()
    assert watched.why() is None
    assert watched.said == [("gateway", "kill", "the disk burns", True), ("gateway", "lift", None, True)]


async def test_a_stop_that_cannot_be_written_down_stops_and_a_lift_that_cannot_waits(watched: Watched) -> None:
    watched.broken = True
    stop_file.write(watched.folder, "now")
    with pytest.raises(OSError, match="no journal"):
        await watched.file.look()
    assert watched.why() == "now"
    assert stop_file.remove(watched.folder)
    with pytest.raises(OSError, match="no journal"):
        await watched.file.look()
    assert watched.why() == "now"
    watched.broken = False
    await watched.file.look()
    assert watched.why() is None


async def test_the_watch_notices_it_within_a_second_and_outlives_a_look_that_failed(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stop_file.LOOK_S < 1
    monkeypatch.setattr(stop_file, "LOOK_S", 0.001)
    watched.broken = True
    stop_file.write(watched.folder, "now")
    watching = asyncio.ensure_future(watched.file.watch())
    async with asyncio.timeout(5):
        while watched.why() is None:
            await asyncio.sleep(0.001)
        watched.broken = False
        stop_file.remove(watched.folder)
        while watched.why() is not None:
            await asyncio.sleep(0.001)
    watching.cancel()


def made(path: Path, how: str) -> None:
    match how:
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling link":
            path.symlink_to(path.parent / "nowhere")
        case "no text":
            path.write_bytes(b"\xff\xfe\x00\x1b[2J")
        case "endless line":
            path.write_bytes(b"x" * 1_000_000)


@pytest.mark.parametrize("how", ["empty", "folder", "pipe", "dangling link", "no text", "endless line"])
def test_whatever_bears_the_name_stops(tmp_path: Path, how: str) -> None:
    made(tmp_path / "STOP", how)
    stop = stop_file.found(tmp_path, NOON)
    assert stop is not None
    assert (stop.kind, stop.mode, stop.by) == ("all", "stop", "STOP")
    assert 0 < len(stop.why) <= 600
    assert stop.why.isprintable()


def test_a_file_that_may_not_be_read_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_file.write(tmp_path, "secret")

    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    stop = stop_file.found(tmp_path, NOON)
    assert stop is not None
    assert "cannot be read: Permission denied" in stop.why


def test_what_is_written_is_for_its_owner_alone_even_over_an_older_file(tmp_path: Path) -> None:
    (tmp_path / "STOP").write_text("older")
    (tmp_path / "STOP").chmod(0o666)
    path = stop_file.write(tmp_path, "newer")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("newer\n", 0o600)
    assert stop_file.remove(tmp_path)
    assert not stop_file.remove(tmp_path)


async def test_a_folder_of_this_name_stops_and_uses_up_no_descriptors(tmp_path: Path) -> None:
    (tmp_path / "STOP").mkdir()
    watched = Watched(tmp_path)
    await watched.file.look()
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        await watched.file.look()
    assert len([*Path("/proc/self/fd").iterdir()]) <= before
    assert "cannot be read" in str(watched.why())
