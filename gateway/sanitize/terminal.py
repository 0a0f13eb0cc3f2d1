"""Terminal control sequences (ECMA-48) in text, removed whole so that neither the sequence nor its residue remains.

Lives only here: how a sequence begins and ends. Must not know what else is unclean; single control characters that are
left over are the business of `characters.py`, its only caller.
"""

import re
from typing import Final

_UNTERMINATED: Final = 256
"""How much an introducer without a terminator may take with it, on its own line: never the rest of a long text."""

# The payload of a string stops at every character that could begin another sequence: each character is then looked
# at by one introducer only, which keeps the search linear. SGR 8 ("conceal") needs no rule: the text becomes visible.
_SEQUENCE: Final = re.compile(
    "(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])"  # OSC, DCS, SOS, PM, APC; OSC 8 loses its URL and keeps its label
    "(?:[^\x07\x1b\x90\x98\x9b-\x9f]*(?:\x07|\x1b\\\\|\x9c)"
    f"|[^\x07\x1b\x90\x98\x9b-\x9f\\n]{{0,{_UNTERMINATED}}})"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    "|\x1b[ -/]*[0-~]"  # two characters, or a designation such as ESC ( B
)
_INTRODUCER: Final = re.compile("[\x1b\x90\x98\x9b\x9d-\x9f]")


def plain(text: str) -> tuple[str, int]:
    """The text without terminal sequences, and how many there were."""
    if not _INTRODUCER.search(text):
        return text, 0
    return _SEQUENCE.subn("", text)
