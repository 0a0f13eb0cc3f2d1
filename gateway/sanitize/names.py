"""Names of members and variables that say their value is a secret.

Lives only here: which names tell. Must not know values; whether a value looks like a secret is the business of
`checks.py`. Called by the keyword rule, by the walk over structured content, and by the journal's copy.
"""

import re
from functools import lru_cache
from typing import Final

_READ: Final = 80
"""Characters at the end of a name that are read, and kept in the caches."""
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9]+")

_TELLING: Final = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|passcode|pwd|pass|secret|token|api_?key|access_?key|secret_?key|private_?key"
    r"|auth_?key|account_?key|signing_?key|encryption_?key|master_?key|license_?key|credentials?|authtoken|auth)$"
    r"|(?:password|passwd|secret|token|apikey)$"
)
_HANDLES: Final = re.compile(
    r"(?:page|next|prev|previous|continuation|continue|sync|cursor|delta|resume|start|skip|count|ct|max|min|stop|eos|bos"
    r"|pad|unk|sep|cls|mask|progress|change|client_request|idempotency)_?token$"
)
"""Names that end like a secret and hold none: an agent needs a page token back as it came."""
_PRIVATE: Final = re.compile(
    r"password|passwd|passphrase|passcode|secret|token(?!i[sz])|api_?key|access_?key|private_?key|signing_?key|encryption_?key"
    r"|authorization|credential|cookie|session_?id|(?:^|_)(?:pwd|auth|pin|otp|cvv|cvc|ssn|iban|card_?number)(?:_|$)"
)
_MEASURE: Final = re.compile(r"tokens$|_(?:count|limit|length|size|type|expires?(?:_?(?:in|at))?|ttl|name)$")


def telling(name: str) -> bool:
    """Whether a value that looks random is a secret because of the name it stands under: `clientSecret`, `API_KEY`."""
    return _telling(name[-_READ:])


def private(name: str) -> bool:
    """Whether any value under the name is kept out of the journal, whatever it looks like."""
    return _private(name[-_READ:])


@lru_cache(maxsize=4096)
def _telling(name: str) -> bool:
    plain = _plain(name)
    return _TELLING.search(plain) is not None and _HANDLES.search(plain) is None


@lru_cache(maxsize=4096)
def _private(name: str) -> bool:
    plain = _plain(name)
    return _PRIVATE.search(plain) is not None and not (_HANDLES.search(plain) or _MEASURE.search(plain))


def _plain(name: str) -> str:
    """`x-apiKey` → `x_api_key`."""
    return _SEPARATORS.sub("_", _CAMEL.sub("_", name)).strip("_").lower()
