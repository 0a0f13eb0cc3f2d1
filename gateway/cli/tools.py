"""`sallyport tools`: what one pair of agent and user sees, and why the rest is hidden.

Lives only here: the question and its table. The answer comes from the running gateway.
"""

from typing import Annotated

import typer

from gateway.cli import place, voice


def tools(
    agent: Annotated[str, typer.Option("--agent", help="The agent.")],
    user: Annotated[str | None, typer.Option("--user", help="The acting user; without one, a machine.")] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant.")] = "default",
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show the tools an agent sees for a user, and why the others are hidden."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/tools", agent=agent, user=user, tenant=tenant)
    if json:
        voice.as_json(found)
        return
    shown = sum(tool["published"] is not None for tool in found)
    voice.table(("published", "tool", "effect", "why"), sorted(found, key=lambda tool: tool["published"] is None))
    voice.note(f"{shown} of {len(found)} tools are visible to {agent} for {user or 'a machine'} ({tenant})")
