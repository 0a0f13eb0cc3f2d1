"""`sallyport tools`: what one pair of agent and user sees, and why the rest is hidden.

Lives only here: the question and its tables, one for each kind of thing. The answer comes from the running gateway.
"""

from typing import Annotated, Final

import typer

from gateway.cli import place, voice

_KINDS: Final = ("tool", "prompt", "resource", "template")


def tools(
    agent: Annotated[str, typer.Option("--agent", help="The agent.")],
    user: Annotated[str | None, typer.Option("--user", help="The acting user; without one, a machine.")] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant.")] = "default",
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show the tools, prompts and resources an agent sees for a user, and why the others are hidden."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/tools", agent=agent, user=user, tenant=tenant)
    if json:
        voice.as_json(found)
        return
    for kind in _KINDS:
        seen = [one for one in found if one["kind"] == kind]
        if not seen and kind != "tool":
            continue
        columns = ("published", kind, "effect", "why") if kind == "tool" else ("published", kind, "why")
        ordered = sorted(seen, key=lambda one: one["published"] is None)
        voice.table(columns, [{**one, kind: one["tool"]} for one in ordered])
        shown = sum(one["published"] is not None for one in seen)
        voice.note(f"{shown} of {len(seen)} {kind}s are visible to {agent} for {user or 'a machine'} ({tenant})")
