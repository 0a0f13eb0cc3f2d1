"""The journal's copy: private values gone, long ones short, and never an exception."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(max_nodes=50, max_depth=6), b"k" * 32)
TOKEN = SAMPLES["github-token"][0][1]


def redacted(value):
    cleaned = CLEAN.redacted(value)
    return cleaned.value, cleaned.findings


def test_secrets_go_by_form_and_by_name():
    value = {
        "note": f"with {TOKEN}",
        "password": "easy",
        "nested": [{"Authorization": ["a", "b"]}],
        "pin": 1234,
        "page_token": "p",
    }
    kept, found = redacted(value)
    assert kept["note"].startswith("with [REDACTED:github-token:")
    assert kept["password"].startswith("[REDACTED:named:")
    assert kept["nested"][0]["Authorization"].startswith("[REDACTED:named:")
    assert kept["pin"].startswith("[REDACTED:named:")
    assert kept["page_token"] == "p"
    assert found == {"redacted-github-token": 1, "redacted-named": 3}


def test_nothing_yes_and_no_give_nothing_away():
    value = {"password": None, "token": "", "secret": False}
    assert redacted(value) == (value, {})


def test_a_card_number_is_one_without_quotation_marks_too():
    kept, found = redacted({"n": 4111_1111_1111_1111, "order": 4111_1111_1111_1112})
    assert kept["n"].startswith("[REDACTED:card:")
    assert kept["order"] == 4111_1111_1111_1112
    assert found == {"redacted-card": 1}


def test_long_strings_become_short_and_say_what_they_were():
    text = "é" * 2001
    kept, _ = redacted(text)
    assert kept.startswith("é" * 1000 + "[… 2001 characters, sha256:")
    assert hashlib.sha256(text.encode()).hexdigest()[:16] in kept
    assert redacted("é" * 2000)[0] == "é" * 2000


def test_a_secret_beyond_the_kept_part_or_across_it_leaves_no_head():
    for place in range(950, 1010):
        assert TOKEN[:12] not in redacted("x" * place + " " + TOKEN + " " + "y" * 3000)[0]


def test_names_are_cleaned_and_stay_apart():
    kept, _ = redacted({"a\u200b": 1, "a": 2, TOKEN: 3})
    assert sorted(kept.values()) == [1, 2, 3]
    assert TOKEN not in json.dumps(kept)


def test_size_and_depth_are_bounded():
    deep: list = []
    for _ in range(100):
        deep = [deep]
    assert len(json.dumps(redacted(deep)[0])) < 200
    for _ in range(100):
        deep = {"a": deep}
    assert len(json.dumps(redacted(deep)[0])) < 200
    assert len(redacted(list(range(1000)))[0]) < 60
    assert len(redacted({str(number): number for number in range(1000)})[0]) < 60


@pytest.mark.parametrize(
    "value", [object(), b"bytes", float("nan"), float("inf"), {1: 2}, {"a": {object()}}, "\ud800", ...]
)
def test_what_is_no_json_is_named_instead(value):
    json.dumps(CLEAN.redacted(value).value, allow_nan=False)


def test_a_value_that_contains_itself_ends():
    loop: dict = {}
    loop["again"] = loop
    json.dumps(CLEAN.redacted(loop).value)


VALUES = st.recursive(
    st.text(max_size=20) | st.integers() | st.floats() | st.none() | st.just(TOKEN) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(["password", "token"]), inner, max_size=4),
)  # fmt: skip


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_every_value_has_a_copy_that_json_can_write(value):
    text = json.dumps(CLEAN.redacted(value).value, allow_nan=False)
    assert TOKEN not in text


class Hostile(dict):
    def items(self):
        raise RuntimeError(TOKEN)


def test_a_value_that_cannot_even_be_read_is_left_out():
    assert redacted({"a": Hostile(b=1), "c": "\u200b"})[1]["unrecordable"] == 1


def test_a_number_too_long_to_convert_is_left_out():
    assert redacted([1 << 50_000])[1] == {"unrecordable": 1}
