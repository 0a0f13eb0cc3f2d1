"""LangChain's tools made of MCP's: python client_langchain.py URL TOKEN CALLS. Prints what it saw as JSON."""

import asyncio
import json
import sys
from typing import Any

from langchain_core.tools import BaseTool
from langchain_mcp_adapters.client import MultiServerMCPClient


async def seen(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    client = MultiServerMCPClient({"gateway": {"transport": "http", "url": url, "headers": headers}})
    tools = {tool.name: tool for tool in await client.get_tools()}
    return {"tools": list(tools), "answers": [await answer(tools, *call) for call in calls]}


async def answer(tools: dict[str, BaseTool], name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What was not listed cannot even be named here."""
    if name not in tools:
        return {"failed": "not listed"}
    said = await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})
    return {"failed": "a result"} if said.status == "error" else {"value": said.artifact["structured_content"]}


print(json.dumps(asyncio.run(seen(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
