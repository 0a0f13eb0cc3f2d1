"""One session of the `mcp` 2.x client: python client_mcp_2.py URL TOKEN CALLS. Prints what it saw as JSON."""

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client


async def seen(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        return {"tools": [tool.name for tool in tools], "answers": [await answer(client, *call) for call in calls]}


async def answer(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await client.call_tool(name, arguments)
    except MCPError as error:
        return {"failed": error.error.message}
    return {"failed": "a result"} if result.is_error else {"value": result.structured_content}


print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
