"""`sallyport audit …`: what did the agent do, and why was it allowed?

Lives only here: the four verbs, their filters (names of `record.schema.json`) and the table of records. While the gateway
runs it answers; without it `offline` reads the journal itself. `verify` never asks the gateway.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import place, voice

if TYPE_CHECKING:
    from gateway.cli.client import Operator

audit = typer.Typer(help="Read and verify the audit journal.", no_args_is_help=True, epilog=voice.EPILOG)

_COLUMNS = ("time", "kind", "outcome", "agent", "user", "tool", "reason", "ms", "call")
_OVERLAP = 5
"""Seconds a follower looks back: entries made at one moment may be written a little later than their neighbours."""
_PAUSE = 0.5

Agent = Annotated[str | None, typer.Option("--agent")]
User = Annotated[str | None, typer.Option("--user")]
Tool = Annotated[str | None, typer.Option("--tool", help="Canonical id upstream/tool.")]
Outcome = Annotated[str | None, typer.Option("--outcome", help="answered, refused, in-doubt, …")]
Kind = Annotated[str | None, typer.Option("--kind", help="call, list, request, intent, operator, …")]


@audit.command(epilog=voice.EPILOG)
def query(
    agent: Agent = None,
    user: User = None,
    tool: Tool = None,
    outcome: Outcome = None,
    kind: Kind = None,
    tenant: Annotated[str | None, typer.Option("--tenant")] = None,
    upstream: Annotated[str | None, typer.Option("--upstream")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Of a refusal: policy-denied, …")] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="allow, deny or ask.")] = None,
    call: Annotated[str | None, typer.Option("--call", help="Id of one call.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Record key of the ledger (hex).")] = None,
    run: Annotated[str | None, typer.Option("--run")] = None,
    since: Annotated[str | None, typer.Option("--since", help="RFC 3339, or how long ago: 15m, 2h, 1d.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Up to this moment, not including it.")] = None,
    order: Annotated[str, typer.Option("--order", help="newest or oldest first.")] = "newest",
    limit: Annotated[int, typer.Option("--limit", help="Records of one page, up to 1000.")] = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Where an earlier page ended.")] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show the records that fit every filter; --json prints them whole, one a line."""
    asked = _given(
        agent=agent, user=user, tool=tool, outcome=outcome, kind=kind, tenant=tenant, upstream=upstream, reason=reason,
        decision=decision, call=call, key=key, run=run, since=since, until=until, order=order, limit=str(limit),
        cursor=cursor,
    )  # fmt: skip
    page = _page(config, asked)
    _show(page["records"], json=json)
    if page["next"]:
        voice.note(f"There are more: add --cursor {page['next']}")


@audit.command(epilog=voice.EPILOG)
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    number: Annotated[int, typer.Option("--number", "-n", help="How many to begin with.")] = 20,
    agent: Agent = None,
    user: User = None,
    tool: Tool = None,
    outcome: Outcome = None,
    kind: Kind = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show the newest records, oldest of them first; -f follows."""
    from gateway.cli.client import Operator

    asked = _given(agent=agent, user=user, tool=tool, outcome=outcome, kind=kind)
    if not follow:
        _show(_page(config, {**asked, "limit": str(number)})["records"][::-1], json=json)
        return
    operator, widths = Operator(config), list[int]()
    try:
        for records in _followed(operator, asked, number):
            widths = _show(records, json=json, heading=not widths, widths=widths)
    except KeyboardInterrupt:
        return


@audit.command(epilog=voice.EPILOG)
def show(
    call: Annotated[str, typer.Argument(help="Id of the call; every reply carries it.")],
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Show every entry of one call: intent, outcome and whatever became known later."""
    from gateway.cli.trace import entries, printed

    found = entries(config, call)
    if json:
        voice.as_lines(found)
    else:
        voice.say(printed(found))


@audit.command(epilog=voice.EPILOG)
def verify(
    folder: Annotated[Path | None, typer.Option("--dir", help="A journal, or a copy; default: of --config.")] = None,
    config: place.ConfigPath = place.DEFAULT,
) -> None:
    """Follow the hash chain from the first byte to the last; names the first bad record. Needs no running gateway."""
    from gateway.audit.verify import verify as follow

    where = folder or place.state_dir(place.addresses(config), config) / "journal"
    try:
        report = follow(where)
    except OSError as error:
        voice.fail(f"{error.filename}: {error.strerror}: run this as a user who may read the journal.")
    if report.fault:
        voice.fail(f"{report.fault}\n{report.entries} entries before it are as they were written.")
    voice.say(f"{where}: {report.entries} entries in {report.segments} segments are as they were written")
    voice.say(f"last hash: {report.last_hash}")
    for line in report.notes:
        voice.note(line)


def _given(**filters: str | None) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value is not None}


def _page(config: Path, asked: Mapping[str, str]) -> Any:
    """From the gateway; without one from the journal."""
    from gateway.cli.client import Operator

    operator = Operator(config)
    if operator.running():
        return operator.get("/audit", **asked)
    from gateway.cli.offline import page

    return page(config, asked)


def _followed(operator: "Operator", asked: Mapping[str, str], number: int) -> Iterator[list[dict[str, Any]]]:
    """The newest records, then the new ones as they come; never ends."""
    newest = operator.get("/audit", **asked, limit=str(number))["records"][::-1]
    yield newest
    floor, seen = newest[0]["time"] if newest else "", {record["id"] for record in newest}
    while True:
        time.sleep(_PAUSE)
        window = list(operator.lines("/audit", **asked, since=f"{_OVERLAP}s", order="oldest"))
        if fresh := [record for record in window if record["id"] not in seen and record["time"] >= floor]:
            yield fresh
        seen = {record["id"] for record in window}


def _show(records: list[dict[str, Any]], *, json: bool, heading: bool = True, widths: Sequence[int] = ()) -> list[int]:
    if json:
        voice.as_lines(records)
    elif records:
        return voice.table(_COLUMNS, [_row(record) for record in records], heading=heading, widths=widths)
    elif heading:
        voice.note("no records")
    return list(widths)


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table; an operator's action stands where a tool would."""
    total = record.get("ms", {}).get("total")
    tool = record.get("tool") or record.get("asked") or record.get("action")
    user = record.get("user") or record.get("who")
    ms = None if total is None else f"{total:.1f}"
    return {**record, "time": record["time"][:23] + "Z", "tool": tool, "user": user, "ms": ms}
