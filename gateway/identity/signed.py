"""Signed tokens: from text to claims that somebody we believe has signed for us.

Lives only here: which tokens are looked at, the order of checks, and what is done when a key does not fit. Signature,
issuer and audience are PyJWT's. Must not know what the claims say, nor the time. Called by `tokens` for access tokens and
by `peers` for user assertions, which differ in `typ` alone: neither can be shown in place of the other.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError
from jwt.types import Options

from gateway.identity.claims import Unproven
from gateway.identity.jwks import KeySets
from gateway.identity.keyset import Keys, KeySet, NoKey

LARGEST: Final = 8 * 1024
"""Characters of a token."""
_LONGEST_KID: Final = 256
_UNVERIFIED: Final[Options] = {"verify_signature": False}
_VERIFIED: Final[Options] = {
    "require": ["iss", "aud", "exp"],
    "enforce_minimum_key_length": True,
    # PyJWT asks the operating system for the time; the callers ask the Clock.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose word is believed, and in which form."""

    source: str
    """Names the key set (`jwks.source`)."""
    issuer: str
    """`iss`, exactly: no normalisation, no trailing slash forgiven (RFC 8725 §3.8)."""
    audience: str
    algorithms: tuple[str, ...]
    types: frozenset[str]
    """Of `typ`, in lower case, without `application/`; absent counts as `jwt` (RFC 8725 §3.11)."""


async def verified(
    token: str, signers: Mapping[str, Signer], keysets: KeySets
) -> tuple[Signer, Mapping[str, Any], KeySet]:
    """Who signed, the claims, and the set the key was of. `signers` by `iss`. Raises Unproven; may wait for a key."""
    if len(token) > LARGEST:
        raise Unproven(f"it is longer than {LARGEST} characters")
    if not token.isascii():
        raise Unproven("it is not a well-formed token")
    try:
        seen = jwt.decode_complete(token, options=_UNVERIFIED)
        named = seen["payload"].get("iss")
        if not isinstance(named, str) or (signer := signers.get(named)) is None:
            raise Unproven("its issuer is not one of those this gateway believes")
        kid, algorithm = _header(seen["header"], signer)
        set_, keys = await keysets.find(signer.source, kid, algorithm)
        try:
            return signer, _claims(token, keys, signer), set_
        except jwt.InvalidSignatureError as wrong:
            # The key of this id may have been replaced by another one under the same id.
            try:
                set_, keys = await keysets.find(signer.source, kid, algorithm, beyond=set_)
            except NoKey:
                raise wrong from None
            return signer, _claims(token, keys, signer), set_
    except NoKey as fault:
        raise Unproven(str(fault)) from None
    except jwt.PyJWTError as fault:
        raise Unproven(_why(fault)) from None


def _header(header: Mapping[str, Any], signer: Signer) -> tuple[str | None, str]:
    """Key id and algorithm of a token. A key id is a dictionary key here, never a path, a URL or part of a query."""
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if algorithm not in signer.algorithms:
        raise Unproven("its algorithm is not allowed for its issuer")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in signer.types:
        raise Unproven(f"its typ is not {' or '.join(sorted(signer.types))}")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise Unproven("its key id is not one")
    return kid, algorithm


def _claims(token: str, keys: Keys, signer: Signer) -> Mapping[str, Any]:
    """The claims once a signature fits. Raises jwt.PyJWTError."""

    def by(key: jwt.PyJWK) -> Mapping[str, Any]:
        return jwt.decode(
            token, key, algorithms=signer.algorithms, audience=signer.audience, issuer=signer.issuer, options=_VERIFIED
        )

    *others, last = keys
    for key in others:
        with contextlib.suppress(jwt.InvalidSignatureError):
            return by(key)
    return by(last)


def _why(fault: jwt.PyJWTError) -> str:
    match fault:
        case jwt.MissingRequiredClaimError():
            return "a claim is missing: iss, aud and exp are required"
        case jwt.InvalidAudienceError():
            return "its audience is not this gateway"
        case jwt.InvalidSignatureError():
            return "its signature is not the issuer's"
        case InvalidSubjectError():
            return "its sub claim is not text"
        case InvalidJTIError():
            return "its jti claim is not text"
        case _:
            return "it is not a well-formed token"
