"""Secrets in text: found by rule, replaced by a token that says what stood there and links equal values.

Lives only here: which rules are tried on which text, what happens where findings overlap, and the form of the token.
Must not know MCP or schemas. One search by Aho-Corasick and one by re2 decide whether a text needs a closer look, so
that clean text costs a few microseconds a kilobyte. Called by `leaf.py`, `structured.py` and `journal.py`.
"""

import hashlib
import hmac
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import re2
from ahocorasick_rs import BytesAhoCorasick, Implementation

from gateway.sanitize import checks, names
from gateway.sanitize.findings import Findings
from gateway.sanitize.rules import RULES, Rule

_PATTERNS: Final = tuple(re2.compile(f"(?-s){rule.pattern}") for rule in RULES)
_ANCHORED: Final = tuple((anchor.encode(), position) for position, rule in enumerate(RULES) for anchor in rule.anchors)
_ANCHORS: Final = BytesAhoCorasick([anchor for anchor, _ in _ANCHORED], implementation=Implementation.DFA)
_SHAPED: Final = tuple(position for position, rule in enumerate(RULES) if rule.probe)
PROBE: Final = "|".join(f"(?:{RULES[position].probe})" for position in _SHAPED)
"""Where a secret without a literal of its own may stand, in google-re2's syntax."""
_PROBES: Final = re2.compile(PROBE)

_BLOB: Final = re.compile(rb"(?:[A-Za-z0-9+/_=-]{60,}+(?:\r?\n|(?:\\r)?\\n)?+)++")
"""Base64, also wrapped into lines; each character is taken once, so the search is linear."""
_BLOB_BYTES: Final = 1024
_PASSES: Final = 4
"""A secret that stood against another one shows its edge once that one is gone."""
_TOKEN: Final = re.compile(rb"\[REDACTED:[a-z-]+:[0-9a-f]{8}\]")

Write = Callable[[str, bytes], bytes]
"""(type, secret) → what stands in its place."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a secret stands, in bytes."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces secrets; equal secrets get equal tokens under one key, and nobody without the key can test a guess."""

    key: bytes

    def redact(self, text: str, found: Findings) -> str:
        """The text with `[REDACTED:type:hmac8]` for each secret; the same object when there is none."""
        return _replaced(text, self._token, found)

    def named(self, name: str, text: str, found: Findings) -> str:
        """Like `redact`, but the whole text goes when the name it stands under tells and it looks random."""
        if names.telling(name) and checks.looks_random(text):
            found["redacted-named"] += 1
            return self.token("named", text)
        return self.redact(text, found)

    def token(self, type_: str, secret: str) -> str:
        """The token for one secret."""
        return self._token(type_, secret.encode("utf-8", "replace")).decode()

    def _token(self, type_: str, secret: bytes) -> bytes:
        mark = hmac.digest(self.key, secret, hashlib.sha256)[:4].hex()
        return f"[REDACTED:{type_}:{mark}]".encode()


def masked(text: str) -> str:
    """The text with every secret replaced, length and kinds of characters kept: for schemas that demand a form."""
    return _replaced(text, lambda _, secret: mask(secret), Findings())


def mask(secret: bytes) -> bytes:
    """0 for digits, X and x for letters; everything else stays."""
    return re.sub(rb"[a-z]", b"x", re.sub(rb"[A-Z]", b"X", re.sub(rb"[0-9]", b"0", secret)))


def anchored(data: bytes) -> bool:
    """Whether the UTF-8 text holds a literal that some rule waits for; `PROBE` covers the other rules."""
    return bool(_ANCHORS.find_matches_as_indexes(data.lower()))


def _replaced(text: str, write: Write, found: Findings) -> str:
    data = text.encode("utf-8", "replace")
    for _ in range(_PASSES):
        spans = _settled(_candidates(data), data)
        if not spans:
            break
        pieces, position = [], 0
        for span in spans:
            pieces += [data[position : span.start], write(span.type, data[span.start : span.end])]
            position = span.end
            found[f"redacted-{span.type}"] += 1
        text = b"".join([*pieces, data[position:]]).decode()
        data = text.encode()
    return text


def _tried(data: bytes) -> set[int]:
    hits = {_ANCHORED[hit][1] for hit, _, _ in _ANCHORS.find_matches_as_indexes(data.lower(), overlapping=True)}
    return hits.union(_SHAPED) if _PROBES.search(data) else hits


def _candidates(data: bytes) -> list[Span]:
    return [span for position in sorted(_tried(data)) for span in _matches(RULES[position], _PATTERNS[position], data)]


def _matches(rule: Rule, pattern: re2._Regexp, data: bytes) -> Iterator[Span]:
    for match in pattern.finditer(data):
        end = rule.check(match) if rule.check else match.end(1)
        if end is not None:
            yield Span(match.start(1), end, rule.type)


def _settled(candidates: list[Span], data: bytes) -> list[Span]:
    """Spans in order, none overlapping: touching ones become one that covers them, named by the longest."""
    if not candidates:
        return []
    blobs = [match.span() for match in _BLOB.finditer(data) if match.end() - match.start() > _BLOB_BYTES]
    tokens = [match.span() for match in _TOKEN.finditer(data)]
    settled: list[Span] = []
    for span in sorted(candidates, key=lambda span: span.start):
        if _inside(span, tokens) or (span.type != "private-key" and _inside(span, blobs)):
            continue
        if settled and span.start < settled[-1].end:
            last = settled[-1]
            longer = span if span.end - span.start > last.end - last.start else last
            settled[-1] = Span(last.start, max(last.end, span.end), longer.type)
        else:
            settled.append(span)
    return settled


def _inside(span: Span, areas: list[tuple[int, int]]) -> bool:
    """Whether one of the areas, which are in order, holds the whole span."""
    position = bisect_right(areas, span.start, key=lambda area: area[0])
    return position > 0 and span.end <= areas[position - 1][1]
