"""What in the answer of a tool is noise: moments, and the ids that a server gives to its own answers.

Lives only here: what an id looks like. One that is named as the id of a request or a trace may have any shape. One that
stands alone may be what was asked for, such as an order, a version or a place to go on from: in the answer to a read it
is noise only where it is as long as ids alone are, while what a call that changes something names is what it just made.
Pure functions over text, linear in its length whatever a server writes. Must not know rules, nor JSON. Called by
loop_shapes.
"""

import re
from collections.abc import Collection
from typing import Final

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d\b|(?<![\w-])\d{10,13}(?![\w-])"
)
_TIMELY: Final = re.compile(r"\d\d:\d\d|\d{10}")
"""What every moment holds."""
_REQUEST: Final = ("request", "req", "trace", "span", "correlation", "nonce", "rid")
_THING: Final = ("id", "ref", "reference", "session")


def _labelled(labels: Collection[str]) -> re.Pattern[str]:
    """`req=8f3a2b`, `Trace-ID: …`, `req_1NXWPnCo6bFb`. A digit, or a capital within, tells an id from a word."""
    return re.compile(
        rf"(?<![A-Za-z])(?i:{'|'.join(labels)})(?i:[\s_-]?id)?[\"']?[\s:=#_-]{{1,3}}+[\"']?"
        r"(?=[\w-]{0,63}(?:\d|[a-z][A-Z]))((?:\w{6}|[\w-]{16})[\w-]*+)"
    )


_OF_REQUEST: Final = _labelled(_REQUEST)
_OF_THING: Final = _labelled(_THING)
_NUMBERED: Final = re.compile(r"(?<![\w-])[A-Za-z_-]*+\d[\w-]*+")
"""Words with a digit in them."""
_DIGITS: Final = re.compile(r"\d+")
_TURN: Final = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
"""Where letters and digits change places; in a word that somebody chose they rarely do so twice."""
_HEX: Final = re.compile(r"[0-9a-f]{6,}", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FEW: Final = 2
"""An answer that names more things than these is a list of them."""
_SEEN: Final = 64
"""So many characters of a word are looked at."""


def without_moments(text: str) -> str:
    return text if _TIMELY.search(text) is None else _MOMENT.sub("", text)


def is_moment(text: str) -> bool:
    return _MOMENT.fullmatch(text) is not None


def without_noise(text: str, *, counts: bool) -> str:
    """`counts`: whether numbers say something, as they do in the answer to a read."""
    spelled = text.lower()
    named = any(label in spelled for label in _REQUEST)
    read = without_moments(_OF_REQUEST.sub("", text) if named else text)
    alone = _NUMBERED.fullmatch(read) is not None
    is_id = _is_long_id if counts or alone else _is_id
    ids = {word for word in _NUMBERED.findall(read) if is_id(word)}
    if any(label in spelled for label in _THING):
        ids.update(_OF_THING.findall(read))
    if ids and not (counts and len(ids) > _FEW):
        read = _NUMBERED.sub(lambda word: "" if word[0] in ids else word[0], read)
    return read if counts else _DIGITS.sub("", read)


def names_request(name: str, value: str) -> bool:
    """Whether a member holds nothing but the id of a request."""
    return name.lower() in _REQUEST and _OF_REQUEST.fullmatch(f"{name}={value}") is not None


def _is_long_id(word: str) -> bool:
    if _UUID.fullmatch(word) is not None:
        return True
    return (len(word) >= 16 and _turns(word) >= 3) or (len(word) >= 14 and word.isdigit())


def _is_id(word: str) -> bool:
    return len(word) >= 6 and (
        _turns(word) >= 2 or _HEX.fullmatch(word) is not None or _UUID.fullmatch(word) is not None
    )


def _turns(word: str) -> int:
    return len(_TURN.findall(word[:_SEEN]))
