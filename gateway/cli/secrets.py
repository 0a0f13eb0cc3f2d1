"""Which text of a configuration is a secret, as far as one can tell from its name and its shape.

Lives only here: the guesses. They lean one way: what merely might be a secret is treated as one, because a secret left in
a file is worse than a variable too many. Pure. Called by the importer (what to move out) and by `effective` (what to mask).
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_NAMED = re.compile(
    r"key|token|secret|pass|pwd|auth|credential|cookie|session|private|signature|dsn|connection|(^|[_-])pat($|[_-])",
    re.IGNORECASE,
)
_SHAPED = re.compile(
    r"\b(?:sk|pk|rk|sp|gh[opsu]|github_pat|glpat|xox[abeprs]|npm|hf|dop_v1|shp[a-z]{2}|lin_api|ntn|secret|pypi)[-_][A-Za-z0-9_-]{8,}"
    r"|\b(?:AKIA|ASIA|AIza|ya29\.|SG\.|eyJ)[A-Za-z0-9_.-]{8,}"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b(?:Bearer|Basic|Token)\s+\S+"
)
_RUN = re.compile(r"[A-Za-z0-9+=]{20,}")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_WORDS = re.compile(r"(?:[A-Z]+|[A-Z]?[a-z]{1,20})(?:[,.:_-](?:[A-Z]?[a-z]{1,20}|[A-Z]+|[a-z]?[0-9]{1,4}[a-z]?))*")
_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m|h|d)?")
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w./@ -]*|[A-Za-z]:\\[\w.\\ -]*")
SCHEME: Final = re.compile(r"(Bearer|Basic|Token)\s+(?=\S)")
"""The word before a credential, which is none itself."""


def named(name: str) -> bool:
    """Whether a variable, header, flag or parameter of this name usually holds a secret."""
    return _NAMED.search(name) is not None


def shaped(text: str) -> bool:
    """Whether the text has something in it that looks like a secret, whatever it is called."""
    return bool(_SHAPED.search(text) or _USERINFO.search(text) or any(map(_random, _RUN.findall(text))) or _query(text))


def harmless(name: str, value: str) -> bool:
    """Whether the value may stay in a file: plain words, a number, a path or an address, and no name that says secret."""
    if shaped(value):
        return False
    if _PATH.fullmatch(value) or not value:
        return True
    return not named(name) and bool(_WORDS.fullmatch(value) or _NUMBER.fullmatch(value) or _address(value))


def without_secrets(text: str, mask: str) -> str:
    """The text with everything masked that looks like a secret."""
    text = _USERINFO.sub(mask, _SHAPED.sub(mask, text))
    text = re.sub(r"(?<=[?&])([^=&#\s]+)=([^&#\s]+)", lambda m: f"{m[1]}={mask}" if named(m[1]) else m[0], text)
    return _RUN.sub(lambda found: mask if _random(found[0]) else found[0], text)


def _random(run: str) -> bool:
    return sum(c.isdigit() for c in run) >= 2 and sum(c.isalpha() for c in run) >= 2


def _query(text: str) -> bool:
    return "://" in text and any(named(name) for name, _ in parse_qsl(_split(text)[1]))


def _address(text: str) -> bool:
    """An http URL without user, password or query; `shaped` has looked at its path."""
    return text.startswith(("http://", "https://")) and not any(_split(text)) and " " not in text


def _split(text: str) -> tuple[str, str]:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text, text
    return parts.netloc.rpartition("@")[0], parts.query
