"""The MCP client of OpenAI's Agents SDK, no model: python client_openai_agents.py URL TOKEN CALLS. Prints JSON."""

import asyncio
import json
import sys
from typing import Any

from agents.mcp import MCPServerStreamableHttp
from mcp import MCPError


async def seen(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with MCPServerStreamableHttp(params={"url": url, "headers": headers}) as server:
        tools = await server.list_tools()
        return {"tools": [tool.name for tool in tools], "answers": [await answer(server, *call) for call in calls]}


async def answer(server: MCPServerStreamableHttp, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await server.call_tool(name, arguments)
    except MCPError as error:
        return {"failed": error.error.message}
    return {"failed": "a result"} if result.is_error else {"value": result.structured_content}


print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
