"""All pages of a server's lists, bounded: a server that pages forever or in circles ends here.

Lives only here: the cursor loop and its limits. Must not know how a page is fetched. Called by both kinds of upstream.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, assert_never

from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.tool import Beside
from gateway.ports import UpstreamFault
from gateway.wire.headers import invalid_x_mcp_header
from gateway.wire.strict_json import dump

MAX_PAGES = 100
MAX_ENTRIES = 10_000
MAX_BYTES = 32 * 1024 * 1024
"""Of all pages together, as JSON: a page may be as large as any answer, and they are kept until the last has come."""
_log = logging.getLogger("sallyport.upstream")

_BESIDE: Final = (
    ("prompts/list", "prompts", "prompts", "name"),
    ("resources/list", "resources", "resources", "uri"),
    ("resources/templates/list", "resources", "resourceTemplates", "uriTemplate"),
)
"""Method, the capability that promises it, the member that holds the entries, the member that names one."""

FetchPage = Callable[[Mapping[str, Any]], Awaitable[Carried]]


async def all_tools(upstream: str, fetch: FetchPage) -> list[Mapping[str, Any]]:
    """Every definition, raw, in the server's order, without those whose `x-mcp-header` breaks the rules.

    Clients must drop those (MCP 2026-07-28, custom headers); what has no name is dropped as well, so that it hides none of
    the others. Raises UpstreamFault.
    """
    return await _all(_List(upstream, "tools/list", "tools", "tools", _unusable_tool), fetch)


async def all_beside(
    upstream: str, capabilities: Mapping[str, Any], fetch: Callable[[str, Mapping[str, Any]], Awaitable[Carried]]
) -> Beside:
    """Prompts, resources and templates of a server that says it has them; `fetch` takes a method and its members.

    A server may have resources and know no templates. Raises UpstreamFault.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for method, capability, key, name in _BESIDE:
        if isinstance(capabilities.get(capability), Mapping):
            wanted = _List(upstream, method, key, capability, partial(_nameless, name))
            missing_is_none = method == "resources/templates/list"
            found[key] = await _all(wanted, partial(fetch, method), missing_is_none=missing_is_none)
    return Beside(
        prompts=found.get("prompts", ()),
        resources=found.get("resources", ()),
        templates=found.get("resourceTemplates", ()),
    )


async def _all(wanted: "_List", fetch: FetchPage, *, missing_is_none: bool = False) -> list[Mapping[str, Any]]:
    upstream, what = wanted.upstream, wanted.what
    entries: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    members: Mapping[str, Any] = {}
    size = 0
    for _ in range(MAX_PAGES):
        outcome = await fetch(members)
        if missing_is_none and not seen and _is_missing(outcome):
            return []
        page = _page(wanted, outcome)
        size += len(dump(page))
        if size > MAX_BYTES:
            raise UpstreamFault(f"Upstream {upstream} lists more than {MAX_BYTES} bytes of {what}.")
        entries += _entries(wanted, page)
        if len(entries) > MAX_ENTRIES:
            raise UpstreamFault(f"Upstream {upstream} lists more than {MAX_ENTRIES} {what}.")
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str):
            return entries
        if cursor in seen:
            raise UpstreamFault(f"Upstream {upstream} lists its {what} in circles: a cursor came back.")
        seen.add(cursor)
        members = {"cursor": cursor}
    raise UpstreamFault(f"Upstream {upstream} lists its {what} on more than {MAX_PAGES} pages.")


@dataclass(frozen=True, slots=True)
class _List:
    """One of a server's lists."""

    upstream: str
    method: str
    key: str
    """The member of the result that holds the entries."""
    what: str
    fault: Callable[[Any], str | None]
    """Why an entry cannot be used, or None."""


def _is_missing(outcome: Carried) -> bool:
    """Whether the server does not know the method: all that a call for it can be turned away with for good."""
    return isinstance(outcome, Unsent) and outcome.cause == "never"


def _page(wanted: _List, outcome: Carried) -> Mapping[str, Any]:
    match outcome:
        case Answered(result):
            return result
        case AnsweredError(code):
            raise UpstreamFault(f"Upstream {wanted.upstream} answered {wanted.method} with error {code}.")
        case Unsent(why) | Lost(why):
            raise UpstreamFault(f"Upstream {wanted.upstream} did not list its {wanted.what}: {why}.")
        case _:
            assert_never(outcome)


def _entries(wanted: _List, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = page.get(wanted.key)
    if not isinstance(entries, list):
        raise UpstreamFault(f"Upstream {wanted.upstream} answered {wanted.method} without a list of {wanted.what}.")
    kept: list[Mapping[str, Any]] = []
    for entry in entries:
        if (fault := wanted.fault(entry)) is None:
            kept.append(entry)
        else:
            _log.warning("upstream %s: one of its %s is dropped, %s", wanted.upstream, wanted.what, fault)
    return kept


def _unusable_tool(entry: Any) -> str | None:
    return _nameless("name", entry) or invalid_x_mcp_header(entry.get("inputSchema"))


def _nameless(name: str, entry: Any) -> str | None:
    return None if isinstance(entry, dict) and isinstance(entry.get(name), str) else f"it has no {name}"
