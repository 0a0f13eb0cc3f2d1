"""The explicit key: one syntax, three places, one answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.refusal import Reason, Refused
from gateway.wire.idempotency import idempotency_key

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


@pytest.mark.parametrize(
    ("header", "meta", "alias", "agreed"),
    [
        (None, None, None, (None, None)),
        ("abc-1", None, None, ("abc-1", "header")),
        ('"abc-1"', None, None, ("abc-1", "header")),
        ('"a\\"b\\\\c"', None, None, ('a"b\\c', "header")),
        (" abc ", None, None, ("abc", "header")),
        (None, "abc", None, ("abc", "meta")),
        (None, None, "abc", ("abc", "meta")),
        (None, "abc", "abc", ("abc", "meta")),
        ('"abc"', "abc", "abc", ("abc", "header")),
        (None, '"abc"', None, ('"abc"', "meta")),
    ],
)
def test_a_key_is_found_in_each_of_its_places(header: str, meta: str, alias: str, agreed: object) -> None:
    assert idempotency_key(header, meta, alias) == agreed


@pytest.mark.parametrize(
    ("header", "meta", "alias"),
    [
        ("", None, None),
        ('""', None, None),
        ('"abc', None, None),
        ('"a b"', None, None),
        ('"abc" ; x', None, None),
        ('"a\\b"', None, None),
        ("a b", None, None),
        ("k" * 256, None, None),
        ("schlüssel", None, None),
        ("abc\n", None, None),
        (None, 7, None),
        (None, "", None),
        (None, None, ["abc"]),
        (None, None, False),
        ("abc", "abd", None),
        (None, "abc", "abd"),
        ("abc", None, "abd"),
    ],
)
def test_a_key_that_is_malformed_or_contradicted_is_refused(header: str, meta: object, alias: object) -> None:
    with pytest.raises(Refused) as refused:
        idempotency_key(header, meta, alias)
    assert refused.value.refusal.reason is Reason.INVALID_PARAMS


@given(VISIBLE)
def test_the_quoted_form_says_the_same_as_meta(key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert idempotency_key(quoted, key, None) == (key, "header")
