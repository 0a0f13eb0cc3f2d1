"""A tool table as an MCP server: the only place that checks their arguments and turns answers into results."""

import inspect
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
from jsonschema_rs import Draft202012Validator
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from examples.helpdesk import database
from examples.helpdesk.store.rows import Refusal
from examples.helpdesk.tool import Answer, Effect, Tool

VERSION = "1.0.0"


def build(
    name: str, instructions: str, table: tuple[Tool, ...], database_path: Path, **beside: Any
) -> Server[sqlite3.Connection]:
    """The server of these tools; one connection to the database lives as long as the server runs.

    `beside`: what answers for prompts or resources, under the names the SDK has for it (`on_get_prompt`).
    """
    tools = {tool.name: tool for tool in table}
    validators = {tool.name: Draft202012Validator(tool.input_schema) for tool in table}

    @asynccontextmanager
    async def lifespan(_server: Server[sqlite3.Connection]) -> AsyncIterator[sqlite3.Connection]:
        with database.opened(database_path) as db:
            yield db

    async def list_tools(
        _context: ServerRequestContext[sqlite3.Connection], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.on_the_wire for tool in table])

    async def call_tool(
        context: ServerRequestContext[sqlite3.Connection], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        problems = [problem.message for problem in validators[tool.name].iter_errors(arguments)]
        if problems:
            return _refused(f"Invalid arguments for {tool.name}: {'; '.join(problems)}")
        try:
            return _answered(tool, await _run(tool, context.lifespan_context, arguments))
        except Refusal as refusal:
            return _refused(str(refusal))

    return Server(
        name,
        version=VERSION,
        instructions=instructions,
        lifespan=lifespan,
        get_tool_input_schema=lambda wanted: tools[wanted].input_schema if wanted in tools else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        **beside,
    )


async def _run(tool: Tool, db: sqlite3.Connection, arguments: dict[str, Any]) -> Answer:
    """Only a read may wait: a change runs in one transaction, and no other call may slip into it."""
    if tool.effect is Effect.READ:
        answer = tool.run(db, arguments)
        return await answer if inspect.isawaitable(answer) else answer
    with database.transaction(db):
        answer = tool.run(db, arguments)
        if inspect.isawaitable(answer):
            raise TypeError(f"{tool.name} changes data and must not wait")
        return answer


def _answered(tool: Tool, answer: Answer) -> types.CallToolResult:
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=None if tool.answer is None else answer
    )


def _refused(sentence: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=sentence)], is_error=True)
