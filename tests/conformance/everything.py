"""A server that passes the official conformance suite: `python -m tests.conformance.everything --port N --era both`.

What stands behind the gateway when the suite runs through it, so every failure there is the gateway's own. Lives only
here: the assembly of the fixtures into one server. It prints `listening on URL` once it does; port 0 takes a free one.
"""

import argparse
import warnings
from typing import Any

import mcp_types as types
import uvicorn
from jsonschema_rs import Draft202012Validator
from mcp.server.caching import CACHEABLE_METHODS, CacheHint
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from examples.helpdesk import era
from examples.helpdesk.announce import AnnouncingServer
from tests.conformance.fixtures import asking, plain, prompts, resources
from tests.conformance.fixtures.asking import AskingTool
from tests.conformance.fixtures.changes import Changes, Context, connection, watched
from tests.conformance.fixtures.content import text
from tests.conformance.fixtures.plain import FailedError, PlainTool
from tests.conformance.fixtures.questions import UnansweredError, ask
from tests.conformance.fixtures.replay import Replay

PATH = "/mcp"
NAME = "everything"
RETRY_MS = 100
TOOLS: dict[str, PlainTool | AskingTool] = {tool.name: tool for tool in (*plain.TABLE, *asking.TABLE)}


class _Everything(Server[Any]):
    """The SDK tells older clients of no changing lists unless asked to at this one place."""

    def create_initialization_options(self, *_arguments: Any, **_named: Any) -> InitializationOptions:
        changing = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(changing)


def build() -> Server[Any]:
    changes = Changes()

    async def list_tools(_context: Context, _params: Any) -> types.ListToolsResult:
        listed = [
            types.Tool(name=tool.name, description=tool.description, input_schema=dict(tool.schema))
            for tool in TOOLS.values()
        ]
        return types.ListToolsResult(tools=[*listed, *changes.extra_tools])

    async def call_tool(
        context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        tool = plain.UNLISTED if params.name == plain.UNLISTED.name else TOOLS.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        if problems := [error.message for error in Draft202012Validator(dict(tool.schema)).iter_errors(arguments)]:
            return _failed(f"Invalid arguments: {'; '.join(problems)}")
        try:
            if isinstance(tool, PlainTool):
                return types.CallToolResult(content=list(await tool.run(context, changes, arguments)))
            answers = await ask(tool.inquiry, context, params, arguments)
        except (FailedError, UnansweredError) as error:
            return _failed(str(error))
        if isinstance(answers, types.InputRequiredResult):
            return answers
        return types.CallToolResult(content=[text(tool.tell(answers))])

    async def list_prompts(_context: Context, _params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[*prompts.LIST, *changes.extra_prompts])

    async def list_resources(_context: Context, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=resources.LIST)

    async def list_templates(_context: Context, _params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.TEMPLATES)

    async def read(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return resources.read(params.uri, context.protocol_version)

    async def complete(_context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        return prompts.complete(params)

    async def set_level(context: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        connection(context).state["level"] = params.level
        return types.EmptyResult()

    async def subscribe(context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        watched(connection(context)).add(params.uri)
        return types.EmptyResult()

    async def unsubscribe(context: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        watched(connection(context)).discard(params.uri)
        return types.EmptyResult()

    server = _Everything(
        NAME,
        version="1.0.0",
        instructions="Every feature of the protocol once, for the conformance suite.",
        cache_hints={method: CacheHint(ttl_ms=0, scope="public") for method in CACHEABLE_METHODS},
        get_tool_input_schema=lambda name: TOOLS[name].schema if name in TOOLS else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=prompts.get,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_completion=complete,
        on_set_logging_level=set_level,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_subscriptions_listen=ListenHandler(changes.bus),
    )
    server.middleware.append(changes.remember)
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME))
    return server


def _failed(sentence: str) -> types.CallToolResult:
    return types.CallToolResult(content=[text(sentence)], is_error=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="An MCP server that passes the conformance suite.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--era", choices=("both", "legacy", "modern"), default="both")
    options = parser.parse_args()
    warnings.simplefilter("ignore", MCPDeprecationWarning)  # logging, sampling and roots: deprecated, still the suite's

    app = build().streamable_http_app(streamable_http_path=PATH, event_store=Replay(), retry_interval=RETRY_MS)
    config = uvicorn.Config(
        era.only(options.era, app, PATH),
        host="127.0.0.1",
        port=options.port,
        http="h11",  # httptools leaves the blanks around a header value, which the suite wants ignored
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    AnnouncingServer(config, PATH).run()


if __name__ == "__main__":
    main()
