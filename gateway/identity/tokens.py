"""Access tokens: from text to principal.

Lives only here: which issuers are believed, and the memo of verified tokens. What is checked of one is said in `signed`,
what its claims mean in `claims`. Must not know API keys or endpoints. Called by `room`.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.config.schema import Issuer
from gateway.identity import claims
from gateway.identity.jwks import KeySets, source
from gateway.identity.keyset import KeySet
from gateway.identity.signed import Signer, verified
from gateway.model.principal import Principal
from gateway.ports import Clock

_MOST_KEPT: Final = 4096
_TYPES: Final = frozenset({"jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class _Kept:
    principal: Principal
    expires: float
    source: str
    keys: KeySet
    """The set the signature was checked with; once it changes, the token is checked again."""


class Tokens:
    """Verifies tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[Issuer], keysets: KeySets, clock: Clock) -> None:
        self._ids = tuple(issuer.id for issuer in issuers)
        self._issuers = {issuer.issuer: issuer for issuer in reversed(issuers)}
        self._signers = {
            name: Signer(source(issuer), name, issuer.audience, issuer.algorithms, _TYPES)
            for name, issuer in self._issuers.items()
        }
        self._keysets = keysets
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    async def prove(self, token: str) -> Principal:
        """The principal of a token. Raises Unproven; waits only where a key must be fetched first."""
        fingerprint = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        if (kept := self._kept.get(fingerprint)) is not None:
            if kept.expires > self._clock.now() and self._keysets.current(kept.source) is kept.keys:
                self._kept.move_to_end(fingerprint)
                return kept.principal
            del self._kept[fingerprint]
        kept = await self._verified(token)
        self._kept[fingerprint] = kept
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept.principal

    async def _verified(self, token: str) -> _Kept:
        signer, said, keys = await verified(token, self._signers, self._keysets)
        expires = claims.times(said, self._clock.now())
        principal = claims.principal(said, self._issuers[signer.issuer], self._ids, expires)
        return _Kept(principal, expires, signer.source, keys)
