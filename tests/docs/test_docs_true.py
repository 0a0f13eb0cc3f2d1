"""What README and the pages tell people to type exists, and what they link to is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")),
         ROOT / "policies/README.md", ROOT / "examples/helpdesk/README.md"]  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND: Any = typer.main.get_command(app)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def typed(page: Path) -> Iterator[str]:
    """Every `sallyport …` of a page: lines of its shell blocks, and code within sentences."""
    text = page.read_text(encoding="utf-8")
    for language, block in FENCE.findall(text):
        if language in {"sh", "bash", "console"}:
            yield from (line for line in block.splitlines() if re.match(r"(\$ )?sallyport ", line))
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", FENCE.sub("", text)):
        if code.startswith("sallyport "):
            yield " ".join(code.split())


def verbs(command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, (*above, name)) if hasattr(inner, "commands") else [(*above, name)]


def fault(line: str) -> str | None:
    """Why the command line would not take it; nothing is carried out."""
    words = [word for word in shlex.split(line.removeprefix("$ "), comments=True)[1:] if word not in {"…", "..."}]
    command = COMMAND
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return None if not words or words[0].startswith("-") else f"no verb {words[0]}"
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    unknown = [
        word for word in words if word.startswith("-") and word.partition("=")[0] not in known | {"-h", "--help"}
    ]
    return f"no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_that_a_page_names_exist_with_their_options(page: Path) -> None:
    assert [(line, why) for line in typed(page) if (why := fault(line))] == []


def test_wrong_commands_would_be_found() -> None:
    assert fault("sallyport adit query") == "no verb adit"
    assert fault("sallyport audit qery") == "no verb qery"
    assert fault("sallyport audit query --agnet x  # why") == "no option --agnet"
    assert fault("sallyport kill agent support-bot --why 'it loops'") is None
    assert sum(len(list(typed(page))) for page in PAGES) >= 12


@pytest.mark.parametrize("verb", list(verbs(COMMAND)), ids=" ".join)
def test_every_verb_is_in_readme(verb: tuple[str, ...]) -> None:
    table = README.partition("## The command line")[2].partition("\n## ")[0]

    assert all(re.search(rf"(`|· | ){re.escape(word)}\b", table) for word in verb), verb


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    missing = []
    for target in LINK.findall(text):
        path, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (heading and heading not in headings(there)):
            missing.append(target)
    assert missing == []


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def test_paths_that_readme_names_are_there() -> None:
    words = re.findall(r"(?<!`)`([\w./-]+/[\w./-]+\.\w+)`", README)

    assert [word for word in words if not (ROOT / word).exists()] == []


def test_make_targets_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    told = {word for page in PAGES for word in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert told
    assert told <= targets
