"""What small changes of arguments do not hide, and what a result says once its clock is taken away."""

import json
from typing import Any

import pytest

from gateway.ledger.loop_shapes import brought, core

Json = dict[str, Any]


def same_call(one: Json, other: Json, *, changes: bool = True, volatile: tuple[str, ...] = ()) -> bool:
    return core("t", one, volatile, changes=changes) == core("t", other, volatile, changes=changes)


def same_answer(one: Json, other: Json, *, changes: bool) -> bool:
    return brought(one, changes=changes) == brought(other, changes=changes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"q": "reset password"}, {"q": " Reset  PASSWORD. "}),
        ({"q": "x", "attempt": 1}, {"q": "x", "attempt": 2}),
        ({"q": "x", "retry_count": 1}, {"q": "x"}),
        ({"q": "x", "ts": 1_790_000_000}, {"q": "x", "ts": 1_790_000_001}),
        ({"q": "x", "meta": {"requestTimestamp": 1}}, {"q": "x", "meta": {"requestTimestamp": 2}}),
        ({"q": "up at 2026-01-01T10:00:00Z?"}, {"q": "up at 2026-01-01T10:00:07Z?"}),
    ],
)
def test_a_counter_a_moment_and_typing_make_no_other_call(one: Json, other: Json) -> None:
    assert same_call(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"id": 1}, {"id": 2}),
        ({"order": "T-101"}, {"order": "T-102"}),
        ({"path": "/a/b"}, {"path": "/a/c"}),
        ({"day": "2026-01-01"}, {"day": "2026-01-02"}),
        ({"at": "2026-01-01T10:00:00Z"}, {"at": "2026-01-01T11:00:00Z"}),
        ({"amount": 10}, {"amount": 11}),
        ({"text": "a" * 5_000 + "b"}, {"text": "a" * 5_000 + "c"}),
        ({"rows": [1, 2]}, {"rows": [1, 3]}),
    ],
)
def test_another_object_another_amount_and_another_text_do(one: Json, other: Json) -> None:
    assert not same_call(one, other)


def test_a_page_is_a_small_change_of_a_read_and_what_a_write_is_about() -> None:
    assert same_call({"page": 1}, {"page": 2}, changes=False)
    assert same_call({"q": "x", "page_token": "a"}, {"q": "x"}, changes=False)
    assert not same_call({"offset": 0}, {"offset": 4096}, changes=True)


def test_what_the_operator_declared_volatile_makes_no_other_call() -> None:
    assert same_call({"to": "bob", "greeting": "hi"}, {"to": "bob", "greeting": "hello"}, volatile=("greeting",))
    assert not same_call({"to": "bob", "greeting": "hi"}, {"to": "eve", "greeting": "hi"}, volatile=("greeting",))


@pytest.mark.parametrize(
    ("one", "other", "changes"),
    [
        ({"ok": True, "id": 1}, {"ok": True, "id": 2}, True),
        ({"ok": True, "total": 1}, {"ok": True, "total": 2}, True),
        ({"note": "sent as msg-1"}, {"note": "sent as msg-2"}, True),
        ({"state": "up", "fetched_at": 1}, {"state": "up", "fetched_at": 2}, False),
        ({"state": "up", "took_ms": 11}, {"state": "up", "took_ms": 12}, False),
        ({"items": [], "page": 3}, {"items": [], "page": 4}, False),
        ({"hits": [], "req": "8f3a2b"}, {"hits": [], "req": "77c0de"}, False),
        ({"hits": [], "X-Request-ID": "a"}, {"hits": [], "X-Request-ID": "b"}, False),
        ({"ok": True, "said": "sent as 8f3a2b"}, {"ok": True, "said": "sent as 77c0de"}, True),
        ({"rows": [{"id": 1, "updatedAt": "2026-01-01T10:00:00Z"}]}, {"rows": [{"id": 1, "updatedAt": "x"}]}, False),
    ],
)
def test_what_moves_by_itself_is_no_progress(one: Json, other: Json, changes: bool) -> None:
    assert same_answer({"structuredContent": one}, {"structuredContent": other}, changes=changes)
    as_text = [{"content": [{"type": "text", "text": json.dumps(value)}]} for value in (one, other)]
    assert same_answer(as_text[0], as_text[1], changes=changes)


@pytest.mark.parametrize(
    ("one", "other", "changes"),
    [
        ({"items": [{"id": 1}]}, {"items": [{"id": 2}]}, False),
        ({"state": "running", "percent": 10}, {"state": "running", "percent": 20}, False),
        ({"page": "about cats"}, {"page": "about dogs"}, False),
        ({"revision": 7}, {"revision": 8}, False),
        ({"head": "5" * 20 + "a" * 20}, {"head": "6" * 20 + "a" * 20}, False),
        ({"requests": ["req_8f3a2b"]}, {"requests": ["req_77c0de"]}, False),
        ({"rows": [{"req": "8f3a2b"}]}, {"rows": [{"req": "77c0de"}]}, False),
        ({"request": "refund T-1"}, {"request": "refund T-2"}, False),
        ({"order": "AB12CD34"}, {"order": "XY56ZW78"}, True),
        ({"job": "invoice.pdf"}, {"job": "offer.pdf"}, True),
        ({"ok": True}, {"ok": False}, True),
        ({"ok": None}, {"ok": "x"}, True),
    ],
)
def test_other_rows_other_words_and_other_counts_of_a_read_are(one: Json, other: Json, changes: bool) -> None:
    assert not same_answer({"structuredContent": one}, {"structuredContent": other}, changes=changes)


def test_what_is_no_json_is_read_as_text_and_what_is_deep_or_long_is_cut() -> None:
    broken = {"content": [{"type": "text", "text": "{no json 17:00:01"}]}
    later = {"content": [{"type": "text", "text": "{no json 17:00:02"}]}
    assert same_answer(broken, later, changes=False)
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    assert brought({"structuredContent": {"deep": deep}}, changes=False)
    assert core("t", {"deep": deep}, (), changes=True)
    assert brought({"content": [{"type": "text", "text": "[" * 60_000}]}, changes=False)
    assert brought({}, changes=True) == brought({"_meta": {"a": 1}}, changes=True)
