"""The globs of rows: `upstream/tool`, `upstream/prompt`, `upstream/<URI>`; what they match is `config.globs`.

Lives only here: which globs are safe to write, and the functions of the shipped matcher (`tool_match`, `agent_match`,
`tenant_match`). Casbin's keyMatch is not used anywhere: it cuts at the first `*`, so `pay/*/refund` would match
`pay/x/delete`. Called by the row loader, the index, and Casbin itself.
"""

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.globs import matches, misplaced

EVERY: Final = "*"
MAX_STARS: Final = 2
"""In one segment: what more of them match, nobody reads out of them."""
_UPSTREAM = re.compile(r"[a-z*][a-z0-9*-]*")
_SEGMENT = re.compile(r"[\w.:@~=%*-]+")
_SCHEME = re.compile(r"[A-Za-z*][A-Za-z0-9+.*-]*:")
_URI = re.compile(r"[\w.:@~=%*+&;!$'(){}-]*")
"""Of a URI or a template of one; not ? [ ] and the comma, which elsewhere stand for something else than themselves."""


def unsafe(glob: str) -> tuple[str, str] | None:
    """What is wrong with a tool glob and what to write instead; None for a good one."""
    return next(_faults(glob), None)


def _faults(glob: str) -> Iterator[tuple[str, str]]:
    upstream, *rest = glob.split("/")
    if not rest:
        yield f"tool {glob!r} names no upstream", "write upstream/tool, such as helpdesk/ticket_get or helpdesk/*"
    if misplaced(glob):
        yield f"tool glob {glob!r} has ** before its end", "* never crosses a /: write one * for each segment, ** last"
    if ".*" in glob:
        yield f"tool glob {glob!r} looks like a regular expression", "write * alone for any characters in a segment"
    if not _UPSTREAM.fullmatch(upstream):
        yield f"upstream {upstream!r} can not exist", "upstream ids are lower-case letters, digits and -"
    uri = len(rest) > 1 and _SCHEME.fullmatch(rest[0])
    if not all((_URI if uri else _SEGMENT).fullmatch(segment) for segment in rest):
        yield (
            f"tool glob {glob!r} has an empty segment or a character that is no part of a tool name",
            "write letters, digits, _ - . : @ and *; other wildcards do not exist here",
        )
    if any(segment.count(EVERY) > MAX_STARS for segment in (upstream, *rest)):
        yield f"tool glob {glob!r} has a segment with more than two *", "write several rows, or a shorter glob"


def tool_match(tool: str, pattern: str) -> bool:
    """The matcher's `toolMatch(r.tool, p.tool)`."""
    return matches(pattern, tool)


def agent_match(agent: str, column: str) -> bool:
    """The matcher's `agentMatch(r.agent, p.agent)`: the exact id, or `*`."""
    return column in (EVERY, agent)


def tenant_match(tenant: str, column: str) -> bool:
    """The matcher's `tenantMatch(r.tenant, p.tenant)`: the exact tenant, or `*`."""
    return column in (EVERY, tenant)
