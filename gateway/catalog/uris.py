"""URIs and templates of them: which an upstream may list, which an agent may ask for, and what a template stands for.

Lives only here: the well-formedness of URIs, and RFC 6570 read backwards, as far as levels 1 and 2 (`{name}`, `{+path}`,
`{#part}`); a template with more is shown, and matches nothing. By RE2, whose time is linear in the URI: templates come from
upstreams, URIs from agents. Pure; must not know who lists or asks. Called by `beside` and `shelf`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import re2

LONGEST: Final = 4096
MOST_VARIABLES: Final = 16
"""Of a template. RE2's time grows with the pattern too: with a thousand of them one URI costs a tenth of a second."""
_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(r"([+#]?)[A-Za-z0-9_.%]+")
_ANY: Final = {"": "[^/?#]+", "+": "(?s:.+)", "#": "#(?s:.+)"}
_NOT_TO_ENCODE = re.compile(r"%(?:2[D-Fd-f]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[CcFf]|7[Ee])")
"""What needs no encoding, and both slashes: encoded, they pass for part of a segment and many a server decodes them first."""
_PATH = re.compile(r"[^?#]*")
_NO_PATH = re.compile(r"\\|(?<!:)(?<!:/)//|/\.(?:/|\Z)")
"""A backslash, an empty segment, a dot segment; after the scheme's colon come up to three slashes."""
_SEGMENT = re.compile(r"[/\\?#&=;:]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


def usable(text: Any) -> bool:
    """Whether an upstream may list this URI or template: visible characters only, not too long."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST and text.isprintable() and " " not in text


def plain(uri: str) -> bool:
    """Whether a URI that no list names says what it means (RFC 3986 §6.2.2).

    Patterns compare text. `..` and `//`, letters written as %41 and slashes as %2F, once or twice, would be another resource
    to the upstream than to a pattern.
    """
    if not usable(uri) or _SCHEME.match(uri) is None or any(map(_NOT_TO_ENCODE.search, (uri, once := unquote(uri)))):
        return False
    path = _PATH.match(uri)
    return path is not None and _NO_PATH.search(path[0]) is None and ".." not in _SEGMENT.split(unquote(once))


@lru_cache(maxsize=4096)
def expression(template: str) -> Any:
    """A compiled pattern to `fullmatch` a URI with; None for a template that cannot be read backwards."""
    try:
        return re2.compile("".join(_parts(template)), _OPTIONS)
    except (ValueError, re2.error):
        return None


def _parts(template: str) -> Iterator[str]:
    """Raises ValueError for anything beyond level 2, and for more variables than anybody needs."""
    at = 0
    for before, found in enumerate(_EXPRESSION.finditer(template)):
        if before == MOST_VARIABLES:
            raise ValueError("too many variables")
        yield _literal(template[at : found.start()])
        if (variable := _VARIABLE.fullmatch(found[1])) is None:
            raise ValueError("beyond level 2 of RFC 6570")
        yield _ANY[variable[1]]
        at = found.end()
    yield _literal(template[at:])


def _literal(text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError("a brace without its other half")
    return str(re2.escape(text))


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


_OPTIONS: Final = _options()
