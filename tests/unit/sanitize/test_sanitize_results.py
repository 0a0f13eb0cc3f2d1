"""Tool results: every member and block, limits, malformed answers, and the fast path that must miss nothing."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Tool
from gateway.sanitize.blocks import Blocks
from gateway.sanitize.results import Results
from gateway.sanitize.room import Clean

LIMITS = Sanitize(max_text=4000, max_nodes=300, max_depth=10, max_media=2000)
CLEAN = Clean(LIMITS, b"k" * 32)
TOOL = Tool("up/t", "up", "t", {"name": "t"}, "digest")
TOKEN = SAMPLES["github-token"][0][1]
CARD = SAMPLES["card"][0][1]
HIDDEN = "\u200b\x1b[31m"


def clean(result):
    return CLEAN.result(result, TOOL)


def test_an_honest_result_is_the_same_object():
    result = {
        "content": [{"type": "text", "text": "Hello, мир ❤️\n"}],
        "structuredContent": {"a": [1, 2.5, None]},
        "x": {"y": "z"},
    }
    cleaned = clean(result)
    assert cleaned.value is result
    assert not cleaned.changed


@pytest.mark.parametrize(
    "place",
    [
        lambda text: {"content": [{"type": "text", "text": text}]},
        lambda text: {"content": [{"type": "resource", "resource": {"uri": "a:b", "text": text}}]},
        lambda text: {
            "content": [{"type": "resource_link", "uri": "a:b", "name": text, "title": text, "description": text}]
        },
        lambda text: {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png", "_meta": {"a": text}}]},
        lambda text: {"content": [{"type": "never-heard-of", "deep": {"er": [text]}}]},
        lambda text: {
            "content": [
                {"type": "resource", "resource": {"uri": "a:b", "blob": base64.b64encode(text.encode()).decode()}}
            ]
        },
        lambda text: {"content": [], "_meta": {"vendor": {"note": text}}},
        lambda text: {"content": [], "isError": True, "unknown": [[text]]},
        lambda text: {"content": [], "structuredContent": {"a": [text]}},
    ],
)
def test_no_place_of_a_result_lets_dirt_through(place):
    cleaned = clean(place(f"pay with {CARD} {HIDDEN}now"))
    token = CLEAN.error(CARD, None)[0].value
    assert cleaned.value == place(f"pay with {token} now")
    assert {"redacted-card", "joiner", "terminal-sequence"} <= cleaned.findings.keys()


@pytest.mark.parametrize("control", [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))])
def test_no_control_character_slips_through_the_fast_path(control):
    text = clean({"content": [{"type": "text", "text": f"a{control} "}]}).value["content"][0]["text"]
    assert control not in text


def test_a_secret_in_a_uri_leaves_a_uri():
    link = {"type": "resource_link", "uri": f"https://x.example/?token={TOKEN}", "name": "n"}
    assert clean({"content": [link]}).value == {"content": [link | {"uri": "https://redacted.invalid/"}]}


def test_bytes_pass_untouched_up_to_their_limit():
    picture = {"type": "image", "data": base64.b64encode(bytes(range(256)) * 4).decode(), "mimeType": "image/png"}
    sound = {"type": "audio", "data": "A" * 2001, "mimeType": "audio/wav"}
    blob = {"type": "resource", "resource": {"uri": "a:b", "blob": picture["data"]}}
    cleaned = clean({"content": [picture, sound, blob], "_meta": {"dirty": HIDDEN}})
    assert cleaned.value["content"][0] == picture
    assert cleaned.value["content"][1]["type"] == "text"
    assert cleaned.value["content"][2] == blob
    assert cleaned.findings["media-removed"] == 1


@pytest.mark.parametrize(
    "place",
    [
        lambda text: {"type": "image", "data": text, "mimeType": "image/png"},
        lambda text: {"type": "audio", "data": text, "mimeType": "audio/wav"},
        lambda text: {"type": "resource", "resource": {"uri": "a:b", "blob": text}},
    ],
)
def test_text_that_stands_in_the_place_of_bytes_is_cleaned_like_text(place):
    cleaned = clean({"content": [place(f"pay with {CARD} {HIDDEN}now")]})
    token = CLEAN.error(CARD, None)[0].value
    assert cleaned.value["content"] == [place(f"pay with {token} now")]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_text_twin_of_structured_content_says_the_same_after_cleaning(indent):
    content = {"big": 12345678901234567890123, "note": f"a{HIDDEN}b", "card": CARD, "é": 1.0}
    result = {"content": [{"type": "text", "text": json.dumps(content, indent=indent)}], "structuredContent": content}
    cleaned = clean(result).value
    assert json.loads(cleaned["content"][0]["text"]) == cleaned["structuredContent"]
    assert ("\n" in cleaned["content"][0]["text"]) == (indent is not None)


def test_json_text_without_structured_content_keeps_its_spelling():
    text = f'{{"b": 1.50, "a": 12345678901234567890123, "a": "{CARD}",\n "c": "x\u2028{HIDDEN[0]}"}}'
    cleaned = clean({"content": [{"type": "text", "text": text}]}).value["content"][0]["text"]
    assert cleaned.startswith('{"b": 1.50, "a": 12345678901234567890123, "a": "[REDACTED:card:')
    assert cleaned.endswith(',\n "c": "x\\n"}')


@pytest.mark.parametrize(
    "result",
    [
        {"content": "text"},
        {"content": {"type": "text"}},
        {"content": ["text"]},
        {"content": [{"text": "no type"}]},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "text", "text": 5}]},
        {"content": [{"type": "image", "data": None}]},
        {"content": [{"type": "resource", "resource": "r"}]},
        {"content": [{"type": "resource", "resource": {"text": ["t"]}}]},
    ],
)
def test_a_malformed_result_is_withheld(result):
    with pytest.raises(Refused) as refused:
        clean(result)
    assert refused.value.refusal.reason is Reason.RESULT_WITHHELD


def nested(depth):
    return [nested(depth - 1)] if depth else "x"


@pytest.mark.parametrize("dirt", ["", HIDDEN])
def test_limits_hold_on_both_paths(dirt):
    with pytest.raises(Refused, match="max_depth"):
        clean({"content": [], "_meta": {"a": nested(12), "d": dirt}})
    with pytest.raises(Refused, match="max_nodes"):
        clean({"content": [], "_meta": {"a": [0] * 301, "d": dirt}})
    long = clean({"content": [{"type": "text", "text": "word " * 900 + dirt}]})
    assert long.findings["text-truncated"] == 1
    assert len(long.value["content"][0]["text"]) <= LIMITS.max_text


def test_whatever_breaks_inside_withholds_the_result(monkeypatch):
    def broken(*_):
        raise KeyError(TOKEN)

    monkeypatch.setattr("gateway.sanitize.walk.Walk.over", broken)
    with pytest.raises(Refused) as refused:
        clean({"content": [{"type": "text", "text": HIDDEN}]})
    assert refused.value.refusal.reason is Reason.RESULT_WITHHELD
    assert TOKEN not in str(refused.value)


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([secret for rows in SAMPLES.values() for _, secret, _ in rows]),
    st.sampled_from(
        [HIDDEN, "line\r\nline", "\n4111 1111" + " 1111 1111", "pаssword", "\\u001b", "C:\\bin", "\x7f", "\ue000"]
    ),
)
NAMES = st.sampled_from(["text", "password", "apiKey", "note", "page_token", "pass", "auth", "licenseKey"])
VALUES = st.recursive(TEXTS | st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6)  # fmt: skip


@given(VALUES, st.lists(TEXTS, max_size=3))
@settings(max_examples=500, deadline=None)
def test_the_fast_path_misses_nothing_the_slow_path_would_find(content, texts):
    result = {"content": [{"type": "text", "text": text} for text in texts], "structuredContent": content}
    blocks = CLEAN._blocks
    if blocks.plainly_clean(result):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Blocks, "plainly_clean", lambda *_: False)
            cleaned = Results(blocks).clean(result, TOOL)
        assert cleaned.value == result
        assert cleaned.findings == {}


@given(VALUES, st.lists(TEXTS, max_size=3))
@settings(max_examples=150, deadline=None)
def test_cleaning_a_result_twice_changes_nothing_more(content, texts):
    result = {"content": [{"type": "text", "text": text} for text in texts], "structuredContent": content}
    once = clean(result).value
    assert clean(once).value == once
