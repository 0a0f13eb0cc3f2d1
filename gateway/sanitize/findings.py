"""The names of everything the room can find, and how findings are counted.

Lives only here: the closed list of finding classes, stable because records, metrics and rules name them. Must not know
texts or schemas. Every file of the room counts into a `Findings`; records and `_meta` show it.

| class | counts |
|---|---|
| `terminal-sequence` | ANSI/ECMA-48 sequences removed |
| `control` | other control characters removed (C0, DEL, C1) |
| `bare-cr` | carriage returns without a line feed, made line feeds |
| `line-separator` | U+2028, U+2029, U+0085, made line feeds |
| `bidi-control` | embeddings, overrides and isolates removed |
| `bidi-mark` | LRM, RLM, ALM removed |
| `tag` · `variation-selector` · `joiner` · `invisible` | characters of these families removed |
| `noncharacter` · `surrogate` | code points that are no text, removed |
| `private-use` | kept, told (icon fonts use them) |
| `private-use-removed` | removed because it stood inside an ASCII word |
| `hidden-text` | length of the printable text that removed characters encoded: high severity |
| `homoglyph` | words that mix look-alike letters, kept, told |
| `key-hidden` | member names that hold such characters, kept, told |
| `schema-hidden` | names, enum values, patterns of a definition that hold such characters, kept, told |
| `schema-unusable` | output schemas that cannot be compiled, so an edited result was not checked |
| `schema-restored` | edited leaves put back because the schema pins them and the edit was cosmetic |
| `schema-fitted` | redacted leaves given a stand-in of the form the schema demands |
| `text-truncated` · `media-removed` | texts cut, images, audio and blobs taken out, over the limit |
| `redacted-<type>` | secrets of a type of `rules.py`, or `redacted-named` for a value under a telling name |
| `unrecordable` | journal values that had to be left out |
"""

from collections import Counter

Findings = Counter[str]
"""{class: count}; a class that was not found is absent."""

HIGH = frozenset({"hidden-text", "terminal-sequence", "bidi-control", "tag", "text-truncated"})
"""Classes that are never cosmetic: such an edit is not undone, whatever a schema demands."""


def cosmetic(found: Findings) -> bool:
    """Whether an edit removed only typographic debris: no secret, nothing that hides or spoofs text."""
    return not any(name in HIGH or name.startswith("redacted-") for name in +found)
