"""`sallyport kill` and `sallyport resume`: the brake a person can pull.

Lives only here: the two verbs. Orders go to the running gateway and act at once; with `--local` they are a file in its
state folder, which a gateway that answers nobody obeys all the same, and one that is started later.
"""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import place, voice


class Kind(StrEnum):
    """What can be stopped."""

    ALL = "all"
    AGENT = "agent"
    USER = "user"
    TOOL = "tool"
    TENANT = "tenant"
    UPSTREAM = "upstream"
    RUN = "run"


class Mode(StrEnum):
    """How far."""

    STOP = "stop"
    READ_ONLY = "read-only"
    PAUSE = "pause"


Target = Annotated[str, typer.Argument(help="Id without its kind, such as support-bot; none for `all`.")]
Local = Annotated[
    bool,
    typer.Option("--local", help="`all` only, by a file in the state folder: no gateway and no store need to answer."),
]


def kill(
    kind: Annotated[Kind | None, typer.Argument(help="What to stop; without it, list what is stopped.")] = None,
    target: Target = "",
    why: Annotated[str | None, typer.Option("--why", help="Why; written into the audit journal.")] = None,
    mode: Annotated[
        Mode,
        typer.Option("--mode", help="stop: nothing passes. read-only: declared reads pass. pause: come back later."),
    ] = Mode.STOP,
    local: Local = False,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Stop everything, or one agent, user, tool, tenant, upstream or run, at once; without arguments list what is stopped.

    What is stopped already takes the new mode and reason.
    """
    from gateway.cli.client import Operator

    if kind is None:
        _list(_local(config) if local else Operator(config).get("/kill"), json=json)
        return
    _fits(kind, target, local=local)
    if not why:
        voice.fail("Say why with --why TEXT: it stands in the audit journal and is shown to operators.", voice.USAGE)
    if local:
        if mode is not Mode.STOP:
            voice.fail("The stop file knows no modes: leave --mode out, or leave --local out.", voice.USAGE)
        _write(config, why)
        return
    order = {"kind": kind.value, "target": target, "why": why, "mode": mode.value}
    try:
        done = Operator(config).post("/kill", order)
    except typer.Exit as failed:
        if failed.exit_code == voice.UNREACHABLE:
            voice.note("A file stops everything without its help: sallyport kill all --local --why TEXT")
        raise
    said = {Mode.STOP: "stopped", Mode.READ_ONLY: "read-only", Mode.PAUSE: "paused"}[mode]
    voice.say(f"{said}: {kind.value} {target}".rstrip())
    if "warning" in done:
        voice.note(f"Careful, the stop is in force, and perhaps for nobody: {done['warning']}")
    voice.note(f"Lift it with: sallyport resume {kind.value} {target}".rstrip())


def resume(
    kind: Annotated[Kind, typer.Argument(help="What was stopped.")],
    target: Target = "",
    local: Local = False,
    config: place.ConfigPath = place.DEFAULT,
) -> None:
    """Lift one stop."""
    from gateway.cli.client import Operator

    _fits(kind, target, local=local)
    if local:
        _remove(config)
        return
    Operator(config).delete("/kill", kind=kind.value, target=target)
    voice.say(f"lifted: {kind.value} {target}".rstrip())


def _fits(kind: Kind, target: str, *, local: bool) -> None:
    if (kind is Kind.ALL) is not (target == ""):
        voice.fail("`all` takes no target, every other kind needs one: sallyport kill agent support-bot", voice.USAGE)
    if local and kind is not Kind.ALL:
        voice.fail("--local stops everything or nothing: sallyport kill all --local --why TEXT", voice.USAGE)


def _state(config: Path) -> Path:
    return place.state_dir(place.addresses(config), config)


def _write(config: Path, why: str) -> None:
    from gateway import stop_file

    folder = _state(config)
    try:
        path = stop_file.write(folder, why)
    except OSError as error:
        voice.fail(
            f"{folder}: the stop file cannot be written ({error.strerror}). Run this beside the gateway, as a user who may "
            "write its state folder (state.dir), and name its configuration with --config."
        )
    voice.say(f"stopped: all, while {path} is there")
    voice.note("A running gateway sees it within a second. Lift it with: sallyport resume all --local")


def _remove(config: Path) -> None:
    from gateway import stop_file

    folder = _state(config)
    try:
        removed = stop_file.remove(folder)
    except OSError as error:
        voice.fail(f"{folder / stop_file.NAME}: cannot be removed ({error.strerror}); it goes on stopping everything.")
    if not removed:
        voice.fail(f"{folder / stop_file.NAME}: there is no stop file. `sallyport kill` lists what is stopped.")
    voice.say("lifted: all, as far as the stop file stopped it")


def _local(config: Path) -> list[dict[str, object]]:
    from dataclasses import asdict

    from gateway import stop_file
    from gateway.clock import SystemClock

    found = stop_file.found(_state(config), SystemClock().now())
    return [] if found is None else [asdict(found)]


def _list(stops: list[dict[str, object]], *, json: bool) -> None:
    if json:
        voice.as_json(stops)
    elif not stops:
        voice.say("nothing is stopped")
    else:
        fields = ("kind", "target", "mode", "by", "at", "why")
        voice.table(fields, [{**stop, "at": _moment(stop["at"])} for stop in stops])


def _moment(at: object) -> str:
    assert isinstance(at, int | float)
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
