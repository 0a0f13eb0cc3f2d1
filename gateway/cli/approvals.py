"""`sallyport approvals …`: the calls that wait for a person, looked at and answered.

Lives only here: the four verbs and how a question is laid out. They need a running gateway: only it knows what waits.
Arguments are shown as they will be sent, with every character escaped that a terminal would act on or hide.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli import place, voice

approvals = typer.Typer(
    help="List, show and answer calls that wait for a person.", no_args_is_help=True, epilog=voice.EPILOG
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the approval; `sallyport approvals ls` shows it.")]


@approvals.command(epilog=voice.EPILOG)
def ls(config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """List what waits for an answer; with --json everything asked in the last day."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/approvals")
    if json:
        voice.as_json(found)
        return
    waiting = [_line(asked) for asked in found if asked["state"] == "pending"]
    if waiting:
        voice.table(("id", "age", "agent for user", "tool", "rule", "expires in"), waiting)
        voice.note("Look with `sallyport approvals show ID`, then approve or deny it.")
    else:
        voice.say("nothing waits for a person")


@approvals.command(epilog=voice.EPILOG)
def show(approval: Id, config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """Show one question with its arguments, exactly as they will be sent."""
    from gateway.cli.client import Operator

    asked = Operator(config).get(_path(approval))
    if json:
        voice.as_json(asked)
        return
    lines = {
        "approval": asked["id"],
        "state": _state(asked),
        "for": _whom(asked),
        "tenant": asked["tenant"],
        "tool": asked["tool"],
        "rule": ", ".join(asked["rules"]),
        "call": asked["call"],
        "asked": f"{voice.span(asked['age_s'])} ago",
        "sha256": asked["arguments_sha256"],
    }
    for name, value in lines.items():
        voice.say(f"{name:<9} {voice.plain(str(value))}")
    voice.say("arguments, exactly as they will be sent:")
    voice.as_json(asked["arguments"])


@approvals.command(epilog=voice.EPILOG)
def approve(
    approval: Id,
    why: Annotated[str, typer.Option("--why", help="Why; written into the audit journal.")] = "",
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Let exactly this call through, once."""
    _answer(approval, "approve", why, config, json=json)


@approvals.command(epilog=voice.EPILOG)
def deny(
    approval: Id,
    why: Annotated[str, typer.Option("--why", help="Why; the agent is told, and the audit journal keeps it.")] = "",
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Refuse this call; asking the same again is refused for a while too."""
    if not why.strip():
        voice.fail("Say why with --why TEXT: the agent is told, and can do better.", voice.USAGE)
    _answer(approval, "deny", why, config, json=json)


def _answer(approval: str, decision: str, why: str, config: place.ConfigPath, *, json: bool) -> None:
    from gateway.cli.client import Operator

    done = Operator(config).post(_path(approval), {"decision": decision, "why": why})
    if json:
        voice.as_json(done)
    else:
        voice.say(voice.plain(done["says"]))


def _path(approval: str) -> str:
    return f"/approvals/{quote(approval, safe='')}"


def _line(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": asked["id"],
        "age": voice.span(asked["age_s"]),
        "agent for user": _whom(asked),
        "tool": asked["tool"],
        "rule": ", ".join(asked["rules"]),
        "expires in": voice.span(asked["expires_in_s"]),
    }


def _state(asked: Mapping[str, Any]) -> str:
    state: str = asked["state"]
    if asked["by"] is not None:
        state += f"; {asked['by']} decided" + (f": {asked['why']}" if asked["why"] else "")
    if asked["expires_in_s"] is not None:
        state += f"; expires in {voice.span(asked['expires_in_s'])}"
    return state


def _whom(asked: Mapping[str, Any]) -> str:
    return f"{asked['agent']} for {asked['user'] or 'nobody'}"
