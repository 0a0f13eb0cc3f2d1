"""Key sets as values: from the text of a JWK set (RFC 7517) to verification keys, and to the ones a token means.

Lives only here: what is believed of a set and which members are passed over. Pure; must not know where a set came from.
Called by `jwks` for fetched sets and by `keyfile` for files.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import jwt

from gateway.wire import strict_json

LARGEST: Final = 256 * 1024
"""Bytes of a set."""
MOST_KEYS: Final = 100

Keys = tuple[jwt.PyJWK, ...]
"""Nearly always one: more where a set names different keys alike, and then either may have signed."""
KeySet = Mapping[tuple[str | None, str], Keys]
"""Keys by (kid, algorithm). A new object whenever a source's keys changed, and only then."""


class NoKey(Exception):
    """There is no key to check a token with; the text is ours and safe to show."""


class NoKeySet(ValueError):
    """A text that is no key set; says why, in words that are ours and safe to show."""


def read(data: bytes, algorithms: Sequence[str]) -> KeySet:
    """The signing keys of a set that may be used with `algorithms`; what else is in there is passed over. Raises NoKeySet."""
    try:
        raw = strict_json.parse(data)
    except strict_json.MalformedJson:
        raise NoKeySet("not JSON") from None
    members = raw.get("keys") if isinstance(raw, dict) else None
    if not isinstance(members, list) or len(members) > MOST_KEYS:
        raise NoKeySet(f"not a set of at most {MOST_KEYS} keys")
    found: dict[tuple[str | None, str], Keys] = {}
    for member in members:
        if not isinstance(member, dict) or member.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(member)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        kid = member.get("kid")
        if key.algorithm_name in algorithms and (kid is None or isinstance(kid, str)):
            name = kid, key.algorithm_name
            found[name] = (*found.get(name, ()), key)
    return MappingProxyType(found)


def pick(keys: KeySet, kid: str | None, algorithm: str) -> Keys:
    """The keys a token may mean; without a key id only where there is no choice."""
    if kid is not None:
        return keys.get((kid, algorithm), ())
    fitting = [key for (_, name), some in keys.items() if name == algorithm for key in some]
    return tuple(fitting) if len(fitting) == 1 else ()
