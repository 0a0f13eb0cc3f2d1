"""`sallyport init`: an existing client configuration becomes a one-user Sallyport configuration.

Lives only here: the order of the steps, which files are written and what is printed. Nothing is written before everything
was read, and nothing is overwritten without --force. Translation, probing and text are the business of `importer*`.
"""

import getpass
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import voice

if TYPE_CHECKING:
    from gateway.cli.importer import Imported

_URL = "http://127.0.0.1:8080/mcp"
_FILES = ("config.yaml", "policies/model.conf", "policies/policy.csv")


def init(
    source: Annotated[
        Path | None, typer.Option("--from", help="A .mcp.json, Claude Desktop, Cursor or VS Code configuration.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path(),
    user: Annotated[str | None, typer.Option("--user", help="Your user id; default: your login name.")] = None,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Start each server once to list its tools.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Turn the MCP servers of a client into a Sallyport configuration for one user, with one agent `assistant`."""
    from gateway.cli.importer import imported
    from gateway.cli.importer_json import Unreadable

    origin = source or _found_here()
    who = user or re.sub(r"[^A-Za-z0-9._@-]", "-", getpass.getuser())
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", who):
        voice.fail(f"--user {voice.plain(who)}: letters, digits and . _ @ - only.", voice.USAGE)
    there = [str(out / name) for name in _FILES if (out / name).exists()]
    if there and not force:
        voice.fail(f"Already there: {', '.join(there)}. Write elsewhere with --out, or overwrite with --force.")
    try:
        found = imported(origin)
    except Unreadable as error:
        voice.fail(f"{error}.")
    _write(out, origin, found, who, probe=probe)
    _tell(out, found, _new_key(out, who))


def _found_here() -> Path:
    from gateway.cli.importer import KNOWN_PLACES

    here = [name for name in KNOWN_PLACES if Path(name).is_file()]
    if len(here) != 1:
        what = (
            f"There are {' and '.join(here)}" if here else f"There is none of {', '.join(KNOWN_PLACES)} in this folder"
        )
        voice.fail(f"{what}: name the configuration with --from FILE.", voice.USAGE)
    return Path(here[0])


def _write(out: Path, origin: Path, found: "Imported", who: str, *, probe: bool) -> None:
    from gateway.cli.importer_probe import Listing, ask
    from gateway.cli.importer_write import config_yaml, model_conf, policy_csv

    listings: dict[str, Listing] = {}
    if probe and found.servers:
        voice.note(f"asking {len(found.servers)} servers for their tools; --no-probe skips this …")
        listings = ask(found)
    for name, listing in listings.items():
        voice.note(f"  {name}: {voice.plain(listing) if isinstance(listing, str) else f'{len(listing)} tools'}")
    contents = (config_yaml(origin, found, listings, who), model_conf(), policy_csv(who))
    try:
        (out / "policies").mkdir(parents=True, exist_ok=True)
        for name, text in zip(_FILES, contents, strict=True):
            (out / name).write_text(text, encoding="utf-8")
            voice.note(f"wrote {out / name}")
    except OSError as error:
        voice.fail(f"{error.filename}: {error.strerror}: choose a folder you may write to with --out.")


def _new_key(out: Path, who: str) -> str:
    """The first key, in the state folder the configuration names by default."""
    from gateway.cli.importer_write import AGENT
    from gateway.clock import SystemClock
    from gateway.identity.keyring import KeyFault, Keyring

    state = out / ".sallyport"
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        _, key = Keyring(state / "keys.json", SystemClock()).new(AGENT, who)
    except KeyFault as error:
        voice.fail(f"{state}: {error}.")
    except OSError as error:
        voice.fail(f"{error.filename}: {error.strerror}: choose a folder you may write to with --out.")
    return key


def _tell(out: Path, found: "Imported", key: str) -> None:
    from gateway.cli.snippets import snippets

    for line in found.notes:
        voice.note(f"note: {voice.plain(line)}")
    if found.vault.uses:
        voice.say("# Set these before starting (values were not copied into any file):")
        for name, value, where in found.vault.wanted():
            voice.say(f"{name}={value}  # {voice.plain(where)}")
        voice.say()
    voice.say(snippets(_URL, key))
    voice.note("\nThe key above is shown only now. Next:")
    voice.note(f"  1. Read {out / 'config.yaml'}; confirm the proposed effects.")
    voice.note(f"  2. sallyport check --config {out / 'config.yaml'}")
    voice.note(f"  3. sallyport run --config {out / 'config.yaml'}")
