"""The customer desk over Streamable HTTP: `python -m examples.helpdesk.http --db PATH --port 7001`."""

import argparse
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from examples.helpdesk import era, prompts, server
from examples.helpdesk.announce import AnnouncingServer
from examples.helpdesk.tools import customers, desk, mail, orders, refunds, tickets

PATH = "/mcp"
TABLE = (*tickets.TABLE, *customers.TABLE, *orders.TABLE, *refunds.TABLE, *mail.TABLE, *desk.TABLE)


async def _healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


def main() -> None:
    parser = argparse.ArgumentParser(description="The customer desk as an MCP server over Streamable HTTP.")
    parser.add_argument("--db", type=Path, required=True, help="the SQLite file; created and seeded if empty")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--era", choices=("both", "legacy", "modern"), default="both")
    options = parser.parse_args()

    desk_server = server.build(
        "helpdesk",
        "Tickets, customers, orders and refunds of the example shop.",
        TABLE,
        options.db,
        on_list_prompts=prompts.list_all,
        on_get_prompt=prompts.get,
    )
    app = desk_server.streamable_http_app(
        streamable_http_path=PATH,
        host=options.host,
        custom_starlette_routes=[Route("/healthz", _healthz)],
    )
    config = uvicorn.Config(
        era.only(options.era, app, PATH),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    AnnouncingServer(config, PATH).run()


if __name__ == "__main__":
    main()
