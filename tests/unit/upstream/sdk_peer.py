"""Servers of the public MCP SDK: over HTTP in this process (one era each), or over stdio when run as a script."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel.server import Server

from examples.helpdesk.era import Era, only

CALLS: list[str] = []
_SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "x-mcp-header": "Text"}}, "$defs": {"kept": {}}}


async def _list(_context: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    page = int(params.cursor) if params is not None and params.cursor else 0
    tools = [types.Tool(name=f"{name}{page}", input_schema=_SCHEMA) for name in ("echo", "fail")]
    return types.ListToolsResult(tools=tools, next_cursor=str(page + 1) if page < 2 else None)


async def _call(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    CALLS.append(params.name)
    text = (params.arguments or {}).get("text", "")
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=params.name.startswith("fail"))


def build() -> Server[Any]:
    return Server("peer", on_list_tools=_list, on_call_tool=_call)


@contextlib.asynccontextmanager
async def sdk_server(era: Era, *, json_response: bool) -> AsyncIterator[str]:
    app = only(era, build().streamable_http_app(json_response=json_response), "/mcp")
    logging.getLogger("mcp").setLevel(logging.ERROR)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server._serve())
    try:
        async with asyncio.timeout(5):
            while not server.started:
                await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        await running


if __name__ == "__main__":
    import anyio
    from mcp.server.stdio import stdio_server

    async def main() -> None:
        server = build()
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(main)
