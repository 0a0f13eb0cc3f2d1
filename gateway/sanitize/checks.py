"""What a pattern cannot say: check digits, issuer ranges, randomness. Pure arithmetic over a match.

Lives only here: the second look at a candidate, which keeps order numbers and identifiers out of redaction. Must not
know rules or replacement. Each check returns where the secret ends, or None when it is none; `rules.py` names them.
"""

import base64
import binascii
import math
import re
from collections import Counter
from typing import Any, Final

import re2

from gateway.sanitize import names

Match = Any
"""A match of google-re2 over bytes; group 1 is the candidate."""

_LONGEST: Final = 512
_ISSUERS: Final = re.compile(
    rb"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|(?:1800|2131)\d{11}"
    rb"|62\d{14,17}|(?:5018|5020|5038|5[6-8]\d\d|6304|6759|676[1-3])\d{9,15}"
)
"""Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Maestro: ranges and lengths."""
_GROUPS: Final = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4)})
_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21,
    "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
    "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_JOINED_BEFORE: Final = re.compile(rb"[+_./#-]$|(?<!\\)[0-9A-Za-z]$|\\[^nrtbf]$")
_JOINED_AFTER: Final = re.compile(rb"[0-9A-Za-z_/-]|\.\d")
_PLACEHOLDER: Final = re2.compile(
    r"(?i)^[$%{<*#@]|example|change.?me|placeholder|your[_-]|xxxx|\*{3}|\.{3}|insert|redacted|dummy|sample"
)
_REPEATED: Final = re.compile(r"(.)\1{5}")
_STAND_INS: Final = frozenset(
    {"password", "passwd", "pass", "pwd", "secret", "token", "user", "username", "postgres", "root", "admin", "key"}
)
_WORD: Final = r"(?:[A-Za-z][a-z]*\d{0,3}[a-z]*|[A-Z]+\d{0,3}|\d{1,3})"
_NO_SECRET: Final = re2.compile(
    rf"^(?:https?:|[./~]|[a-z]:/)|^{_WORD}(?:[._:/-]{_WORD})+$|^-?\d[\d.:+TZ-]*(?:[Ee][+-]?\d+)?$"
)
"""Addresses, paths, identifiers; numbers, versions, times."""


def card(match: Match) -> int | None:
    """A payment card: issuer range, length, grouping and Luhn."""
    digits = re.sub(rb"\D", b"", match[1])
    groups = tuple(map(len, re.split(rb"[ -]", match[1])))
    fits = len(groups) == 1 or groups in _GROUPS
    return match.end(1) if fits and _alone(match) and _ISSUERS.fullmatch(digits) and luhn(digits) else None


def luhn(digits: bytes) -> bool:
    """The check digit of ISO/IEC 7812."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = (digit - 48) << (position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(match: Match) -> int | None:
    """An account number of ISO 13616: the country's length and mod 97; what follows it is left alone."""
    text: bytes = match[1]
    length, seen = _IBAN_LENGTHS.get(text[:2].decode(), 0), 0
    for position, code in enumerate(text):
        seen += code != 0x20
        if seen == length and length:
            compact = text[: position + 1].replace(b" ", b"")
            after = text[position + 1 : position + 2]
            number = "".join(str(int(chr(char), 36)) for char in compact[4:] + compact[:4])
            return match.start(1) + position + 1 if int(number) % 97 == 1 and not after.isalnum() else None
    return None


def ssn(match: Match) -> int | None:
    """A United States social security number the administration could have issued."""
    area, group, serial = match[1][:3], match[1][-6:-4].strip(b"- "), match[1][-4:]
    issued = area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"
    return match.end(1) if issued and _alone(match) else None


def _alone(match: Match) -> bool:
    """Whether the digits are no part of a longer number, name, decimal or telephone number."""
    start, end = match.span(1)
    before, after = match.string[max(0, start - 2) : start], match.string[end : end + 2]  # never a copy of the rest
    return not (_JOINED_BEFORE.search(before) or _JOINED_AFTER.match(after))


def entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())


def looks_random(value: str) -> bool:
    """Whether nobody would write the value by hand as a word, path, identifier or placeholder."""
    if not 8 <= len(value) <= _LONGEST or value.isalpha() or not any(map(str.isalpha, value)):
        return False
    if not any(map(str.isdigit, value)) or _placeholder(value) or _NO_SECRET.search(value):
        return False
    return entropy(value) >= min(3.3, 0.8 * math.log2(len(value)))


def _placeholder(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value) or _REPEATED.search(value))


def random(match: Match) -> int | None:
    """A candidate that looks random."""
    return match.end(1) if looks_random(_text(match)) else None


def named(match: Match) -> int | None:
    """A candidate that looks random, under a name that tells."""
    name = match.string[match.start() : match.start(1)].decode("utf-8", "replace")  # with = or :, which names ignore
    called = match.string[match.end(1) : match.end(1) + 1] in (
        b"(",
        b"[",
    )  # code: a function or an element, not a value
    return match.end(1) if not called and names.telling(name) and looks_random(_text(match)) else None


def sample(match: Match) -> int | None:
    """Everything but the key that Amazon's documentation uses."""
    return None if match[1].endswith(b"EXAMPLE") else match.end(1)


def password(match: Match) -> int | None:
    """A password in a connection string that is no stand-in."""
    value = _text(match)
    return None if value.lower() in _STAND_INS or _placeholder(value) else match.end(1)


def key_block(match: Match) -> int | None:
    """A private key block that holds a key, not just three dots between its two lines."""
    return match.end(1) if re.search(rb"[A-Za-z0-9+/]{32}", match[1]) else None


def credential(match: Match) -> int | None:
    """What follows `Authorization:`: something random, or `user:password` in base64."""
    value = _text(match)
    if looks_random(value):
        return int(match.end(1))
    try:
        return match.end(1) if b":" in base64.b64decode(value, validate=True) else None
    except (binascii.Error, ValueError):
        return None


def wrapped_key(match: Match) -> int | None:
    """Base64 that decodes to a PEM private key, as in a Kubernetes secret."""
    start = match[1][: len(match[1]) // 4 * 4][:128]
    return match.end(1) if b"PRIVATE KEY" in base64.b64decode(start + b"=" * (-len(start) % 4)) else None


def _text(match: Match) -> str:
    return str(match[1].decode("utf-8", "replace"))
