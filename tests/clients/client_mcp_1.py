"""One session of the `mcp` 1.x client: python client_mcp_1.py URL TOKEN CALLS. Prints what it saw as JSON."""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client


async def seen(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    async with streamablehttp_client(url, headers={"Authorization": f"Bearer {token}"}) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            return {"tools": [tool.name for tool in tools], "answers": [await answer(session, *call) for call in calls]}


async def answer(session: ClientSession, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await session.call_tool(name, arguments)
    except McpError as error:
        return {"failed": error.error.message}
    return {"failed": "a result"} if result.isError else {"value": result.structuredContent}


print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
