"""All pages of `tools/list`, bounded: a server that pages forever or in circles ends here.

Lives only here: the cursor loop and its limits. Must not know how a page is fetched. Called by both kinds of upstream.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, assert_never

from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.ports import UpstreamFault
from gateway.wire.headers import invalid_x_mcp_header
from gateway.wire.strict_json import dump

MAX_PAGES = 100
MAX_TOOLS = 10_000
MAX_BYTES = 32 * 1024 * 1024
"""Of all pages together, as JSON: a page may be as large as any answer, and they are kept until the last has come."""
_log = logging.getLogger("sallyport.upstream")

FetchPage = Callable[[Mapping[str, Any]], Awaitable[Carried]]


async def all_tools(upstream: str, fetch: FetchPage) -> list[Mapping[str, Any]]:
    """Every definition, raw, in the server's order, without those whose `x-mcp-header` breaks the rules.

    Clients must drop those (MCP 2026-07-28, custom headers); what has no name is dropped as well, so that it hides none of
    the others. Raises UpstreamFault.
    """
    tools: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    members: Mapping[str, Any] = {}
    size = 0
    for _ in range(MAX_PAGES):
        page = _page(upstream, await fetch(members))
        size += len(dump(page))
        if size > MAX_BYTES:
            raise UpstreamFault(f"Upstream {upstream} lists more than {MAX_BYTES} bytes of tools.")
        tools += _entries(upstream, page)
        if len(tools) > MAX_TOOLS:
            raise UpstreamFault(f"Upstream {upstream} lists more than {MAX_TOOLS} tools.")
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str):
            return tools
        if cursor in seen:
            raise UpstreamFault(f"Upstream {upstream} lists its tools in circles: a cursor came back.")
        seen.add(cursor)
        members = {"cursor": cursor}
    raise UpstreamFault(f"Upstream {upstream} lists its tools on more than {MAX_PAGES} pages.")


def _page(upstream: str, outcome: Carried) -> Mapping[str, Any]:
    match outcome:
        case Answered(result):
            return result
        case AnsweredError(code):
            raise UpstreamFault(f"Upstream {upstream} answered tools/list with error {code}.")
        case Unsent(why) | Lost(why):
            raise UpstreamFault(f"Upstream {upstream} did not list its tools: {why}.")
        case _:
            assert_never(outcome)


def _entries(upstream: str, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = page.get("tools")
    if not isinstance(entries, list):
        raise UpstreamFault(f"Upstream {upstream} answered tools/list without a list of tools.")
    kept: list[Mapping[str, Any]] = []
    for entry in entries:
        if (fault := _unusable(entry)) is None:
            kept.append(entry)
        else:
            _log.warning("upstream %s: a tool is dropped, %s", upstream, fault)
    return kept


def _unusable(entry: Any) -> str | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return "it has no name"
    return invalid_x_mcp_header(entry.get("inputSchema"))
