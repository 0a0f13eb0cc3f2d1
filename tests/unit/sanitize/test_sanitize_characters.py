"""Characters: what is removed, what honest scripts and emoji keep, and that cleaning twice changes nothing."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sanitize import characters

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

HOSTILE = st.text(
    st.sampled_from(
        '\x1b[]PX^_m;08\x07\\\x9c\x9b\x9d\x90\r\n a1"é\u200b\u200c\u200d\u200e\u200f\u2066\u2069\u202e\ufe0f\ufe00\u2764\u20e3'
        "\U0001f600\U0001f3f4\U0001f3fd\U000e0067\U000e0062\U000e0065\U000e006e\U000e007f\ue000\u2800\u2801\u0645\u05d0\u094d\u0915"
        "\u0e01\u4e00\ufeff\xad\u2028\x85\ud800\uffff\U000e0100\u180b\u1820\x00\x7fоV"
    ),
    max_size=40,
)


def clean(text, **how):
    found = Counter()
    return characters.clean(text, found, **how), dict(+found)


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII\twith tabs\nand lines\r\nof both kinds",
        "naïve café — “quotes”, ½, 漢字, Ελληνικά, русский, ไทย",
        FAMILY,
        SCOTLAND,
        "❤️ ☺︎ 1️⃣ #️⃣ \U0001f44b\U0001f3fd \U0001f3f3️\u200d\U0001f308 \U0001f9d1\U0001f3fd\u200d\U0001f4bb \U0001f1e9\U0001f1ea",
        "\U0001fae9 newer than this Python",
        "می\u200cخواهم",
        "ශ්\u200dරී ලංකා",
        "ന്\u200d",
        "क्\u200cष",
        "ภาษา\u200bไทย",
        "葛\U000e0100城",
        "ᠮᠣᠩᠭᠣᠯ\u180bᠠ",
        "⠀⠓⠑⠇⠇⠕⠀⠀⠺",
        "שלום \u200eC++\u200e עולם",
        "שם: \u2068John\u2069 הגיע",
    ],
)
def test_honest_text_stays_the_same_object(text):
    cleaned, found = clean(text)
    assert cleaned is text
    assert found == {}


@pytest.mark.parametrize(
    ("text", "cleaned", "found"),
    [
        ("a\x00b\x08c\x7fd\x81e", "abcde", {"control": 4}),
        ("over\rwritten", "over\nwritten", {"bare-cr": 1}),
        ("a\u2028b\u2029c\x85d", "a\nb\nc\nd", {"line-separator": 3}),
        ("ig\u200bno\u2060re\xad\ufeff", "ignore", {"joiner": 1, "invisible": 3}),
        ("a\u202eb\u202cc", "abc", {"bidi-control": 2}),
        ("i\u200eg\u200fn", "ign", {"bidi-mark": 2}),
        ("x\u2066y\u2069z", "xyz", {"bidi-control": 2}),
        ("שלום \u2066\u2069", "שלום ", {"bidi-control": 2}),
        ("שלום \u2067open", "שלום open", {"bidi-control": 1}),
        ("שלום\u200e\u200f!", "שלום!", {"bidi-mark": 2}),
        ("❤\ufe0f\ufe0f", "❤\ufe0f", {"variation-selector": 1}),
        ("1\ufe0f2", "12", {"variation-selector": 1}),
        ("a\u200d\U0001f600", "a\U0001f600", {"joiner": 1}),
        ("क्\u200c\u200c\u200c ", "क्\u200c\u200c ", {"joiner": 1}),
        ("\U0001f3f4\U000e0067\U000e0062", "\U0001f3f4", {"tag": 2}),
        ("a\u2800b", "ab", {"invisible": 1}),
        ("pass\ue000word", "password", {"private-use-removed": 1}),
        ("\ue0b0 main", "\ue0b0 main", {"private-use": 1}),
        ("a\ufdd0b\U0001ffff", "ab", {"noncharacter": 2}),
        ("a\ud83db", "ab", {"surrogate": 1}),
        ("\x1b[31mred\x1b[0m", "red", {"terminal-sequence": 2}),
    ],
)
def test_what_hides_or_spoofs_is_removed_and_counted(text, cleaned, found):
    assert clean(text) == (cleaned, found)


def test_a_bare_carriage_return_is_found_beside_any_other_character():
    for other in map(chr, range(0x20, 0x7F)):
        assert clean(f"{other}\n\r")[0] == f"{other}\n\n"


def test_isolates_go_from_names_even_beside_right_to_left_text():
    assert clean("שם \u2068x\u2069", isolates=False) == ("שם x", {"bidi-control": 2})


def test_compatibility_characters_are_not_normalised():
    text = "ﬁne ½ ﾊﾝｶｸ Å"
    assert clean(text)[0] is text


@given(HOSTILE, st.booleans(), st.booleans())
@settings(max_examples=1200, deadline=None)
def test_cleaning_twice_changes_nothing_more(text, isolates, in_json):
    once, _ = clean(text, isolates=isolates, in_json=in_json)
    twice, found = clean(once, isolates=isolates, in_json=in_json)
    assert twice == once
    assert set(found) <= {"homoglyph", "private-use"}


@given(HOSTILE)
@settings(max_examples=300, deadline=None)
def test_nothing_of_the_unconditional_kind_survives(text):
    cleaned, _ = clean(text)
    assert not set(cleaned) & set("\x00\x07\x1b\x7f\x85\x90\x9b\x9c\x9d\xad\u2028\u202e\ufeff\uffff\ud800")
    assert "\r" not in cleaned.replace("\r\n", "")


@given(st.text(st.characters(max_codepoint=0x10FFFF, exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_the_trigger_misses_nothing_that_cleaning_would_change(text):
    cleaned, found = clean(text)
    if not characters.suspicious(text):
        assert cleaned is text
        assert found == {}


@given(st.text(st.sampled_from('\u2028\x85\x9b\x9d\x90\x9c"\u200bab\\n[]{}'), max_size=30))
@settings(max_examples=400, deadline=None)
def test_a_json_text_stays_a_json_text(text):
    document = json.dumps({"a": [text]}, ensure_ascii=False)
    json.loads(clean(document, in_json=True)[0])
