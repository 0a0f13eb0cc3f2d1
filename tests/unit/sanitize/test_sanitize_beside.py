"""Prompts, resources and completions: each cleaned in its own form, withheld when malformed, unknown members kept."""

import base64

import pytest
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect, Tool
from gateway.sanitize.room import Clean

CLEAN = Clean(Sanitize(max_text=4000, max_nodes=300, max_depth=10, max_media=2000), b"k" * 32)
HIDDEN = "\u200b\x1b[31m"
TOKEN = SAMPLES["github-token"][0][1]


def clean(kind, result):
    return CLEAN.result(result, Tool("up/x", "up", "x", {}, "d", Effect.READ, kind=kind))


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def said(content, **more):
    return {"messages": [{"role": "user", "content": content, **more}]}


HONEST = {
    "prompt": said({"type": "text", "text": "Hello, мир"}, later={"a": 1})
    | {"description": "d", "resultType": "complete"},
    "resource": {
        "contents": [{"uri": "a://b", "text": "x", "mimeType": "text/plain"}, {"uri": "a://c", "blob": "AAAA"}]
    },
    "completion": {"completion": {"values": ["Paris", "Park"], "total": 2, "hasMore": False}, "ttlMs": 0},
}
PLACES = [
    ("prompt", lambda text: said({"type": "text", "text": text})),
    ("prompt", lambda text: said({"type": "resource", "resource": {"uri": "a:b", "text": text}})),
    ("prompt", lambda text: said({"type": "resource", "resource": {"uri": "a:b", "blob": in_base64(text)}})),
    ("prompt", lambda text: said({"type": "never-heard-of", "deep": [text]})),
    ("prompt", lambda text: said({"type": "text", "text": ""}, unknown=[text])),
    ("prompt", lambda text: said({"type": "text", "text": ""}) | {"description": text}),
    ("resource", lambda text: {"contents": [{"uri": "a:b", "text": text}]}),
    ("resource", lambda text: {"contents": [{"uri": "a:b", "blob": in_base64(text)}]}),
    ("resource", lambda text: {"contents": [{"uri": "a:b", "text": "", "title": text}]}),
    ("resource", lambda text: {"contents": [], "_meta": {"note": text}}),
    ("completion", lambda text: {"completion": {"values": [text]}}),
    ("completion", lambda text: {"completion": {"values": [], "more": {"note": text}}}),
]
MALFORMED = [
    ("prompt", {}),
    ("prompt", {"messages": {}}),
    ("prompt", {"messages": ["hi"]}),
    ("prompt", {"messages": [{"content": {"type": "text", "text": "x"}}]}),
    ("prompt", said("plain text")),
    ("prompt", said({"type": "text"})),
    ("prompt", said({"type": "image", "data": 7})),
    ("prompt", {"content": [{"type": "text", "text": "a tool's result"}]}),
    ("resource", {}),
    ("resource", {"contents": {"uri": "a:b", "text": "x"}}),
    ("resource", {"contents": [{"uri": "a:b"}]}),
    ("resource", {"contents": [{"uri": "a:b", "text": None}]}),
    ("resource", {"contents": [{"uri": "a:b", "blob": ["AAAA"]}]}),
    ("resource", {"contents": [{"uri": 7, "text": "x"}]}),
    ("completion", {}),
    ("completion", {"completion": ["Paris"]}),
    ("completion", {"completion": {"values": "Paris"}}),
    ("completion", {"completion": {"values": [{"text": "Paris"}]}}),
]


@pytest.mark.parametrize("kind", HONEST)
@pytest.mark.parametrize("walked", [False, True])
def test_an_honest_result_is_the_same_object(kind, walked, monkeypatch):
    if walked:
        monkeypatch.setattr("gateway.sanitize.blocks.Blocks.plainly_clean", lambda *_: False)

    cleaned = clean(kind, HONEST[kind])

    assert cleaned.value is HONEST[kind]
    assert cleaned.findings == {}


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_no_place_of_a_result_lets_dirt_through(kind, place):
    cleaned = clean(kind, place(f"pay{HIDDEN} up"))

    assert cleaned.value == place("pay up")
    assert {"terminal-sequence", "joiner"} <= cleaned.findings.keys()


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_no_place_of_a_result_lets_a_secret_through(kind, place):
    cleaned = clean(kind, place(f"use {TOKEN} now"))

    assert TOKEN not in str(cleaned.value)
    assert in_base64(TOKEN)[:20] not in str(cleaned.value)


@pytest.mark.parametrize(("kind", "result"), MALFORMED)
def test_what_has_not_the_form_of_its_kind_is_withheld(kind, result):
    with pytest.raises(Refused) as refused:
        clean(kind, result)
    assert refused.value.refusal.reason is Reason.RESULT_WITHHELD
    assert "was withheld" in refused.value.refusal.detail


def test_a_blob_over_the_limit_leaves_a_notice_in_its_place():
    cleaned = clean("resource", {"contents": [{"uri": "a://b", "mimeType": "image/png", "blob": "A" * 2001, "x": 1}]})

    notice = "[blob removed by the gateway: 2001 characters are over the limit]"
    assert cleaned.value == {"contents": [{"uri": "a://b", "x": 1, "mimeType": "text/plain", "text": notice}]}
    assert cleaned.findings == {"media-removed": 1}


def test_media_in_a_prompt_over_the_limit_leaves_a_notice_in_its_place():
    cleaned = clean("prompt", said({"type": "image", "data": "A" * 2001, "mimeType": "image/png"}))

    notice = "[image removed by the gateway: 2001 characters are over the limit]"
    assert cleaned.value == said({"type": "text", "text": notice})


def test_a_text_over_the_limit_is_cut():
    cleaned = clean("resource", {"contents": [{"uri": "a://b", "text": "x" * 5000}]})

    assert len(cleaned.value["contents"][0]["text"]) == 4000
    assert cleaned.findings == {"text-truncated": 1}


@pytest.mark.parametrize("kind", HONEST)
def test_what_nests_too_deep_is_withheld(kind):
    deep = "end"
    for _ in range(20):
        deep = [deep]
    with pytest.raises(Refused, match="max_depth"):
        clean(kind, {**HONEST[kind], "unknown": deep})


ENTRIES = {
    "prompts": {"name": "n", "icons": [{"src": "s"}], "arguments": [{"name": "a", "description": "D"}], "title": "T"},
    "resources": {"uri": "u:x", "mimeType": "t/p", "name": "N", "description": "D", "annotations": {"note": "A"}},
    "templates": {"uriTemplate": "u:{x}", "mimeType": "t/p", "name": "N", "title": "T", "_meta": {"m": "M"}},
}
DATA = {"n", "s", "a", "u:x", "u:{x}", "t/p"}


def dirtied(value):
    match value:
        case str():
            return value + HIDDEN
        case dict():
            return {name: dirtied(member) for name, member in value.items()}
        case list():
            return [dirtied(item) for item in value]


def leaves(value):
    match value:
        case str():
            return [value]
        case dict():
            return [leaf for member in value.values() for leaf in leaves(member)]
        case list():
            return [leaf for item in value for leaf in leaves(item)]


@pytest.mark.parametrize("kind", ENTRIES)
def test_prose_of_a_definition_is_cleaned_and_names_and_uris_are_told_not_changed(kind):
    cleaned = CLEAN.definition(dirtied(ENTRIES[kind]), kind)

    told = [leaf for leaf in leaves(cleaned.value) if HIDDEN in leaf]
    assert {leaf.removesuffix(HIDDEN) for leaf in told} == {leaf for leaf in leaves(ENTRIES[kind]) if leaf in DATA}
    assert cleaned.findings["schema-hidden"] == len(told)
