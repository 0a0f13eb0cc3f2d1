"""`sallyport demo`: the same attacks on a help desk twice, without and with the gateway, in well under a minute.

Lives only here: the order of the show, and what is measured. Two help desks and one gateway run as processes of their own,
on free ports, in a folder that goes with them; the agent is a script that obeys. Nothing is claimed: every figure comes
from a desk's database or from the gateway.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli import voice

if TYPE_CHECKING:
    from gateway.cli.client import Operator
    from gateway.cli.demo_agent import Agent, Step
    from gateway.cli.demo_stage import Stage
    from gateway.cli.demo_told import Happened, Told

_FIRST, _SECOND, _GATEWAY = "the first help desk", "the second help desk", "the gateway"
_INTERRUPTED: Final = 130

_Why = tuple[str | None, list[str]]
"""What the gateway says of a call, and the lines of its files that this rests on."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round was seen to do."""

    steps: list[dict[str, Any]]
    happened: "Happened"

    def call(self, reason: str) -> str | None:
        """The first call that was refused for this reason."""
        return next((step["call"] for step in self.steps if step["reason"] == reason), None)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave gateway and help desk running until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the measured facts as JSON, not the story.")] = False,
) -> None:
    """Show the same attacks on a help desk without and with the gateway; exit code 1 if one got through."""
    from gateway.cli.demo_stage import Fell, Stage
    from gateway.cli.demo_told import Told

    told, facts = Told(quiet=json), {}
    try:
        with Stage() as stage:
            facts = _show(stage, told)
            running = facts.pop("running")
            if json:
                voice.as_json(facts | ({"running": running} if keep else {}))
            if keep:
                told.running(running)
                stage.until_signalled()
    except KeyboardInterrupt:
        voice.note("\nStopped: processes and files of the demo are gone.")
        if not facts:
            raise typer.Exit(_INTERRUPTED) from None
    except BrokenPipeError:  # whoever reads us went away; typer ends quietly then
        raise
    except (Fell, OSError) as fault:
        voice.fail(
            f"The demo could not go on: {voice.plain(str(fault), keep=chr(10))}\n"
            "Everything it started is stopped. Run it again: it takes free ports and a new folder each time.",
            voice.UNREACHABLE,
        )
    else:
        told.end(facts["seconds"])
    if not facts["held"]:
        voice.fail("The gateway did not hold everything back that it should have: see the figures above.")


def _show(stage: "Stage", told: "Told") -> dict[str, Any]:
    """Both rounds; the facts, and under `running` where everything is. Raises Fell."""
    from gateway.cli.client import Operator
    from gateway.cli.demo_agent import Agent
    from gateway.cli.demo_house import AGENT, UPSTREAM, USER, written
    from gateway.cli.demo_stage import PACKAGE, Fell, free_addresses
    from gateway.cli.explain import story
    from gateway.clock import SystemClock

    clock = SystemClock()
    began = clock.monotonic()
    told.begin()
    stage.desk(_FIRST)
    stage.desk(_SECOND)
    bare, desk = stage.announced(_FIRST), stage.announced(_SECOND)
    agent_address, operator_address = free_addresses()
    config, key = written(stage.folder, desk, agent_address, operator_address)
    stage.start(_GATEWAY, PACKAGE, "gateway", "run", "--config", str(config))

    told.round(1, "without the gateway", "The agent holds the help desk's address. Whatever it asks for is done.")
    without = _round(stage, told, _FIRST, Agent(bare), lambda _: (None, []))

    stage.serving(_GATEWAY, f"http://{operator_address}/startupz")
    operator = Operator(config)
    tools = operator.get("/tools", agent=AGENT, user=USER)
    shown = sum(tool["published"] is not None for tool in tools)
    if not shown:
        raise Fell(f"the gateway shows no tool of {desk}: it could not read {desk}/openapi.json")
    about = (
        f"The same requests, to another address, with a key that says: {AGENT} for {USER}. Of the desk's {len(tools)} "
        f"operations the agent is shown {shown}. It believes the ticket again; that is not what protects the desk."
    )
    told.round(2, "with the gateway", about)
    http = f"http://{agent_address}/http/{UPSTREAM}"
    with_ = _round(stage, told, _SECOND, Agent(http, key), lambda step: _why(operator, config, step))

    records = operator.get("/audit", kind="call", order="oldest")["records"]
    told.happened(without.happened, with_.happened)
    told.audit(records)
    refused = with_.call("policy-denied")
    if refused is not None:
        told.explained(story([record for record in records if record["call"] == refused]))
    return {
        "held": with_.happened.well,
        "seconds": round(clock.monotonic() - began, 1),
        "without": {"steps": without.steps, **without.happened.facts},
        "with": {"steps": with_.steps, **with_.happened.facts},
        "audit": records,
        "running": {
            "mcp": f"http://{agent_address}/mcp",
            "http": http,
            "operator": operator.url,
            "config": str(config),
            "key": key,
            "agent": AGENT,
            "call": str(refused),
        },
    }


def _round(stage: "Stage", told: "Told", desk: str, agent: "Agent", why: "Callable[[Step], _Why]") -> _Round:
    """All stories, one after the other, and what they left in the desk's database."""
    import httpx2

    from gateway.cli.demo_stage import Fell
    from gateway.cli.demo_told import STORIES, Happened

    steps: list[dict[str, Any]] = []
    try:
        for name in STORIES:
            told.story(name)
            for step in getattr(agent, name)():
                said, settings = why(step)
                told.step(step, said, settings)
                steps.append({"story": name, **step.facts, "why": said, "settings": settings})
    except httpx2.TransportError as fault:
        stage.watch()
        raise Fell(f"{fault.request.method} {fault.request.url}: no answer ({type(fault).__name__})") from None
    tally = stage.output("examples.helpdesk.tally", "--db", str(stage.file_of(desk)))
    return _Round(steps, Happened.of(json.loads(tally)))


def _why(operator: "Operator", config: Path, step: "Step") -> "_Why":
    """What the gateway says of a call it held: the room that stopped it, or the ledger that gave an answer again."""
    from gateway.cli.demo_house import AGENT, UPSTREAM, USER, settings

    if step.reason is None and not step.replayed:
        return None, []
    asked = {"agent": AGENT, "user": USER, "tool": f"{UPSTREAM}/{step.tool}", "arguments": dict(step.arguments)}
    rooms = operator.post("/explain", asked)
    telling = [room for room in rooms if (room["room"] == "ledger" if step.replayed else room["verdict"] == "stops")]
    if not telling:
        return "the gateway refused this, but would let it pass now", []
    why = str(telling[0]["why"])
    return why, list(settings(config, step.tool, why))
