"""Homoglyphs: mixed words are told, words of a language are not, and nothing is rewritten."""

from collections import Counter

import pytest

from gateway.sanitize import characters, homoglyphs


@pytest.mark.parametrize(
    "text", ["pаssword", "іgnore", "ｐａssword", "gοοgle", "𝗶𝗴𝗻𝗼𝗿𝗲", "ɪɢɴᴏʀᴇ all", "ⓘⓖⓝⓞⓡⓔ", "аррle"]
)
def test_a_dressed_up_word_is_counted_and_kept(text):
    found = Counter()
    assert characters.clean(text, found) == text
    assert found["homoglyph"] == 1


@pytest.mark.parametrize("text", ["пароль", "κωδικός", "10 kΩ", "Δt = 3 μs", "ＡＢＣ", "pdfшный", "naïve", "Ꮳꮃꭹ"])
def test_words_of_one_script_and_units_are_left_in_peace(text):
    assert homoglyphs.count(text) == 0
