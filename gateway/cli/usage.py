"""`sallyport usage`: how budgets stand.

Lives only here: the verb. It needs a running gateway: only that one counts.
"""

from typing import Annotated

import typer

from gateway.cli import place, voice

_WINDOWS = {"quarter": "15 min", None: "whole life"}


def usage(
    scope: Annotated[
        str | None, typer.Option("--scope", help="Only session, run, user, agent, tool or tenant.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Only this one, such as support-bot.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show how much of every budget is used and reserved, the most used first."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/usage", scope=scope, id=id_, tenant=tenant)
    if json:
        voice.as_json(found)
    elif not found:
        voice.say("nothing is counted: no budget is configured for this, or nothing was used in its window")
    else:
        columns = ("scope", "id", "unit", "window", "used", "held", "limit", "resets at", "tenant")
        voice.table(columns, [row | {"window": _window(row["window"]), "resets at": row["resets_at"]} for row in found])


def _window(window: str | None) -> str:
    return _WINDOWS.get(window) or str(window)
