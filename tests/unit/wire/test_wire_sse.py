"""The event stream: round trips under any chunking, the framing of the standard, and the bound."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.sse import Event, EventTooLarge, Parser, event

_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=12)
_data = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40).map(str.encode)
_events = st.lists(st.tuples(_data, st.none() | _text, _text.filter(bool)), max_size=5)


def _chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


def _parse(chunks: list[bytes], max_event: int = 10_000) -> list[Event]:
    parser = Parser(max_event)
    return [found for chunk in chunks for found in parser.feed(chunk)]


@settings(max_examples=150, deadline=None)
@given(_events, st.lists(st.integers(0, 10_000), max_size=12), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_what_was_encoded_comes_back_under_any_chunking_and_line_end(written, cuts, line_end) -> None:
    stream = b"".join(event(data, own, name) for data, own, name in written).replace(b"\n", line_end)
    last, expected = None, []
    for data, own, name in written:
        last = own if own is not None else last
        expected.append(Event(data, name, last))
    assert _parse(_chunks(stream, cuts)) == expected


def test_a_stream_split_at_every_byte_gives_the_same_events() -> None:
    stream = b'\xef\xbb\xbf: hello\r\nevent: message\r\ndata: {"a":\r\ndata: "\xc3\xa9"}\r\nid: 7\r\n\r\ndata\n\n'
    whole = _parse([stream])
    assert whole == [Event('{"a":\n"é"}'.encode(), "message", "7"), Event(b"", "message", "7")]
    assert _parse([stream[i : i + 1] for i in range(len(stream))]) == whole


def test_comments_retry_and_unknown_fields_are_no_events() -> None:
    assert _parse([b": keep-alive\n\nretry: 10\n\nweird: x\n\nid: 1\n\n"]) == []


def test_where_to_come_back_and_when_is_known_of_an_event_that_holds_nothing_else() -> None:
    parser = Parser(100)
    parser.feed(b"id: 1\nretry: 500\n\nretry: soon\nid: 2\n")
    assert (parser.last_id, parser.retry_ms) == ("1", 500)
    parser.feed(b"\n")
    assert (parser.last_id, parser.retry_ms) == ("2", 500)


def test_an_event_without_its_empty_line_is_not_dispatched() -> None:
    assert _parse([b"data: half"]) == []


def test_an_id_with_nul_is_ignored() -> None:
    assert _parse([b"id: a\0b\ndata: x\n\n"]) == [Event(b"x")]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: xxxxxxxxxx\n" * 20, b":" + b"c" * 200, b"x" * 200])
def test_an_event_over_the_limit_is_refused_before_it_is_kept(stream) -> None:
    with pytest.raises(EventTooLarge):
        _parse([stream[i : i + 7] for i in range(0, len(stream), 7)], max_event=100)


def test_the_limit_is_per_event_not_per_stream() -> None:
    assert len(_parse([event(b"x" * 60)] * 50, max_event=100)) == 50


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\0b"])
def test_an_id_or_name_that_would_break_the_framing_is_refused(name) -> None:
    for bad in ({"id": name}, {"event": name}):
        with pytest.raises(ValueError, match=re.compile("line break")):
            event(b"x", **bad)
