"""The prompt of the customer desk: what to say to a model that is to answer a ticket."""

import sqlite3

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from examples.helpdesk.store import tickets
from examples.helpdesk.store.rows import Refusal

Context = ServerRequestContext[sqlite3.Connection]

DRAFT = types.Prompt(
    name="draft_reply",
    title="Draft a reply",
    description="Ask for a reply to a ticket, with all that was said in it.",
    arguments=[
        types.PromptArgument(name="ticket", description="Number of the ticket", required=True),
        types.PromptArgument(name="tone", description="Such as friendly or formal; default: friendly"),
    ],
)


async def list_all(_context: Context, _params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=[DRAFT])


async def get(context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """Raises MCPError for another prompt, and for a ticket that does not exist."""
    if params.name != DRAFT.name:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    given = params.arguments or {}
    ticket, tone = given.get("ticket", ""), given.get("tone", "friendly")
    if not ticket.isdecimal():
        raise MCPError(types.INVALID_PARAMS, "ticket is missing, or not a number")
    try:
        said = tickets.transcript(context.lifespan_context, id_=int(ticket))
    except Refusal as refusal:
        raise MCPError(types.INVALID_PARAMS, str(refusal)) from None
    words = f"Write a {tone} reply to the customer. Promise nothing that our articles do not say.\n\n{said}"
    return types.GetPromptResult(
        description=f"A {tone} reply to ticket {ticket}",
        messages=[types.PromptMessage(role="user", content=types.TextContent(text=words))],
    )
