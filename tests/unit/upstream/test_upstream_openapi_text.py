"""The bytes of a document: JSON and the YAML that is JSON, within limits, and never a crash."""

import contextlib
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_kit import PETS

from gateway.upstream.openapi_text import BadDocument, value_of

_BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 8)}]\n" for level in range(1, 12)
)


def test_the_same_document_in_json_and_in_yaml_is_the_same() -> None:
    assert value_of(json.dumps(PETS).encode()) == PETS
    assert value_of(b"\xef\xbb\xbf" + json.dumps(PETS).encode()) == PETS
    assert value_of(yaml.safe_dump(PETS).encode()) == PETS


def test_yaml_is_read_as_1_2_with_keys_as_text_and_aliases_as_what_they_stand_for() -> None:
    text = b"""
# a comment
openapi: 3.0.1
responses: {200: &ok {no: off, at: 2024-01-01, n: 1.5, i: -7, t: true, z: ~, q: "1", empty: }, 404: *ok}
list:
- *ok
"""
    ok = {"no": "off", "at": "2024-01-01", "n": 1.5, "i": -7, "t": True, "z": None, "q": "1", "empty": None}
    assert value_of(text) == {"openapi": "3.0.1", "responses": {"200": ok, "404": ok}, "list": [ok]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("a: [", "it is not YAML at line"),
        ("a: b: c", "it is not YAML at line 1"),
        ("a: \x01", "it is not YAML"),
        ("a: !!python/object/apply:os.system [x]", "a YAML tag at line 1"),
        ("a: !!timestamp 2024-01-01", "a YAML tag at line 1"),
        ("a: 1\na: 2", "the same key twice"),
        ("? [1]\n: 2", "a key that is no text"),
        ("&x a: 1\n*x : 2", "a YAML alias"),
        ("a: &x [*x]", "a YAML alias"),
        ("b: &b {c: 1}\na: {<<: *b}", "a YAML merge key at line 2"),
        ("%YAML 1.2\n---\na: 1", "a YAML directive"),
        ("\n# c\n%TAG ! a\n---\n", "a YAML directive"),
        ("a: .nan", "a number that JSON does not have"),
        ("a: 1e999", "a number that JSON does not have"),
        ("a: " + "9" * 5_000, "a number that JSON does not have"),
        (_BOMB, "more than 1000000 values"),
        ("[" * 500_000, "deeper than 100 levels"),
        ("- " * 500_000, "deeper than 100 levels"),
        ("{" * 500_000, "deeper than 100 levels"),
        ('{"a": NaN}', "it is not JSON"),
        ('{"a": 1, "a": 2}', "it is not JSON: an object has the same key twice"),
        ('{"a": [' + "{}," * 1_000_000, "more than 1000000 values"),
        ("x" * (10 * 1024 * 1024 + 1), "larger than 10 MB"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused_with_the_reason(text, sentence) -> None:
    with pytest.raises(BadDocument, match=sentence):
        value_of(text.encode())


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    for data in (b"a: \xff", b'{"a": "\xff"}'):
        with pytest.raises(BadDocument, match="not UTF-8"):
            value_of(data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="{}[],:-?&*!|>%#\"'\n aA1~.<", max_size=60).map(str.encode))
def test_no_bytes_raise_anything_but_a_bad_document(data) -> None:
    with contextlib.suppress(BadDocument):
        json.dumps(value_of(data), allow_nan=False)
