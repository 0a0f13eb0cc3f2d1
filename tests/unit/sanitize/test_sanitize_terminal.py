"""Terminal sequences: removed whole, terminated or not, without taking honest text along."""

import pytest

from gateway.sanitize import terminal


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1bPpayload\x1b\\text", "text"),
        ("\x1b]8;;https://evil.example\x07label\x1b]8;;\x07", "label"),
        ("\x1b(Btext\x1bM", "text"),
        ("\x1b[8mconcealed\x1b[0m", "concealed"),
        ("done\x1b[2K", "done"),
        ("cut\x1b[38;5", "cut"),
    ],
)
def test_sequences_go_whole_and_labels_stay(text, stripped):
    assert terminal.plain(text)[0] == stripped


def test_an_unterminated_string_takes_no_more_than_its_line_and_its_limit():
    assert terminal.plain("\x1b]0;title\nnext line")[0] == "\nnext line"
    assert len(terminal.plain("\x1b]" + "a" * 10_000)[0]) == 10_000 - 256


def test_text_without_introducers_is_the_same_object():
    text = "[31m is no sequence"
    assert terminal.plain(text) == (text, 0)
    assert terminal.plain(text)[0] is text
