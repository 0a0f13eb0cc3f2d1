"""From words to a filter; a wrong word is refused with the name of the parameter."""

import pytest

from gateway.audit.query import PARAMETERS, BadQuery, parse
from gateway.audit.record import FIELDS
from gateway.model.audit import AuditFilter, Cursor

NOW = 1_790_000_000.0


def test_nothing_asked_is_the_newest_hundred() -> None:
    assert parse({}, NOW) == AuditFilter(limit=100, newest_first=True)


def test_every_filter_is_a_field_of_the_schema() -> None:
    assert set(PARAMETERS) - {"since", "until", "order", "limit", "cursor"} <= FIELDS


def test_all_of_it() -> None:
    cursor = Cursor("2026-01-01T00:00:00.000000Z", "abc")
    asked = parse(
        {"since": "15m", "until": "2026-09-21T14:13:20Z", "agent": "bot", "outcome": "refused", "key": "ab" * 32,
         "order": "oldest", "limit": "1000", "cursor": cursor.text()},
        NOW,
    )  # fmt: skip
    assert asked == AuditFilter(
        since="2026-09-21T13:58:20.000000Z",
        until="2026-09-21T14:13:20.000000Z",
        equals={"agent": "bot", "outcome": "refused", "key": "ab" * 32},
        newest_first=False,
        limit=1000,
        after=cursor,
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", "2026-09-21T14:11:50.000000Z"),
        ("2h", "2026-09-21T12:13:20.000000Z"),
        ("1d", "2026-09-20T14:13:20.000000Z"),
        ("2026-09-21", "2026-09-21T00:00:00.000000Z"),
        ("2026-09-21T10:00:00+02:00", "2026-09-21T08:00:00.000000Z"),
        ("999999d", "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_moments_are_told_in_many_ways_and_kept_in_one(text: str, moment: str) -> None:
    assert parse({"since": text}, NOW).since == moment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # a filter that is misspelt must not answer with everything
        ("agents", "bot"), ("executed", "no"), ("", ""),
        # closed sets
        ("outcome", "denied"), ("kind", "calls"), ("decision", "maybe"), ("order", "newest-first"),
        # numbers and moments
        ("limit", "0"), ("limit", "1001"), ("limit", "-1"), ("limit", "٣"), ("limit", ""), ("since", "yesterday"),
        ("until", "15"), ("since", "9999999d"), ("since", "0001-01-01T00:00:00+20:00"),
        # cursors are ours alone
        ("cursor", ""), ("cursor", "rubbish"), ("cursor", "WzFd"), ("cursor", "WyJhIl0"), ("cursor", "é"),
        ("cursor", "W" * 4001),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadQuery, match=name or "no such parameter"):
        parse({name: value}, NOW)
