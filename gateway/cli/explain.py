"""`sallyport explain`: why a call ended as it did, or what would happen to one that nobody made.

Lives only here: the two questions and how their answers read. A call that was made is told from its audit record; a
supposed one is put to the running gateway, which walks its rooms without sending anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.cli import place, voice

_MARKS = {"passes": "✓", "asks": "?", "stops": "✗"}
_DONE = {
    "claimed": "claimed, so that it is carried out at most once",
    "replayed": "the answer of {} was given again, nothing was sent",
    "joined": "waited for its twin {}, nothing was sent",
    "none": "not asked",
}
_LATER = {"resolved", "verified"}
"""Kinds of entries that are written after a call has ended."""
_KEYS = {
    "header": "key from the header Idempotency-Key",
    "meta": "key from _meta",
    "once": "business key of the tool, the same for the whole tenant",
    "call-id": "key from the client's own id of the call",
    "derived": "key derived from who calls what with which arguments",
}


def explain(
    call: Annotated[str | None, typer.Argument(help="Id of a call that was made; without one, suppose one.")] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Of a supposed call: JSON if it parses, else text.")
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Suppose that this agent calls …")] = None,
    user: Annotated[str | None, typer.Option("--user", help="… for this user; without one, a machine …")] = None,
    tool: Annotated[str | None, typer.Option("--tool", help="… this tool (upstream/tool, or as published).")] = None,
    tenant: Annotated[str, typer.Option("--tenant")] = "default",
    args: Annotated[str | None, typer.Option("--args", help="A JSON object, or @FILE; NAME=VALUE goes on top.")] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Explain a call by its id, or suppose one with --agent and --tool; a supposed call is never sent."""
    supposed = bool(agent or tool or user or args or arguments)
    if call is None and not supposed:
        voice.fail("Name a call id, or suppose a call with --agent and --tool.", voice.USAGE)
    if call is not None and not supposed:
        _made(call, config, json=json)
        return
    if agent is None or tool is None:
        voice.fail("A supposed call needs both --agent and --tool; a call that was made only its id.", voice.USAGE)
    from gateway.cli.call import given
    from gateway.cli.client import Operator

    pairs = [*([call] if call is not None else []), *(arguments or ())]
    asked = {"agent": agent, "user": user, "tenant": tenant, "tool": tool, "arguments": given(args, pairs)}
    steps = Operator(config).post("/explain", asked)
    if json:
        voice.as_json(steps)
    else:
        for step in steps:
            voice.say(f"{_MARKS[step['verdict']]} {step['room']:<12} {voice.plain(step['why'])}")
        voice.note("Nothing was sent.")
    if steps[-1]["verdict"] == "stops":
        raise typer.Exit(voice.REFUSED)


def _made(call: str, config: Any, *, json: bool) -> None:
    from gateway.cli.trace import entries

    records = entries(config, call)
    if json:
        voice.as_json(records)
        return
    for line in story(records):
        voice.say(voice.plain(line))


def story(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The records of one call as sentences, in the order of the road."""
    facts: dict[str, Any] = {}
    for record in records:
        if record.get("kind") not in _LATER:
            facts |= record
    yield f"{facts.get('call')} at {facts.get('time')}"
    if "agent" in facts:
        whom = f" for {facts['user']} ({facts.get('user_proof')})" if "user" in facts else ", with no user behind it"
        yield f"  identity   agent {facts['agent']} ({facts.get('agent_proof')}){whom}"
    if "tool" in facts:
        yield f"  catalog    {facts.get('asked')} is {facts['tool']}, effect {facts.get('effect')}; {_saw(facts)}"
    elif "asked" in facts:
        what = "is no tool it was shown"
        if facts.get("reason") == "invalid-arguments":
            what = "was called with arguments that do not fit"
        yield f"  catalog    {facts['asked']} {what}; {_saw(facts)}"
        yield "             `sallyport tools --agent AGENT --user USER` says why the others are hidden"
    if "decision" in facts:
        rules = ", ".join(facts.get("rules", ())) or "no rule matched"
        yield f"  policy     {facts['decision']}: {rules} (version {str(facts.get('policy'))[:12]})"
    yield from _carried(facts)
    executed = f", executed: {facts['executed']}" if "executed" in facts else ""
    why = f": {facts['reason']}" if "reason" in facts else ""
    yield f"  outcome    {facts.get('outcome', 'open')}{why}{executed}"
    if "detail" in facts:
        yield f"             {facts['detail']}"
    for record in records:
        yield from _later(record)


def _later(record: Mapping[str, Any]) -> Iterator[str]:
    """What became known after the call had ended."""
    kind = record.get("kind")
    if kind in _LATER:
        by = f", by {record['by']}" if "by" in record else ""
        yield f"  {kind:<10} {record.get(kind)}{by}, at {record.get('time')}"


def _saw(facts: Mapping[str, Any]) -> str:
    return f"it saw {facts['visible']['count']} tools" if "visible" in facts else "what it saw was not recorded"


def _carried(facts: Mapping[str, Any]) -> Iterator[str]:
    if (key := facts.get("key")) is not None:
        done = _DONE.get(key.get("state"), "not recorded").format(key.get("original", "an earlier call"))
        yield f"  ledger     {done}; {_KEYS.get(key.get('source'), 'no key')}"
    if "approval" in facts:
        yield f"  approval   {facts['approval']}"
    if (ms := facts.get("ms")) and "upstream" in ms:
        yield f"  upstream   {facts.get('address')} took {ms['upstream']:g} ms of {ms.get('total', 0):g} ms in all"
    if facts.get("accepted") is False:
        yield "  accept     the answer is not what the tool's `accept` wants"
    if findings := facts.get("findings"):
        yield f"  sanitize   {', '.join(f'{name} x{count}' for name, count in findings.items())}"
    if (fallback := facts.get("fallback")) is not None:
        yield f"  fallback   {', '.join(f'{name} {value}' for name, value in fallback.items())}"
