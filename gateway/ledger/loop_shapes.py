"""What two calls have in common when an agent varies them a little, and two answers when only their clock moved on.

Lives only here: which parts of arguments and results say nothing. Pure functions from JSON to a number that is equal
where the rest is equal, within this process; they look at a bounded part of what they are given. Must not know rules.
Called by loops.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from gateway.ledger.loop_noise import is_moment, names_request, without_moments, without_noise

_JITTER: Final = re.compile(
    r"(?:^|[_-])(?:attempts?|retry|retries|tries|nonce|ts|timestamp|now|request[_-]?id|trace[_-]?id|correlation[_-]?id)$"
    r"|^retry[_-]?count$|^client[_-]?token$|[a-z](?:Timestamp|Attempt|Nonce|RequestId|TraceId|CorrelationId)$",
)
"""Arguments that change with every call and mean nothing."""
_PLACE: Final = re.compile(
    r"(?:^|[_-])(?:page|offset|cursor|skip|limit|seq|sequence|counter|iteration|index|marker|continuation)$"
    r"|^(?:next[_-]?)?(?:page|cursor)[_-]?(?:token|no|number|size)?$|^(?:per[_-]?page|start[_-]?(?:at|index))$"
    r"|[a-z](?:Page|Offset|Cursor|Token)$"
)
"""Arguments that say where to go on; in a call that changes something they name what is changed."""
_CLOCK: Final = re.compile(
    r"(?:^|[_-])(?:at|ts|time|timestamp|now|elapsed|took|duration|latency|uptime|nonce|etag|calls|attempts?)"
    r"(?:[_-](?:ms|us|ns|s))?$|[a-z](?:At|Time|Timestamp|Ms)$|(?i:(?:req|request|trace|span|correlation|call)[_-]?id)$"
    r"|^(?:next|cursor)$|^next[A-Z_-]\w*$"
)
"""Members of results that move by themselves."""
_ID: Final = re.compile(r"(?:^|[_-])(?:id|uuid|guid|token|ref|reference|number|no)$|[a-z](?:Id|Uuid|Guid)$")
"""Members of results that name what was made; in a list they are what was asked for."""

_VERSION: Final = re.compile(
    r"(?:^|[_-])(?:version|revision|sha\d*|hash|digest|checksum|commit|head)$|[a-z](?:Version|Hash|Sha)$"
)
"""Members of results that move when something else did, however much they look like an id."""
_READ_CHARS: Final = 4_096
_READ_ITEMS: Final = 200
_READ_JSON: Final = 65_536
_DEPTH: Final = 16
_NAMES: Final = 1_024
_TEXTS: Final = 256
_ENDS: Final = -64
"""So many characters of a name are looked at, its last ones; a cache keeps some."""


def core(tool: str, arguments: Mapping[str, Any], volatile: Collection[str], *, changes: bool) -> int:
    """A call without what varies by itself in its arguments: texts without case, spacing and final dots.

    `changes`: the call changes something, so that a page or an index in it is part of what it does.
    """
    said = {name: value for name, value in arguments.items() if name not in volatile} if volatile else arguments
    return hash((tool, _core(said, _nonce if changes else _nonce_or_place, 0)))


def brought(result: Mapping[str, Any], *, changes: bool) -> int:
    """A result without what moves by itself; of a call that changes something also without ids and counts."""
    if (structured := result.get("structuredContent")) is not None:
        return hash(_masked(structured, 0, counts=not changes))
    blocks = result.get("content")
    if isinstance(blocks, list):
        return hash(tuple(_block(block, counts=not changes) for block in blocks[:_READ_ITEMS]))
    return hash(_masked({name: value for name, value in result.items() if name != "_meta"}, 0, counts=not changes))


def _core(value: Any, idle: Callable[[str], bool], depth: int) -> Any:
    """`idle`: whether a member of that name says nothing."""
    match value:
        case str():
            return _worded(value)
        case Mapping() if depth < _DEPTH:
            return frozenset(
                [(name, _core(one, idle, depth + 1)) for name, one in value.items() if not idle(name[_ENDS:])]
            )
        case list() if depth < _DEPTH:
            return tuple([_core(item, idle, depth + 1) for item in value[:_READ_ITEMS]]), len(value)
        case list() | Mapping():
            return len(value)
        case _:
            return value


def _worded(text: str) -> Any:
    """A text that is nothing but a moment says what the call is about; in other words it says when."""
    read = text[:_READ_CHARS]
    if not is_moment(read):
        read = without_moments(read)
    return " ".join(read.casefold().split()).strip(" .!?…"), hash(text[_READ_CHARS:])


def _block(block: Any, *, counts: bool) -> Any:
    if not isinstance(block, Mapping) or not isinstance(text := block.get("text"), str):
        return _masked(block, 0, counts=counts)
    if text[:1] in {"{", "["} and len(text) <= _READ_JSON:
        try:
            return _masked(json.loads(text), 0, counts=counts)
        except (ValueError, RecursionError):
            pass
    return _text(text, counts=counts)


def _masked(value: Any, depth: int, *, counts: bool, listed: bool = False) -> Any:
    """`counts`: whether numbers say something. `listed`: within a list, where ids do."""
    match value:
        case bool():
            return value
        case int() | float() | None:
            return value if counts or listed else None
        case str():
            return _text(value, counts=counts, listed=listed)
        case Mapping() if depth < _DEPTH:
            kept = [(name, one) for name, one in value.items() if not _idle(name[_ENDS:], one, listed=listed)]
            return frozenset(
                [(name, _member(name[_ENDS:], one, depth + 1, counts=counts, listed=listed)) for name, one in kept]
            )
        case list() if depth < _DEPTH:
            items = value[:_READ_ITEMS]
            return tuple([_masked(item, depth + 1, counts=counts, listed=True) for item in items]), len(value)
        case _:
            return len(value)


def _idle(name: str, value: Any, *, listed: bool) -> bool:
    if _clock(name) if listed else _clock_or_id(name):
        return True
    if type(value) is int:
        return _nonce_or_place(name)
    return not listed and type(value) is str and names_request(name, value)


def _member(name: str, value: Any, depth: int, *, counts: bool, listed: bool) -> Any:
    if counts and type(value) is str and _version(name):
        return value
    return _masked(value, depth, counts=counts, listed=listed)


@lru_cache(_NAMES)
def _nonce(name: str) -> bool:
    return _JITTER.search(name) is not None


@lru_cache(_NAMES)
def _nonce_or_place(name: str) -> bool:
    return _nonce(name) or _PLACE.search(name) is not None


@lru_cache(_NAMES)
def _clock(name: str) -> bool:
    return _CLOCK.search(name) is not None


@lru_cache(_NAMES)
def _clock_or_id(name: str) -> bool:
    return _clock(name) or _ID.search(name) is not None


@lru_cache(_NAMES)
def _version(name: str) -> bool:
    return _VERSION.search(name) is not None


def _text(text: str, *, counts: bool, listed: bool = False) -> Any:
    read = _read(text[:_READ_CHARS], counts=counts, listed=listed)
    return read if len(text) <= _READ_CHARS else (read, hash(text[_READ_CHARS:]))


@lru_cache(_TEXTS)
def _read(text: str, *, counts: bool, listed: bool) -> str:
    """Kept, for what is looked at again is mostly what was there before."""
    return without_moments(text) if listed else without_noise(text, counts=counts)
