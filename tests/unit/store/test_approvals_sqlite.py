"""Approvals on disk: a decision that was acknowledged survives, and nobody reads arguments from the file."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.model.approval import Approval, ApprovalState
from gateway.model.work import StoreUnavailable, Work
from gateway.store.approvals_sqlite import SCHEMA, SqliteApprovals
from gateway.store.writer import GroupWriter

SECRET = "tell nobody: 4111"
DECIDER = """
import asyncio, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_approvals_sqlite import opened, question
from gateway.model.approval import Vote

async def main():
    async with opened(Path(sys.argv[1])) as store:
        await store.ask(question())
        await store.decide("a-1", Vote(True, "user:carol", "fine", 1_000.0))
        print("decided", flush=True)
        time.sleep(60)

asyncio.run(main())
"""


class NoJournal:
    def append(self, entries: Any) -> None:
        raise AssertionError("approvals write no entries of their own")

    def sync(self) -> None:
        pass


@asynccontextmanager
async def opened(folder: Path, secret: bytes = b"secret" * 6) -> AsyncIterator[SqliteApprovals]:
    writer = GroupWriter(folder / "ledger.db", NoJournal(), reached=lambda _: None, schema=SCHEMA)
    yield SqliteApprovals(writer, secret)
    await writer.close()


def question() -> Approval:
    return Approval(
        "a-1", "r" * 64, "b" * 64, "call-1", "default", "bot", None, "desk/refund", {"note": SECRET}, "f", "d", "v1",
        ("ask",), 900.0, 1_800.0,
    )  # fmt: skip


async def test_an_acknowledged_decision_survives_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DECIDER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as decider:
        assert decider.stdout is not None
        assert decider.stdout.readline() == "decided\n"
        decider.send_signal(signal.SIGKILL)
    async with opened(tmp_path) as store:
        found = await store.get("a-1")
    assert found is not None
    assert (found.state, found.vote and found.vote.by) == (ApprovalState.APPROVED, "user:carol")


async def test_arguments_are_not_readable_in_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.ask(question())
        for file in tmp_path.iterdir():
            assert SECRET.encode() not in file.read_bytes(), file


async def test_arguments_do_not_open_under_another_secret_nor_in_another_row(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.ask(question())
    async with opened(tmp_path, b"another" * 6) as store:
        with pytest.raises(StoreUnavailable, match="does not open"):
            await store.get("a-1")
    async with opened(tmp_path) as store:
        await store._writer.submit(work("UPDATE approvals SET id = 'a-2'"))
        with pytest.raises(StoreUnavailable, match="does not open"):
            await store.all()


async def test_nobody_who_stopped_waiting_is_remembered(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.changed("a-1", 0.0)
        assert not store._waiting


def work(statement: str) -> Any:
    return Work(lambda db: db.execute(statement).rowcount)
