"""Ready-to-paste client configuration: how Claude Code, VS Code, Cursor and Python reach the gateway.

Lives only here: the spelling each client wants. Must not know where the token came from. Called by `init` and by the
example's start.
"""

import json
import shlex

_NAME = "sallyport"


def snippets(url: str, token: str) -> str:
    """`url` is the MCP endpoint of the agent plane; the token stands in clear in what is returned."""
    bearer = f"Bearer {token}"
    claude = (
        f"claude mcp add --transport http {_NAME} {shlex.quote(url)} --header {shlex.quote('Authorization: ' + bearer)}"
    )
    server = {"type": "http", "url": url, "headers": {"Authorization": bearer}}
    vscode = json.dumps({"servers": {_NAME: server}}, indent=2)
    cursor = json.dumps({"mcpServers": {_NAME: {"url": url, "headers": server["headers"]}}}, indent=2)
    parts = (
        ("Claude Code", claude),
        ("VS Code: .vscode/mcp.json", vscode),
        ("Cursor: .cursor/mcp.json", cursor),
        ("Python: pip install mcp", _PYTHON.format(url=json.dumps(url), bearer=json.dumps(bearer))),
    )
    return "\n\n".join(f"# {title}\n{body}" for title, body in parts)


_PYTHON = """\
import asyncio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main():
    async with httpx2.AsyncClient(headers={{"Authorization": {bearer}}}) as http:
        async with Client(streamable_http_client({url}, http_client=http)) as client:
            print([tool.name for tool in (await client.list_tools()).tools])

asyncio.run(main())"""
