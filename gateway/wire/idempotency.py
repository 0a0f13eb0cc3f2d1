"""The caller's explicit idempotency key, from the three places it may stand in.

Lives only here: the syntax of a key and what happens when two places disagree. Must not know HTTP objects, `_meta`
parsing or what a key is good for. Called by the listener with what it found; the ledger sees only the agreed key.
Header: draft-ietf-httpapi-idempotency-key-header (a quoted string) or the bare token everybody sends; the names in
`_meta` are ours and that of SEP-3182.
"""

import re
from typing import Any, Literal

from gateway.model.refusal import Reason, Refused

LONGEST = 255
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")


def idempotency_key(
    header: str | None, meta_key: Any, alias: Any
) -> tuple[str | None, Literal["header", "meta"] | None]:
    """The key all given places agree on and where it stood; (None, None) without one. None means absent.

    Raises Refused: invalid-params for a key that is not 1 to 255 visible ASCII characters, or for two different keys.
    """
    keys = {
        place: _checked(place, value)
        for place, value in (
            ("Idempotency-Key", None if header is None else _unquoted(header)),
            ('_meta["io.sallyport/idempotency-key"]', meta_key),
            ("idempotencyKey", alias),
        )
        if value is not None
    }
    if not keys:
        return None, None
    if len(set(keys.values())) > 1:
        raise Refused(Reason.INVALID_PARAMS, f"{' and '.join(keys)} carry different idempotency keys.")
    return next(iter(keys.values())), "meta" if header is None else "header"


def _unquoted(header: str) -> str:
    """RFC 8941 §3.3.3, where the value begins like a quoted string."""
    value = header.strip(" \t")
    if not value.startswith('"'):
        return value
    if (quoted := _QUOTED.fullmatch(value)) is None:
        raise Refused(Reason.INVALID_PARAMS, "Idempotency-Key begins with a quote and is not a quoted string.")
    return _ESCAPED.sub(r"\1", quoted[1])


def _checked(place: str, value: Any) -> str:
    if not isinstance(value, str) or _VISIBLE.fullmatch(value) is None:
        raise Refused(Reason.INVALID_PARAMS, f"{place} must be 1 to {LONGEST} visible ASCII characters.")
    return value
