"""The resources of the knowledge base: every published article, as Markdown, under a URI made from its number."""

import re
import sqlite3

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from examples.helpdesk.store import articles
from examples.helpdesk.store.rows import fetch_all

Context = ServerRequestContext[sqlite3.Connection]

TEMPLATE = types.ResourceTemplate(
    uri_template="kb://articles/{id}",
    name="article",
    description="A published article by its number.",
    mime_type="text/markdown",
)
_URI = re.compile(r"kb://articles/([1-9][0-9]{0,8})")


async def list_all(context: Context, _params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    published = fetch_all(context.lifespan_context, "SELECT id, title FROM articles WHERE published = 1 ORDER BY id")
    return types.ListResourcesResult(
        resources=[
            types.Resource(uri=f"kb://articles/{one['id']}", name=one["title"], mime_type="text/markdown")
            for one in published
        ]
    )


async def list_templates(
    _context: Context, _params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(resource_templates=[TEMPLATE])


async def read(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    """Raises MCPError for anything but a published article."""
    db, found = context.lifespan_context, _URI.fullmatch(params.uri)
    if found is None or not fetch_all(db, "SELECT 1 FROM articles WHERE id = ? AND published = 1", int(found[1])):
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": params.uri})
    text = articles.read(db, id_=int(found[1]))
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=params.uri, mime_type="text/markdown", text=text)]
    )
