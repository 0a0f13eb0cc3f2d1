"""One request of an identified caller, and the piece of road both eras walk.

Lives only here: the facts that exist once the door, identity and the parse have passed, and how a walked call or list
ends. Must not know HTTP statuses or what a method is called. Made by `plane`, used by the conversations.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from gateway.listener.asking import trace_of
from gateway.listener.caller import Caller, NeverMind
from gateway.listener.head import Head
from gateway.listener.limits import Slot
from gateway.listener.outlet import Outlet
from gateway.listener.render import Voice
from gateway.model.call import Asked, Method, Reply, ReplyError
from gateway.model.principal import Principal
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.model.tool import BesideKind
from gateway.ports import Record, Road

T = TypeVar("T")
PAGE: Final = 1_000
"""Entries on one page of a list."""
Listed = Literal["tools"] | BesideKind
LISTS: Final[Mapping[str, Listed]] = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "templates",
}
WALKS: Final[Mapping[str, Method]] = {
    "tools/call": "tools/call",
    "prompts/get": "prompts/get",
    "resources/read": "resources/read",
    "completion/complete": "completion/complete",
}
"""Methods that walk the road."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known when a conversation begins."""

    record: Record
    principal: Principal
    head: Head
    caller: Caller
    voice: Voice
    outlet: Outlet
    slot: Slot


def passed(rung: Refusal | None) -> None:
    """Ends the visit where a rung failed. Raises Refused."""
    if rung is not None:
        raise Refused.of(rung)


async def walk(road: Road, visit: Visit, asked: Asked) -> Reply | ReplyError | Refusal:
    """Walks a call to its end. The road has sealed the record, so nothing is raised that would seal it again."""
    walked = road.call(visit.record, visit.principal, asked)
    try:
        return await waited(visit, walked, leaving_cancels=asked.era == "modern")
    except Refused as refused:
        return refused.refusal


async def waited(visit: Visit, work: Awaitable[T], *, leaving_cancels: bool) -> T | Refusal:
    """Waits for `work` while the caller does; the refusal says why it was given up before its end."""
    try:
        return await visit.caller.walk(work, leaving_cancels=leaving_cancels)
    except NeverMind:
        # What had departed goes on to its record, so nobody here can say that it was not carried out.
        return Refusal(Reason.CANCELLED, "The call was cancelled by its caller.", executed="unknown")
    except asyncio.CancelledError:
        # Only a server whose patience with a stop is over cancels from outside, and the caller still waits for a word.
        return Refusal(Reason.OUTCOME_UNKNOWN, "The gateway was stopped before the answer came.")


async def listed(
    road: Road, visit: Visit, params: Mapping[str, Any], kind: Listed
) -> Sequence[Mapping[str, Any]] | Refusal:
    """What the principal sees of a kind. The road has sealed the record."""
    meta = params.get("_meta")
    visit.record.note(trace=trace_of(meta if isinstance(meta, dict) else {}, visit.head).noted)
    try:
        if kind == "tools":
            return await road.list_tools(visit.record, visit.principal)
        return await road.list_beside(visit.record, visit.principal, kind)
    except Refused as refused:
        return refused.refusal


def first_of_page(params: Mapping[str, Any]) -> int:
    """Where a page begins, from the cursor. Raises Refused: invalid-params."""
    cursor = params.get("cursor")
    if cursor is None:
        return 0
    if not isinstance(cursor, str) or not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 9:
        raise Refused(Reason.INVALID_PARAMS, "params.cursor is none of this server's.")
    first = int(cursor)
    if first % PAGE or cursor != str(first):
        raise Refused(Reason.INVALID_PARAMS, "params.cursor is none of this server's.")
    return first


def page(kind: Listed, entries: Sequence[Mapping[str, Any]], first: int) -> dict[str, Any]:
    """The members of a list result: the entries under their name, and `nextCursor`."""
    member = "resourceTemplates" if kind == "templates" else kind
    shown: dict[str, Any] = {member: list(entries[first : first + PAGE])}
    if first + PAGE < len(entries):
        shown["nextCursor"] = str(first + PAGE)
    return shown
