"""How the command line speaks: exit codes, faults on stderr, tables on stdout, colour only where it is wanted.

Lives only here: what an exit code means, and that nothing foreign reaches the terminal as a control sequence. Must not
know verbs, files or the network. Called by every verb.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NoReturn

import typer

OK: Final = 0
REFUSED: Final = 1
"""Refused, or faults were found."""
USAGE: Final = 2
UNREACHABLE: Final = 3
"""The gateway (or what a verb asked for over the network) cannot be reached."""

EPILOG: Final = "Exit codes: 0 done; 1 refused, or faults found; 2 wrong usage; 3 the gateway cannot be reached."

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def say(text: str = "") -> None:
    """One line for the reader, on stdout."""
    typer.echo(text)


def version(asked: bool) -> None:
    """Says the version and ends, where it was asked for."""
    if asked:
        from gateway import __version__

        say(f"sallyport {__version__}")
        raise typer.Exit


def note(text: str) -> None:
    """One line beside the output, on stderr: what was done and where."""
    typer.echo(text, err=True)


def fail(text: str, code: int = REFUSED) -> NoReturn:
    """Ends the verb. `text` says what, where, why and the next step."""
    typer.echo(_red(text), err=True)
    raise typer.Exit(code)


def as_json(value: Any) -> None:
    """One value, indented, exact."""
    typer.echo(_escaped(json.dumps(value, ensure_ascii=False, indent=2)))


def as_lines(values: Iterable[Any]) -> None:
    """NDJSON: one value a line."""
    for value in values:
        typer.echo(_escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def table(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, heading: bool = True, widths: Sequence[int] = ()
) -> list[int]:
    """Aligned columns; `widths` are the least ones, and those that were needed come back for the next part."""
    cells = [["-" if row.get(column) is None else plain(str(row[column])) for column in columns] for row in rows]
    if heading:
        cells.insert(0, [column.upper() for column in columns])
    least = widths or [0] * len(columns)
    needed = [max([low, *(len(line[at]) for line in cells)]) for at, low in enumerate(least)]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, needed, strict=True)).rstrip())
    return needed


def span(seconds: int) -> str:
    """Rounded down, in the largest unit that still tells something."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def plain(text: str, *, keep: str = "") -> str:
    """The text without characters a terminal would act on or hide, but for those in `keep`."""
    return "".join(c if c in keep or not acts(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def acts(character: str) -> bool:
    """Whether a terminal would act on it, or hide it, or some readers would end the line at it."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in {"Zl", "Zp"}


def _escaped(text: str) -> str:
    """JSON that means the same, with every character a terminal would act on or hide written as an escape."""
    return "".join(c if c == "\n" or not acts(c) else json.dumps(c)[1:-1] for c in text)


def _red(text: str) -> str:
    # https://no-color.org: present and not empty
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return text
    return typer.style(text, fg=typer.colors.RED)
