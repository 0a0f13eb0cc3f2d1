"""Characters: what may stay in a text that a model or a person will read, and what is removed.

Lives only here: the order of cleaning and the rules for characters that mean something only beside certain neighbours.
Text is never normalised and never rewritten; homoglyphs are told, not touched. Must not know secrets, JSON Schema or
MCP. Called by `leaf.py` for every string; `clean(clean(x)) == clean(x)`.
"""

import re
from collections.abc import Callable
from typing import Final

import re2

from gateway.sanitize import alphabets as a
from gateway.sanitize import directional, hidden, homoglyphs, terminal
from gateway.sanitize.findings import Findings

_PASSES: Final = 3
"""Removing a character can make strangers neighbours; honest text settles at once, attacks are settled below."""

# Surrogates cannot be written in a pattern of re2, nor encoded; failing to encode is their trigger.
TRIGGER: Final = f"[{a.TRIGGER}]|\r(?:[^\n]|\\z)|{homoglyphs.MIXED}"
"""Where there is anything to remove or to tell, in google-re2's syntax."""
_TRIGGER: Final = re2.compile(TRIGGER)
_EVERYTHING: Final = re.compile(f"[{a.TRIGGER}{a.SURROGATE}]|\r(?!\n)")

_FLAGS: Final = "|".join("".join(chr(0xE0000 + ord(char)) for char in region) for region in ("gbeng", "gbsct", "gbwls"))
_FLAG: Final = f"(?<=\U0001f3f4)(?:{_FLAGS})\U000e007f"
"""England, Scotland, Wales: the only flags in common use that are spelled with tags."""
_EARNED: Final = re.compile(
    "|".join(
        (
            f"(?<=[{a.EMOJI}])\u200d(?=[{a.EMOJI}])|(?<=[{a.EMOJI}]\ufe0f)\u200d(?=[{a.EMOJI}])",
            f"(?<=[{a.SYMBOL}])[\ufe0e\ufe0f]",
            "(?<=[0-9#*])\ufe0f(?=\u20e3)",
            f"(?<=[{a.IDEOGRAPH}])[\ufe00-\ufe02\U000e0100-\U000e01ef]",
            f"(?<=[{a.CJK_PUNCTUATION}])[\ufe00\ufe01]",
            f"(?<=[{a.OPERATOR}{a.MYANMAR}{a.PHAGS_PA}])\ufe00",
            f"(?<=[{a.MONGOLIAN}])[\u180b-\u180d\u180f]",
            f"(?<=[{a.VIRAMA}]\u200c)\u200c",
            f"(?<=[{a.CURSIVE}])[\u200c\u200d]|[\u200c\u200d](?=[{a.CURSIVE}])",  # real text has them on either side
            f"(?<=[{a.UNSPACED}])\u200b(?=[{a.UNSPACED}])",
        )
    )
)
_JUDGED: Final = re.compile(f"[{a.TAG}{a.SELECTOR}{a.JOINER}{a.INVISIBLE}]")
_FAMILIES: Final = tuple(
    (re.compile(f"[{family}]"), name)
    for family, name in (
        (a.TAG, "tag"),
        (a.SELECTOR, "variation-selector"),
        (a.JOINER, "joiner"),
        (a.INVISIBLE, "invisible"),
    )
)
_REPLACED: Final = tuple(
    (re.compile(f"[{unwanted}]"), instead, name)
    for unwanted, instead, name in (
        (a.CONTROL, "", "control"),
        (a.BIDI_EMBEDDING, "", "bidi-control"),
        (a.NONCHARACTER, "", "noncharacter"),
        (a.SURROGATE, "", "surrogate"),
        (a.LINE_SEPARATOR, "\n", "line-separator"),
    )
)
_BARE_CR: Final = re.compile("\r(?!\n)")
_BRAILLE: Final = re.compile("[\u2800-\u28ff]+")
_PRIVATE: Final = re.compile(f"[{a.PRIVATE}]")
_PRIVATE_IN_WORD: Final = re.compile(f"(?<=[A-Za-z0-9])[{a.PRIVATE}]+(?=[A-Za-z0-9])")


def suspicious(text: str) -> bool:
    """Whether there is anything to remove or to tell; one compiled search."""
    try:
        return _TRIGGER.search(text.encode()) is not None
    except UnicodeEncodeError:
        return True


def clean(text: str, found: Findings, *, isolates: bool = True, in_json: bool = False) -> str:
    """The text without what does not belong into text; the same object when nothing is removed.

    `isolates=False` removes bidirectional isolates even where right-to-left text uses them: for names, descriptions
    and code. `in_json` keeps a JSON text a JSON text: a line separator becomes an escape instead of a raw line feed,
    and C1 controls are removed one by one, because a sequence could swallow a quotation mark.
    """
    if not suspicious(text):
        return text
    for _ in range(_PASSES):
        before, text = text, _once(text, found, isolates=isolates, in_json=in_json)
        if text == before:
            text = before
            break
    else:
        text = _EVERYTHING.sub("", text)
    found["homoglyph"] += homoglyphs.count(text)
    if _PRIVATE.search(_alphabet(text)):
        found["private-use"] += len(_PRIVATE.findall(text))
    return text


def _alphabet(text: str) -> str:
    """Every character of the text once, in no order: short, so asking it for rare families costs little."""
    return "".join(set(text))


def _once(text: str, found: Findings, *, isolates: bool, in_json: bool) -> str:
    if not in_json:
        text, sequences = terminal.plain(text)
        found["terminal-sequence"] += sequences
    alphabet = _alphabet(text)
    for unwanted, instead, name in _REPLACED:
        if unwanted.search(alphabet):
            escaped = in_json and name == "line-separator"
            text, count = unwanted.subn("\\\\n" if escaped else instead, text)
            found[name] += count
    if "\r" in alphabet:
        text, count = _BARE_CR.subn("\n", text)
        found["bare-cr"] += count
    if strange := "".join(sorted(_JUDGED.findall(alphabet))):
        text = _judged(text, strange, found)
    if "\u2800" in alphabet:
        text = _filtered(_BRAILLE, text, "invisible", found, lambda run: run.strip("\u2800") != "")
    if _PRIVATE.search(alphabet):
        text = _filtered(_PRIVATE_IN_WORD, text, "private-use-removed", found, lambda _: False)
    return directional.settle(text, found, isolates=isolates)


def _judged(text: str, strange: str, found: Findings) -> str:
    """Keeps those of the `strange` characters whose neighbours give them a meaning; reads what the others spell."""
    removed: list[str] = []

    def judge(match: re.Match[str]) -> str:
        char = match[0]
        if len(char) > 1 or _EARNED.match(text, match.start()):
            return char
        removed.append(char)
        return ""

    cleaned = re.sub(f"{_FLAG}|[{strange}]" if "\U000e007f" in strange else f"[{strange}]", judge, text)
    gone = "".join(removed)
    for family, name in _FAMILIES:
        found[name] += len(family.findall(gone))
    found["hidden-text"] += hidden.length(gone)
    return cleaned


def _filtered(run: re.Pattern[str], text: str, name: str, found: Findings, keep: Callable[[str], bool]) -> str:
    """The text without those runs that `keep` does not want, counted by their characters."""

    def decide(match: re.Match[str]) -> str:
        if keep(match[0]):
            return match[0]
        found[name] += len(match[0])
        return ""

    return run.sub(decide, text)
