"""`sallyport call`: one real MCP call through the agent plane, as an agent would make it.

Lives only here: how arguments are written on a command line, and how an answer or a refusal is shown: the result on
stdout, call id and particulars on stderr. Framing is the business of `agent_plane`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.cli import place, voice

if TYPE_CHECKING:
    from gateway.cli.agent_plane import Heard

_READABLE = "\n\t"


def call(
    tool: Annotated[str, typer.Argument(help="Name as published to the agent; upstream/tool means upstream_tool.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="A value is JSON if it parses, else text.")
    ] = None,
    args: Annotated[str | None, typer.Option("--args", help="A JSON object, or @FILE; NAME=VALUE goes on top.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same call with it runs once.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Use /agents/AGENT/mcp; default /mcp.")] = None,
    token: Annotated[
        str | None, typer.Option("--token", envvar="SALLYPORT_TOKEN", help="API key or JWT of the agent.")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show the audit record of the call (operator token).")] = False,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Call a tool through the gateway; exit code 1 when it was refused or the tool says that it failed."""
    from gateway.cli.agent_plane import AgentPlane, NoAnswer

    if token is not None and not (token.isascii() and token.isprintable()):
        voice.fail("The token holds characters that no token has; was it pasted whole? See --token.", voice.USAGE)
    sent = given(args, arguments or ())
    address = place.url(place.addresses(config).listen.agent)
    plane = AgentPlane(address + (f"/agents/{agent}/mcp" if agent else "/mcp"), token)
    try:
        tools, refused = plane.tools()
        if refused is None:
            schemas = {found.get("name"): found.get("inputSchema") for found in tools}
            name = tool if tool in schemas else tool.replace("/", "_", 1)
            heard = plane.call(name, sent, schemas.get(name), key)
        else:
            heard = refused
    except NoAnswer as fault:
        _unanswered(plane.url, fault, config, key)
    if json:
        voice.as_json(heard.body)
    well = _show(heard, quiet=json)
    if trace and (call_id := _call_id(heard.body)):
        from gateway.cli.trace import entries, printed

        voice.note(printed(entries(config, call_id)))
    if not well:
        raise typer.Exit(voice.REFUSED)


def given(text: str | None, pairs: Sequence[str]) -> dict[str, Any]:
    """Arguments as a command line writes them; faults end the verb."""
    from gateway.wire.strict_json import MalformedJson, parse

    said: dict[str, Any] = {}
    if text is not None:
        try:
            raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
            found = parse(raw)
        except OSError as error:
            voice.fail(f"--args {text}: {error.strerror}: name a file that can be read.", voice.USAGE)
        except MalformedJson as error:
            voice.fail(f"--args: {error}: write one JSON object.", voice.USAGE)
        if not isinstance(found, dict):
            voice.fail('--args: not an object: write {"name": value}.', voice.USAGE)
        said = found
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            voice.fail(f"{voice.plain(pair)!r} is not NAME=VALUE; write for example id=13.", voice.USAGE)
        try:
            said[name] = parse(value.encode())
        except MalformedJson:
            said[name] = value
    return said


def _show(heard: "Heard", *, quiet: bool) -> bool:
    """Shows the answer; whether all went well."""
    import json

    from gateway.wire.jsonrpc import META_OUTCOME

    well = heard.result is not None and heard.result.get("isError") is not True
    told: Any = None
    match heard.body:
        case {"result": dict(result)}:
            told = _meta(result).get(META_OUTCOME)
            if not quiet:
                _result(result)
        case {"error": {"message": str(message), **rest}}:
            data = rest.get("data")
            told = data.get(META_OUTCOME) if isinstance(data, dict) else None
            voice.note(f"error {rest.get('code')}: {voice.plain(message, keep=_READABLE)}")
        case bare:
            voice.note(
                f"{heard.status} {bare.get('error')}: {voice.plain(str(bare.get('detail')))} {bare.get('remedy')}"
            )
            told = {"call_id": bare.get("call_id")} if bare.get("call_id") else None
    if isinstance(told, dict):
        for name, value in told.items():
            voice.note(f"  {name}: {voice.plain(value if isinstance(value, str) else json.dumps(value))}")
    elif call_id := _call_id(heard.body):
        voice.note(f"call {call_id}{' (replayed)' if _replayed(heard.body) else ''}")
    return well


def _result(result: Mapping[str, Any]) -> None:
    """Structured content as JSON; texts as they are, unless they only repeat it; other content by name and size."""
    import json

    structured = result.get("structuredContent")
    if structured is not None:
        voice.as_json(structured)
    for block in result.get("content") or ():
        match block:
            case {"type": "text", "text": str(text)}:
                try:
                    repeats = structured is not None and json.loads(text) == structured
                except ValueError:
                    repeats = False
                if not repeats:
                    voice.say(voice.plain(text, keep=_READABLE))
            case {"type": str(kind)}:
                voice.say(f"[{voice.plain(kind)}: {len(json.dumps(block))} bytes; --json shows it]")
            case _:
                pass


def _meta(result: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = result.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _replayed(body: Mapping[str, Any]) -> bool:
    return _meta(body.get("result") or {}).get("io.sallyport/replayed") is True


def _call_id(body: Mapping[str, Any]) -> str | None:
    """Where the gateway says the id: provenance of an answer, outcome of a refusal, or a bare body."""
    match body:
        case (
            {"result": {"_meta": {"io.sallyport/outcome": {"call_id": str(found)}}}}
            | {"result": {"_meta": {"io.sallyport/provenance": {"call_id": str(found)}}}}
            | {"error": {"data": {"io.sallyport/outcome": {"call_id": str(found)}}}}
            | {"error": {"data": {"io.sallyport/provenance": {"call_id": str(found)}}}}
            | {"call_id": str(found)}
        ):
            return found
        case _:
            return None


def _unanswered(url: str, fault: Any, config: Path, key: str | None) -> NoReturn:
    if not fault.sent:
        voice.fail(
            f"The gateway {fault} at {url} (listen.agent of {config}). Start it with `sallyport run --config {config}`, "
            "or name its configuration with --config.",
            voice.UNREACHABLE,
        )
    again = "repeat it with the same --key" if key else "look at `sallyport audit tail` before repeating it"
    voice.fail(f"{url} {fault}: whether the call was carried out is unknown; {again}.", voice.UNREACHABLE)
