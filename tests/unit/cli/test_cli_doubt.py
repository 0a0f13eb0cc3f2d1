"""doubt ls, show, resolve against the real operator plane and the real room, with doubts kept in memory."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_stage import TOKEN, Office, Run, entry, listening, write_config

from gateway.operator.desk import Desk, Doubt, Resolution

NOW = 1_790_000_000.0


class Books:
    """What is in doubt, and what was said of it."""

    def __init__(self) -> None:
        self.open: dict[str, Doubt] = {}
        self.said: list[tuple[Any, ...]] = []

    async def all(self) -> Sequence[Doubt]:
        return list(self.open.values())

    async def get(self, call: str) -> Doubt | None:
        return self.open.get(call)

    async def resolve(self, call: str, *, by: str, executed: bool, why: str, result: str | None) -> Resolution:
        if self.open.pop(call, None) is None:
            return "not-in-doubt"
        self.said.append((by, executed, why, result))
        return "resolved"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Books, int]]:
    books, office = Books(), Office()
    office.records = [entry(1, tool="bank/pay", outcome="in-doubt")]
    desk = Desk(*[office] * 5, lambda: NOW, office, office, doubts=books, budgets=office)
    with listening(desk) as port:
        yield books, port


@pytest.fixture
def books(served: tuple[Books, int], folder: Path) -> Books:
    books, port = served
    books.__init__()  # type: ignore[misc]
    write_config(folder, operator=port)
    (folder / ".sallyport/operator.token").write_text(TOKEN + "\n", encoding="utf-8")
    evil = {"note": "\x1b[31m\u202e"}
    books.open["call-1"] = Doubt("call-1", "k" * 64, NOW - 300, "bank/pay", "bank", "default", "bot", "alice", evil)
    books.open["call-2"] = Doubt("call-2", "l" * 64, NOW - 9)
    return books


def test_the_list_says_how_old_a_doubt_is_and_whose(sallyport: Run, books: Books) -> None:
    done = sallyport("doubt", "ls")

    first, second = done.stdout.splitlines()[1:]
    assert first.split() == ["call-1", "5", "min", "bot", "for", "alice", "bank/pay"]
    assert second.count("not known any more") == 2
    assert "sallyport doubt show CALL" in done.stderr


def test_without_doubts_it_says_so(sallyport: Run, books: Books) -> None:
    books.open.clear()
    assert sallyport("doubt", "ls").stdout == "nothing is in doubt\n"
    assert json.loads(sallyport("doubt", "ls", "--json").stdout) == []


def test_one_doubt_is_shown_with_its_key_its_arguments_and_its_records(sallyport: Run, books: Books) -> None:
    said = sallyport("doubt", "show", "call-1")

    assert "k" * 64 in said.stdout
    assert "outcome: in-doubt" in said.stdout
    assert "\x1b" not in said.stdout
    assert "\u202e" not in said.stdout
    assert "sallyport doubt resolve call-1" in said.stderr


@pytest.mark.parametrize(("flag", "executed"), [("--executed", True), ("--not-executed", False)])
def test_a_person_says_what_became_of_it(sallyport: Run, books: Books, flag: str, executed: bool) -> None:
    done = sallyport("doubt", "resolve", "call-1", flag, "--why", "seen")

    assert done.exit_code == 0
    assert books.said == [("local", executed, "seen", None)]


def test_a_result_comes_from_a_file(sallyport: Run, books: Books, folder: Path) -> None:
    (folder / "r.txt").write_text("Receipt 7", encoding="utf-8")
    sallyport("doubt", "resolve", "call-1", "--executed", "--why", "seen", "--result", str(folder / "r.txt"))
    assert books.said == [("local", True, "seen", "Receipt 7")]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("call-1", "--why", "x"), 2, "--executed or --not-executed"),
        (("call-1", "--executed"), 2, "--why TEXT"),
        (("call-1", "--executed", "--why", "x", "--result", "nowhere.txt"), 2, "nowhere.txt: No such file"),
        (("call-9", "--executed", "--why", "x"), 1, "`sallyport doubt ls` lists those that are"),
    ],
)
def test_what_cannot_be_settled_says_why(
    sallyport: Run, books: Books, words: tuple[str, ...], code: int, says: str
) -> None:
    done = sallyport("doubt", "resolve", *words)

    assert (done.exit_code, says in done.stderr, books.said) == (code, True, [])
