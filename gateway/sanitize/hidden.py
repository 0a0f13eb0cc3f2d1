"""Text hidden in characters nobody sees: tag letters, variation selectors as bytes, zero-width characters as bits.

Lives only here: the known encodings. It reads the characters that cleaning removed, in their order, and says how long
the printable text is that they spell. Must not decide what is removed. Called by `characters.py`.
"""

import re
from collections import Counter
from typing import Final

_SHORTEST: Final = 3
"""Fewer characters than this spell nothing by intent."""
_PRINTABLE_SHARE: Final = 0.9

_TAGS: Final = re.compile("[\U000e0020-\U000e007e]")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_ZERO_WIDTH: Final = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u180e]")


def length(removed: str) -> int:
    """Characters of printable text encoded in `removed`; 0 when it spells nothing."""
    return _spelled(_tags(removed)) + _spelled(_selectors(removed)) + max(map(_spelled, _bits(removed)))


def _tags(removed: str) -> bytes:
    return bytes(ord(char) - 0xE0000 for char in _TAGS.findall(removed))


def _selectors(removed: str) -> bytes:
    """Paul Butler's encoding: FE00-FE0F are the bytes 0-15, E0100-E01EF the bytes 16-255."""
    return bytes(
        code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16 for code in map(ord, _SELECTORS.findall(removed))
    )


def _bits(removed: str) -> tuple[bytes, bytes]:
    """The two commonest zero-width characters as 0 and 1, both ways round; a third one is a separator."""
    drawn = _ZERO_WIDTH.findall(removed)
    pair = [char for char, _ in Counter(drawn).most_common(2)]
    if len(pair) < 2:
        return b"", b""
    digits = "".join("01"[char == pair[0]] for char in drawn if char in pair)
    digits = digits[: len(digits) // 8 * 8]
    if not digits:
        return b"", b""
    number, mask = int(digits, 2), (1 << len(digits)) - 1
    return number.to_bytes(len(digits) // 8), (number ^ mask).to_bytes(len(digits) // 8)


def _spelled(data: bytes) -> int:
    text = data.decode("utf-8", "replace")
    printable = sum((char.isprintable() and char != "\ufffd") or char == "\n" for char in text)
    return len(text) if printable >= _SHORTEST and printable >= len(text) * _PRINTABLE_SHARE else 0
