"""API keys as text: how one is made, recognised and hashed.

Lives only here: the format `sp_<id>_<43 characters>`. The prefix lets secret scanners find a leaked key; the id tells
people which one leaked. Pure but for the operating system's randomness; must not know files or principals. Called by
`keyring` and `room`.
"""

import hashlib
import re
import secrets
from datetime import UTC, datetime
from typing import Final

PREFIX: Final = "sp_"
_FORMAT = re.compile(r"sp_[a-z][a-z0-9-]{0,39}_[A-Za-z0-9_-]{43}")


def minted(key_id: str) -> str:
    """A new key; 256 random bits."""
    return f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"


def well_formed(credential: str) -> bool:
    """Whether this is the shape of a key."""
    return _FORMAT.fullmatch(credential) is not None


def hashed(key: str) -> str:
    """What is kept of a key: `sha256:<hex>` over all of it.

    A plain hash and no slow one, because there is nothing to guess: the secret is 256 random bits, not a password. For
    the same reason a look-up by hash leaks nothing through its timing: nobody can steer a hash byte by byte.
    """
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def instant(text: str) -> float:
    """RFC 3339 time to Unix seconds. Raises ValueError, also for a time without its offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    return moment.timestamp()


def written(at: float) -> str:
    """Unix seconds to RFC 3339, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
