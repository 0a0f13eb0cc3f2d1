"""A question about the records, from words to a filter: the same for the operator's API and the command line.

Lives only here: names of parameters (those of `record.schema.json`, and since, until, order, limit, cursor), their
checks and the words of a wrong one. Must not know HTTP, SQL or files. A parameter it does not know is refused: a filter
that is misspelt must not answer with everything.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.audit import record
from gateway.model.audit import DEFAULT_LIMIT, FILTERS, MAX_LIMIT, AuditFilter, Cursor, stamp

PARAMETERS: Final = (*FILTERS, "since", "until", "order", "limit", "cursor")
_AGO = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadQuery(ValueError):
    """A question that cannot be asked; the text says which parameter and what it may be."""


def parse(parameters: Mapping[str, str], now: float) -> AuditFilter:
    """Raises BadQuery. `since` and `until` are RFC 3339 moments, or how long ago: 90s, 15m, 2h, 1d."""
    unknown = sorted(parameters.keys() - set(PARAMETERS))
    if unknown:
        raise BadQuery(f"{unknown[0]}: no such parameter; known are {', '.join(PARAMETERS)}")
    return AuditFilter(
        since=_moment("since", parameters, now),
        until=_moment("until", parameters, now),
        equals={name: _value(name, parameters[name]) for name in FILTERS if name in parameters},
        newest_first=_newest_first(parameters.get("order", "newest")),
        limit=_limit(parameters.get("limit")),
        after=_cursor(parameters.get("cursor")),
    )


def _value(name: str, value: str) -> str:
    known = record.SCHEMA["properties"][name].get("enum")
    if known is not None and value not in known:
        raise BadQuery(f"{name}: one of {', '.join(known)}")
    return value


def _moment(name: str, parameters: Mapping[str, str], now: float) -> str | None:
    text = parameters.get(name)
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return stamp(max(0.0, now - int(ago[1]) * _SECONDS[ago[2]]))
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return stamp(moment.timestamp())
    except (ValueError, OverflowError):
        raise BadQuery(f"{name}: a moment such as 2026-01-31T12:00:00Z, or how long ago, such as 15m") from None


def _newest_first(order: str) -> bool:
    if order not in {"newest", "oldest"}:
        raise BadQuery("order: newest or oldest")
    return order == "newest"


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise BadQuery(f"limit: a number from 1 to {MAX_LIMIT}")
    return int(text)


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        return Cursor.read(text)
    except ValueError as error:
        raise BadQuery(f"cursor: {error}") from None
