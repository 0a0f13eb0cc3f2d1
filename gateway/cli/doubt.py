"""`sallyport doubt …`: calls that were sent and whose answer never came, looked at and settled.

Lives only here: the three verbs and how a doubt is laid out. They need a running gateway: only it knows what is in doubt.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli import place, voice

doubt = typer.Typer(
    help="List, show and settle calls of which nobody knows whether they were carried out.",
    no_args_is_help=True,
    epilog=voice.EPILOG,
)

Call = Annotated[str, typer.Argument(metavar="CALL", help="Id of the call; `sallyport doubt ls` shows it.")]


@doubt.command(epilog=voice.EPILOG)
def ls(config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """List what is in doubt, oldest first."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/doubts")
    if json:
        voice.as_json(found)
    elif found:
        voice.table(("call", "age", "agent for user", "tool"), [_line(one) for one in found])
        voice.note("Look with `sallyport doubt show CALL`, then settle it with `sallyport doubt resolve CALL`.")
    else:
        voice.say("nothing is in doubt")


@doubt.command(epilog=voice.EPILOG)
def show(call: Call, config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """Show one call in doubt: who made it, the key the tool was given, its arguments where they are kept, its records."""
    from gateway.cli.client import Operator
    from gateway.cli.trace import printed

    found = Operator(config).get(_path(call))
    if json:
        voice.as_json(found)
        return
    lines = {
        "call": found["call"],
        "for": _whom(found),
        "tenant": found["tenant"] or "not known any more",
        "tool": found["tool"] or "not known any more",
        "sent": f"{voice.span(found['age_s'])} ago",
        "key": f"{found['key']}  (as the tool was given it)",
    }
    for name, value in lines.items():
        voice.say(f"{name:<7} {voice.plain(str(value))}")
    if found.get("arguments") is not None:
        voice.say("arguments, as they were sent:")
        voice.as_json(found["arguments"])
    if found["records"]:
        voice.say(printed(found["records"]))
    voice.note(
        f"Look at the tool, then: sallyport doubt resolve {voice.plain(call)} --executed (or --not-executed) --why TEXT"
    )


@doubt.command(epilog=voice.EPILOG)
def resolve(
    call: Call,
    executed: Annotated[
        bool | None, typer.Option("--executed/--not-executed", help="What became of the call.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option("--why", help="How you know; written into the audit journal.")] = "",
    result: Annotated[
        Path | None, typer.Option("--result", help="File with the text to serve to those who make the call again.")
    ] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Settle it: carried out, so it is never sent again; or not, so the same call may be made again."""
    from gateway.cli.client import Operator

    if executed is None:
        voice.fail("Say what became of it with --executed or --not-executed.", voice.USAGE)
    if not why.strip():
        voice.fail("Say how you know with --why TEXT: the audit journal keeps it.", voice.USAGE)
    said: dict[str, Any] = {"executed": executed, "why": why}
    if result is not None:
        said["result"] = _read(result)
    done = Operator(config).post(_path(call), said)
    if json:
        voice.as_json(done)
    else:
        voice.say(voice.plain(done["says"]))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        voice.fail(f"{file}: {error.strerror}: name a file that can be read with --result.", voice.USAGE)
    except UnicodeDecodeError:
        voice.fail(f"{file}: is not UTF-8 text: --result takes what the agent is to read.", voice.USAGE)


def _path(call: str) -> str:
    return f"/doubts/{quote(call, safe='')}"


def _line(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "call": found["call"],
        "age": voice.span(found["age_s"]),
        "agent for user": _whom(found),
        "tool": found["tool"] or "not known any more",
    }


def _whom(found: Mapping[str, Any]) -> str:
    return f"{found['agent']} for {found['user'] or 'nobody'}" if found["agent"] else "not known any more"
