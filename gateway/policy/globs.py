"""Tool globs: `upstream/tool` by segments, `*` for any run of characters inside one segment, never across a `/`.

Lives only here: which globs are safe to write and what they match. Casbin's keyMatch is not used anywhere: it cuts at
the first `*`, so `pay/*/refund` would match `pay/x/delete`. Called by the row loader, the index, and Casbin itself
(`tool_match`, `agent_match`, `tenant_match` are the functions of the shipped matcher).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

EVERY: Final = "*"
MAX_STARS: Final = 2
"""In one segment: each further star costs another power of the name's length, and names come from upstreams."""
_UPSTREAM = re.compile(r"[a-z*][a-z0-9*-]*")
_SEGMENT = re.compile(r"[\w.:@~=%*-]+")


def unsafe(glob: str) -> tuple[str, str] | None:
    """What is wrong with a tool glob and what to write instead; None for a good one."""
    return next(_faults(glob), None)


def _faults(glob: str) -> Iterator[tuple[str, str]]:
    upstream, *rest = glob.split("/")
    if not rest:
        yield f"tool {glob!r} names no upstream", "write upstream/tool, such as helpdesk/ticket_get or helpdesk/*"
    if "**" in glob:
        yield f"tool glob {glob!r} has **", "* never crosses a /: write one * for each segment"
    if ".*" in glob:
        yield f"tool glob {glob!r} looks like a regular expression", "write * alone for any characters in a segment"
    if not _UPSTREAM.fullmatch(upstream):
        yield f"upstream {upstream!r} can not exist", "upstream ids are lower-case letters, digits and -"
    if not all(_SEGMENT.fullmatch(segment) for segment in rest):
        yield (
            f"tool glob {glob!r} has an empty segment or a character that is no part of a tool name",
            "write letters, digits, _ - . : @ and *; other wildcards do not exist here",
        )
    if any(segment.count(EVERY) > MAX_STARS for segment in (upstream, *rest)):
        yield f"tool glob {glob!r} has a segment with more than two *", "write several rows, or a shorter glob"


@lru_cache(maxsize=4096)
def compiled(glob: str) -> re.Pattern[str]:
    """The pattern to `fullmatch` a canonical tool id with."""
    return re.compile(re.escape(glob).replace(r"\*", "[^/]*"))


def tool_match(tool: str, glob: str) -> bool:
    """The matcher's `toolMatch(r.tool, p.tool)`."""
    return tool == glob or (EVERY in glob and compiled(glob).fullmatch(tool) is not None)


def agent_match(agent: str, column: str) -> bool:
    """The matcher's `agentMatch(r.agent, p.agent)`: the exact id, or `*`."""
    return column in (EVERY, agent)


def tenant_match(tenant: str, column: str) -> bool:
    """The matcher's `tenantMatch(r.tenant, p.tenant)`: the exact tenant, or `*`."""
    return column in (EVERY, tenant)
