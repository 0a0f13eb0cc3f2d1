"""`sallyport kill` and `sallyport resume`: the brake a person can pull.

Lives only here: the two verbs. Stopping acts at once and in the gateway; without a running gateway there is nothing to
stop, and the verbs say so.
"""

from datetime import UTC, datetime
from enum import StrEnum
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


Target = Annotated[str, typer.Argument(help="Id without its kind, such as support-bot; none for `all`.")]


def kill(
    kind: Annotated[Kind | None, typer.Argument(help="What to stop; without it, list what is stopped.")] = None,
    target: Target = "",
    why: Annotated[str | None, typer.Option("--why", help="Why; written into the audit journal.")] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Stop everything, or one agent, user, tool, tenant or upstream, at once; without arguments list what is stopped."""
    from gateway.cli.client import Operator

    if kind is None:
        _list(Operator(config).get("/kill"), json=json)
        return
    _fits(kind, target)
    if not why:
        voice.fail("Say why with --why TEXT: it stands in the audit journal and is shown to operators.", voice.USAGE)
    Operator(config).post("/kill", {"kind": kind.value, "target": target, "why": why})
    voice.say(f"stopped: {kind.value} {target}".rstrip())
    voice.note(f"Lift it with: sallyport resume {kind.value} {target}".rstrip())


def resume(
    kind: Annotated[Kind, typer.Argument(help="What was stopped.")],
    target: Target = "",
    config: place.ConfigPath = place.DEFAULT,
) -> None:
    """Lift one stop."""
    from gateway.cli.client import Operator

    _fits(kind, target)
    Operator(config).delete("/kill", kind=kind.value, target=target)
    voice.say(f"lifted: {kind.value} {target}".rstrip())


def _fits(kind: Kind, target: str) -> None:
    if (kind is Kind.ALL) is not (target == ""):
        voice.fail("`all` takes no target, every other kind needs one: sallyport kill agent support-bot", voice.USAGE)


def _list(stops: list[dict[str, object]], *, json: bool) -> None:
    if json:
        voice.as_json(stops)
    elif not stops:
        voice.say("nothing is stopped")
    else:
        voice.table(("kind", "target", "by", "at", "why"), [{**stop, "at": _moment(stop["at"])} for stop in stops])


def _moment(at: object) -> str:
    assert isinstance(at, int | float)
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
