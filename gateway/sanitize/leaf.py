"""One text, cleaned: characters first, then secrets, then length.

Lives only here: the order in which one string is treated, and how a text that is too long is cut. Must not know where
the string stands in a result. Called by `results.py`, `structured.py`, `definitions.py` and `journal.py`.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gateway.sanitize import alphabets, characters
from gateway.sanitize.findings import Findings
from gateway.sanitize.secrets import Redactor, mask, masked

_SLACK: Final = 4096
"""Characters looked at beyond the limit, so that a cut never leaves the head of a secret."""
_SHORTEST_SECRET: Final = 8
"""Characters; results are full of short words, and no rule finds anything in less."""
_LONGEST_CLUSTER: Final = 64
_BREAKS_JSON: Final = re.compile("[\x80-\x9f\u2028\u2029]")
_EXTENDS: Final = re.compile(
    f"[{alphabets.SELECTOR}{alphabets.JOINER}{alphabets.TAG}\U0001f3fb-\U0001f3ff\u1160-\u11ff]"
)
_FLAG_HALVES: Final = re.compile("[\U0001f1e6-\U0001f1ff]+$")


@dataclass(frozen=True, slots=True)
class Leaf:
    """Cleans single strings."""

    redactor: Redactor
    longest: int
    """Characters of one text."""

    def text(self, text: str, found: Findings, *, name: str = "", isolates: bool = True) -> str:
        """A text for reading, standing under `name`: cut when it is too long. The same object when nothing had to be done."""
        whole = len(text)
        if whole <= self.longest:
            return self._cut(self.exact(text, found, name=name, isolates=isolates), whole, found)
        head = self.exact(text[: self.longest + _SLACK], found, isolates=isolates)
        return self._cut(head, whole, found, must=True)

    def exact(self, text: str, found: Findings, *, name: str = "", isolates: bool = True) -> str:
        """A text of any length, standing under `name`; never cut."""
        if len(text) < _SHORTEST_SECRET and text.isascii() and text.isprintable():
            return text
        cleaned = characters.clean(text, found, isolates=isolates)
        if cleaned is not text and _BREAKS_JSON.search(text) and _is_json(text):
            cleaned = characters.clean(text, Findings(), isolates=isolates, in_json=True)
        return self.redactor.named(name, cleaned, found) if name else self.redactor.redact(cleaned, found)

    def masked(self, text: str, found: Findings) -> str:
        """The text as `exact` cleans it, but each secret keeps its length and kinds of characters; `found` is of `exact`."""
        cleaned = characters.clean(text, Findings())
        return mask(cleaned.encode()).decode() if "redacted-named" in found else masked(cleaned)

    def _cut(self, text: str, whole: int, found: Findings, *, must: bool = False) -> str:
        if len(text) <= self.longest and not must:
            return text
        found["text-truncated"] += 1
        return cut(text, self.longest, f"\n[cut by the gateway: the text had {whole} characters]")


def cut(text: str, longest: int, marker: str) -> str:
    """The beginning of the text and the marker, together at most `longest` characters; no grapheme is split."""
    return text[: boundary(text, max(0, longest - len(marker)))] + marker


def boundary(text: str, end: int) -> int:
    """The last place at or before `end` where the text can be cut without tearing what is read as one character."""
    if end >= len(text):
        return len(text)
    for place in range(end, max(0, end - _LONGEST_CLUSTER), -1):
        if not _joined(text, place):
            return place
    return end if end > _LONGEST_CLUSTER else 0


def _joined(text: str, place: int) -> bool:
    """Whether the characters on both sides of the place belong together (UAX #29, as far as cutting needs it)."""
    before, after = text[place - 1], text[place]
    if unicodedata.category(after)[0] == "M" or _EXTENDS.match(after) or before == "\u200d" or before + after == "\r\n":
        return True
    halves = _FLAG_HALVES.search(text, max(0, place - _LONGEST_CLUSTER), place)
    return "\U0001f1e6" <= after <= "\U0001f1ff" and halves is not None and len(halves[0]) % 2 == 1


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
