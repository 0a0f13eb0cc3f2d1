"""One session of FastMCP's client: python client_fastmcp.py URL TOKEN CALLS. Prints what it saw as JSON."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError


async def seen(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    async with Client(StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})) as client:
        tools = await client.list_tools()
        return {"tools": [tool.name for tool in tools], "answers": [await answer(client, *call) for call in calls]}


async def answer(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await client.call_tool(name, arguments, raise_on_error=False)
    except MCPError as error:
        return {"failed": error.error.message}
    return {"failed": "a result"} if result.is_error else {"value": result.structured_content}


print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
