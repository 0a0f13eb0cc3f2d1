"""Starts the real help desk servers as processes of their own and looks into the file they share."""

import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp import StdioServerParameters

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 20


class Desk:
    """One SQLite file, and the servers that were started on it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "helpdesk.db"
        self._processes: list[subprocess.Popen[str]] = []

    def serve(self, *options: str, module: str = "http") -> str:
        """The address of a new HTTP server, once it says that it listens."""
        command = [sys.executable, "-m", f"examples.helpdesk.{module}", "--db", str(self.path), "--port", "0", *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE_SECONDS)
        assert ready, "the server did not start in time"
        return process.stdout.readline().removeprefix("listening on ").strip()

    def stdio(self) -> StdioServerParameters:
        arguments = ["-m", "examples.helpdesk.stdio", "--db", str(self.path)]
        return StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.path) as db:
            return db.execute(query).fetchall()

    def dump(self) -> str:
        with sqlite3.connect(self.path) as db:
            return "\n".join(db.iterdump())

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(DEADLINE_SECONDS)
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make() -> Desk:
        desks.append(Desk(tmp_path_factory.mktemp("desk")))
        return desks[-1]

    yield make
    for desk in desks:
        desk.stop()


@pytest.fixture(scope="module")
def desk(new_desk: Callable[[], Desk]) -> Desk:
    return new_desk()


@pytest.fixture(scope="module")
def address(desk: Desk) -> str:
    return desk.serve()
