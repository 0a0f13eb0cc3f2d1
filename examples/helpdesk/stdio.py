"""The knowledge base over stdio: `python -m examples.helpdesk.stdio --db PATH`."""

import argparse
from pathlib import Path

import anyio
from mcp.server.stdio import stdio_server

from examples.helpdesk import resources, server
from examples.helpdesk.tools import articles, notes

TABLE = (*notes.TABLE, *articles.TABLE)


async def _serve(database_path: Path) -> None:
    knowledge = server.build(
        "knowledge",
        "Internal notes and articles of the example shop.",
        TABLE,
        database_path,
        on_list_resources=resources.list_all,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
    )
    async with stdio_server() as (read_stream, write_stream):
        await knowledge.run(read_stream, write_stream, knowledge.create_initialization_options())


def main() -> None:
    parser = argparse.ArgumentParser(description="The knowledge base as an MCP server over stdio.")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file; created and seeded if empty")
    anyio.run(_serve, parser.parse_args().db)


if __name__ == "__main__":
    main()
