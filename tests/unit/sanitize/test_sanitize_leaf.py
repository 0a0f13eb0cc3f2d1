"""One text: order of treatment, JSON kept JSON, and cuts that tear nothing apart."""

import json
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanitize_samples import SAMPLES

from gateway.sanitize.leaf import Leaf, boundary
from gateway.sanitize.secrets import Redactor

LEAF = Leaf(Redactor(b"k" * 32), 300)


def text(value):
    found = Counter()
    return LEAF.text(value, found), dict(+found)


def test_characters_are_cleaned_before_secrets_are_looked_for():
    _, token, _ = SAMPLES["github-token"][0]
    cleaned, found = text("\u200b".join(token))
    assert cleaned.startswith("[REDACTED:github-token:")
    assert found.keys() == {"joiner", "redacted-github-token"}


def test_a_json_text_with_separators_and_c1_controls_stays_json():
    cleaned, found = text('{"a": "one\u2028two\x9b", "b": "\x9d\u0085"}')
    assert json.loads(cleaned) == {"a": "one\ntwo", "b": "\n"}
    assert found


def test_text_that_only_begins_like_json_is_text():
    assert text("[INFO] one\u2028two\x9b31m three")[0] == "[INFO] one\ntwo three"


def test_a_text_over_the_limit_is_cut_with_a_visible_marker():
    cleaned, found = text("word " * 100)
    assert len(cleaned) <= 300
    assert cleaned.endswith("[cut by the gateway: the text had 500 characters]")
    assert found == {"text-truncated": 1}


def test_a_cut_leaves_no_head_of_a_secret_behind():
    _, token, _ = SAMPLES["github-token"][0]
    for place in range(200, 300):
        assert token[:12] not in text("x" * place + " " + token + " " + "y" * 9000)[0]


def test_a_text_that_shrank_below_the_limit_still_says_that_it_was_cut():
    assert "cut by the gateway" in text("\u200b" * 5000 + "end")[0]


@pytest.mark.parametrize(
    "cluster",
    [
        "e\u0301",
        "\U0001f44d\U0001f3fd",
        "\U0001f468\u200d\U0001f469",
        "❤\ufe0f",
        "\r\n",
        "\U0001f1e9\U0001f1ea",
        "\u1112\u1161\u11ab",
    ],
)
def test_no_cluster_is_torn(cluster):
    line = cluster * 8
    for end in range(len(line)):
        assert boundary(line, end) % len(cluster) == 0


@given(st.text(max_size=120), st.integers(0, 120))
@settings(max_examples=200, deadline=None)
def test_a_boundary_is_never_after_its_limit_nor_before_a_mark(value, end):
    place = boundary(value, end)
    assert place <= max(end, 0) or place == len(value)
    if 0 < place < len(value) and end < 60:
        assert unicodedata.category(value[place])[0] != "M" or place == end


@given(st.text(max_size=700))
@settings(max_examples=200, deadline=None)
def test_cleaning_a_text_twice_changes_nothing_more(value):
    once, _ = text(value)
    assert text(once)[0] == once
