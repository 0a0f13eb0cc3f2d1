"""Words dressed up with look-alike letters: found and counted, never rewritten.

Lives only here: what counts as a spoofed word. A word of one foreign script is a word of that language and is left in
peace; a word that mixes Latin letters with letters that pass for Latin ones, and holds no others, is not. Called by
`characters.py`.
"""

import re
from typing import Final

import re2

from gateway.sanitize import alphabets

MIXED: Final = (
    f"[{alphabets.LATIN}][{alphabets.LOOKALIKE}]|[{alphabets.LOOKALIKE}][{alphabets.LATIN}]|[{alphabets.STYLED}]{{3}}"
)
"""Where a spoofed word betrays itself."""

_SHORTEST: Final = 4
"""Shorter mixtures are units and formulas: kΩ, Δt, μs."""

_MIXED: Final = re2.compile(MIXED)
_WORD: Final = re.compile(r"\w+")
_ONLY_LOOKALIKES: Final = re.compile(f"[{alphabets.LATIN}{alphabets.LOOKALIKE}0-9_]{{{_SHORTEST},}}")
_STYLED: Final = re.compile(f"[{alphabets.STYLED}]{{3,}}")


def count(text: str) -> int:
    """How many words of the text are spoofed; the text holds no surrogates."""
    if not _MIXED.search(text.encode()):
        return 0
    strange = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = sum(1 for word in strange if _ONLY_LOOKALIKES.fullmatch(word) and _MIXED.search(word.encode()))
    return max(mixed, len(_STYLED.findall(text)))
