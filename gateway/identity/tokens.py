"""JWTs: from text to principal.

Lives only here: which tokens are looked at, the order of checks, and the memo of verified ones. Signature, issuer and
audience are PyJWT's; times are checked against our own clock. Must not know API keys or endpoints. Called by `room`.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.types import Options

from gateway.config.schema import Issuer
from gateway.identity import claims
from gateway.identity.claims import Unproven
from gateway.identity.jwks import KeySet, KeySets, NoKey
from gateway.model.principal import Principal
from gateway.ports import Clock

LARGEST: Final = 8 * 1024
"""Characters of a token."""
_LONGEST_KID: Final = 256
_MOST_KEPT: Final = 4096
_TYPES: Final = frozenset({"jwt", "at+jwt"})
_UNVERIFIED: Final[Options] = {"verify_signature": False}
_VERIFIED: Final[Options] = {
    "require": ["iss", "aud", "exp"],
    "enforce_minimum_key_length": True,
    # PyJWT asks the operating system for the time; `claims.times` asks the Clock.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class _Kept:
    principal: Principal
    expires: float
    issuer: str
    keys: KeySet
    """The set the signature was checked with; once it changes, the token is checked again."""


class Tokens:
    """Verifies tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[Issuer], keysets: KeySets, clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in reversed(issuers)}
        self._ids = tuple(issuer.id for issuer in issuers)
        self._keysets = keysets
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    async def prove(self, token: str) -> Principal:
        """The principal of a token. Raises Unproven; waits only where a key must be fetched first."""
        if len(token) > LARGEST:
            raise Unproven(f"it is longer than {LARGEST} characters")
        if not token.isascii():
            raise Unproven("it is not a well-formed token")
        fingerprint = hashlib.sha256(token.encode()).digest()
        if (kept := self._kept.get(fingerprint)) is not None:
            if kept.expires > self._clock.now() and self._keysets.current(kept.issuer) is kept.keys:
                self._kept.move_to_end(fingerprint)
                return kept.principal
            del self._kept[fingerprint]
        kept = await self._verified(token)
        self._kept[fingerprint] = kept
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept.principal

    async def _verified(self, token: str) -> _Kept:
        try:
            seen = jwt.decode_complete(token, options=_UNVERIFIED)
            issuer = self._issuer(seen["payload"].get("iss"))
            kid, algorithm = _header(seen["header"], issuer)
            keys, key = await self._keysets.find(issuer.id, kid, algorithm)
            payload = jwt.decode(
                token,
                key,
                algorithms=issuer.algorithms,
                audience=issuer.audience,
                issuer=issuer.issuer,
                options=_VERIFIED,
            )
        except NoKey as fault:
            raise Unproven(str(fault)) from None
        except jwt.PyJWTError as fault:
            raise Unproven(_why(fault)) from None
        expires = claims.times(payload, self._clock.now())
        principal = claims.principal(payload, issuer, self._ids, expires)
        return _Kept(principal, expires, issuer.id, keys)

    def _issuer(self, named: Any) -> Issuer:
        """Exact match: no normalisation, no trailing slash forgiven (RFC 8725 §3.8)."""
        if not isinstance(named, str) or (issuer := self._issuers.get(named)) is None:
            raise Unproven("its issuer is not one of those this gateway believes")
        return issuer


def _header(header: dict[str, Any], issuer: Issuer) -> tuple[str | None, str]:
    """Key id and algorithm of a token. A key id is a dictionary key here, never a path, a URL or part of a query."""
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if algorithm not in issuer.algorithms:
        raise Unproven("its algorithm is not allowed for its issuer")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise Unproven("its typ is neither JWT nor at+jwt")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise Unproven("its key id is not one")
    return kid, algorithm


def _why(fault: jwt.PyJWTError) -> str:
    match fault:
        case jwt.MissingRequiredClaimError():
            return "a claim is missing: iss, aud and exp are required"
        case jwt.InvalidAudienceError():
            return "its audience is not this gateway"
        case jwt.InvalidSignatureError():
            return "its signature is not the issuer's"
        case _:
            return "it is not a well-formed token"
