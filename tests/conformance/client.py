"""The client that the suite runs: a gateway before the scenario's server, and the public SDK before the gateway.

`python -m tests.conformance.client --front modern --keep FOLDER URL`, with the scenario in the environment, as the suite
runs it. Lives only here: what is done in each scenario. What the suite judges is the gateway's upstream leg; what comes back
to the client is judged here: `done` on the output means that every step went well, else the reason stands on stderr.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import anyio
import mcp_types as types
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from tests.conformance import behind, suite

Front = Literal["legacy", "modern"]

_MODE: dict[Front, Literal["legacy", "2026-07-28"]] = {"legacy": "legacy", "modern": "2026-07-28"}
_STEPS_S = 12.0  # the slowest needs 2 s; after the suite's own limit nobody would stop the gateway


async def _filled(_context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Every field that has a default gets it, which is what the suite asks of a client; the others are confirmed."""
    assert isinstance(params, types.ElicitRequestFormParams)
    fields = params.requested_schema["properties"]
    return types.ElicitResult(action="accept", content={name: of.get("default", True) for name, of in fields.items()})


async def _busy(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Calls another tool while the question is open, whose request must know nothing of it."""
    await _says(context.session, "test_mrtr_unrelated", "unrelated-ok")
    return await _filled(context, params)


async def _says(client: Any, tool: str, expected: str, arguments: dict[str, Any] | None = None) -> None:
    result = await client.call_tool(tool, arguments or {})
    said = " ".join(getattr(block, "text", "") for block in result.content)
    assert not result.is_error, f"{tool} failed: {said}"
    assert expected in said, f"{tool} said: {said}"


async def _names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def _lists(client: Client, *expected: str) -> None:
    names = await _names(client)
    assert names == list(expected), f"listed are {names}"


async def _listed(client: Client) -> None:
    await _lists(client)


async def _added(client: Client) -> None:
    await _lists(client, "add_numbers")
    await _says(client, "add_numbers", "The sum of 5 and 3 is 8", {"a": 5, "b": 3})


async def _asked(client: Client) -> None:
    await _lists(client, "test_client_elicitation_defaults")
    await _says(client, "test_client_elicitation_defaults", "Elicitation completed")


async def _reconnected(client: Client) -> None:
    await _lists(client, "test_reconnection")
    await _says(client, "test_reconnection", "completed successfully")


async def _in_rounds(client: Client) -> None:
    await _says(client, "test_mrtr_echo_state", "echo-state-ok")
    await _says(client, "test_mrtr_no_state", "no-state-ok")
    await _says(client, "test_mrtr_no_result_type", "no-result-type-test-ok")


async def _named(client: Client) -> None:
    for tool in await _names(client):
        await _says(client, tool, "Headers test completed")
    resources = (await client.list_resources()).resources
    prompts = (await client.list_prompts()).prompts
    assert (len(resources), len(prompts)) == (2, 1), "the resources and the prompt are not all listed"
    for resource in resources:
        await client.read_resource(str(resource.uri))
    await client.get_prompt(prompts[0].name)


async def _mirrored(client: Client) -> None:
    """The gateway refuses a null where the schema allows none, before anything is sent; the client then leaves it out."""
    for call in json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])["toolCalls"]:
        name, arguments = call["name"], call["arguments"]
        kept = {key: value for key, value in arguments.items() if value is not None}
        if kept != arguments:
            await _refused(client, name, arguments)
        await _says(client, name, "Custom headers test completed", kept)


async def _dropped(client: Client) -> None:
    """The SDK drops such tools from lists too; that the gateway did is seen when one is called all the same."""
    await _lists(client, "valid_tool")
    await _says(client, "valid_tool", "Tool call received", {"region": "eu"})
    await _refused(client, "invalid_space_in_name", {"value": "eu"})


async def _not_fetched(client: Client) -> None:
    """The gateway hides a tool whose arguments it could only judge by fetching a schema."""
    await _lists(client)
    await _refused(client, "lookup_user", {"id": "ada", "profile": {}})


async def _echoed(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    schema = tools["json_schema_2020_12_tool"].input_schema
    await _says(client, "json_schema_echo", "echoed", {"schema": schema})


async def _refused(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError:
        return
    assert result.is_error, f"{tool} was carried out"


SCENARIOS: dict[str, Callable[[Client], Awaitable[None]]] = {
    "initialize": _listed,
    "tools_call": _added,
    "elicitation-sep1034-client-defaults": _asked,
    "sse-retry": _reconnected,
    "request-metadata": _listed,
    "sep-2322-client-request-state": _in_rounds,
    "http-standard-headers": _named,
    "http-custom-headers": _mirrored,
    "http-invalid-tool-headers": _dropped,
    "json-schema-ref-no-deref": _not_fetched,
    "json-schema-2020-12-preservation": _echoed,
}
_ELICITS = {"elicitation-sep1034-client-defaults": _filled, "sep-2322-client-request-state": _busy}
"""How questions are answered where a server asks; elsewhere the client declares no capability, as most do."""


async def _played(url: str, front: Front, name: str) -> None:
    with anyio.fail_after(_STEPS_S):
        async with Client(url, mode=_MODE[front], elicitation_callback=_ELICITS.get(name)) as client:
            await SCENARIOS[name](client)


def _reason(error: BaseException) -> str:
    """One line; of a longer text, such as a gateway's log, the ends."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).split("\n") or [""]
    return f"{type(error).__name__}: {' … '.join(dict.fromkeys((lines[0], lines[-1])))}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The client of the suite's client scenarios, through the gateway.")
    parser.add_argument("--front", choices=("legacy", "modern"), required=True, help="what the client speaks")
    parser.add_argument("--keep", type=Path, required=True, help="a new folder there keeps the gateway's log")
    parser.add_argument("url", help="the server of the scenario")
    options = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    name = os.environ["MCP_CONFORMANCE_SCENARIO"]
    folder = options.keep / name
    folder.mkdir(parents=True)
    try:
        with behind.gateway(options.url, folder) as url:
            anyio.run(_played, url, options.front, name)
    except Exception as error:  # whatever it was, the table shows it
        sys.exit(_reason(error))
    print(suite.DONE)


if __name__ == "__main__":
    main()
